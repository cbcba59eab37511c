"""The settings of a run: one frozen, validated dataclass.

`--help`, the dashboard's form and the config file are all made from the fields below: a setting is
declared once. A change of one that is `hot` loses nothing; any other starts a new run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rugtui.declared import Declared, check, fields_of, setting
from rugtui.errors import SettingError

Method = Literal["sgd", "population"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine", "warmup", "reference"]
Activation = Literal["identity", "relu", "leaky_relu", "tanh", "gelu"]
DataKind = Literal["bernoulli", "one"]
DType = Literal["float32", "float64"]
Matmul = Literal["full", "tf32", "bf16"]
Frame = Literal["hadamard", "natural", "sequency", "orthonormal", "dct", "block"]
DEVICES = r"auto|cpu|mps|cuda(:\d+)?"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what a run computes. Symbols as in section 1 of the theory."""

    n_sparse: int = setting(512, "Features of the data.", unit="features", least=2, group="model")
    n_dense: int = setting(
        128, "Hidden dimensions; fewer than n_sparse.", unit="dimensions", least=1, group="model"
    )
    p: float = setting(
        0.05, "Probability that a feature is on.", above=0, most=1, hot=True, group="model"
    )
    method: Method = setting(
        "sgd", "sgd learns from samples, population descends the Gaussian loss.", hot=True
    )
    lr: float | None = setting(
        None,
        "Learning rate.",
        above=0,
        hot=True,
        auto="3e-3/√n_sparse, the paper's; population scales its own",
    )
    batch: int = setting(1024, "Samples in a step.", unit="samples", least=1, hot=True)
    steps: int = setting(
        10_000, "Steps to train; 0 goes on until stopped.", unit="steps", least=0, hot=True
    )
    seed: int = setting(0, "Seed of weights and data.", least=0, below=2**63, group="machine")
    device: str = setting(
        "auto",
        "Where to compute: auto, cpu, cuda, cuda:N or mps.",
        pattern=DEVICES,
        phrase="auto, cpu, cuda, cuda:N or mps",
        group="machine",
    )

    def __post_init__(self) -> None:
        for declared in fields():
            check(declared, getattr(self, declared.name))
        if self.n_dense >= self.n_sparse:
            raise SettingError(
                "n_dense",
                f"a whole number from 1 to n_sparse − 1 = {self.n_sparse - 1}",
                self.n_dense,
                "lower n_dense or raise n_sparse",
            )

    @property
    def ratio(self) -> float:
        """r = n_dense / n_sparse."""
        return self.n_dense / self.n_sparse

    @property
    def learning_rate(self) -> float:
        """The rate that a step takes: `lr`, or the paper's 3e-3/√n_sparse where it is auto."""
        return 3e-3 / math.sqrt(self.n_sparse) if self.lr is None else self.lr

    def replace(self, **changes: Any) -> Settings:
        """A validated copy. Raises SettingError."""
        return dataclasses.replace(self, **changes)

    def restarts(self, other: Settings) -> list[str]:
        """Names of the settings in which `other` differs and that need a new run."""
        return [
            declared.name
            for declared in fields()
            if not declared.rule.hot
            and getattr(self, declared.name) != getattr(other, declared.name)
        ]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def fields() -> Iterator[Declared]:
    """The settings in the order in which people see them."""
    return iter(fields_of(Settings).values())


def declared(name: str) -> Declared:
    """One setting by name. Raises KeyError."""
    return fields_of(Settings)[name]
