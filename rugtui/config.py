"""The settings of a run: one frozen, validated dataclass.

`--help`, the dashboard's form and the config file are all made from the fields below, so a setting
is declared once: its default, a sentence for people, the values it may have, and what a change of
it does to a run under way (`hot`: nothing is lost; otherwise a new run starts).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_type_hints

from rugtui.errors import SettingError

AUTO = "auto"
"""What a person writes for "choose for me"; stored as None."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known about one setting besides its type and default.

    `above` and `below` exclude the bound itself, `least` and `most` include it.
    """

    about: str
    unit: str = ""
    above: float = -math.inf
    least: float = -math.inf
    below: float = math.inf
    most: float = math.inf
    hot: bool = False
    group: str = "training"
    auto: str = ""
    pattern: str = ""

    def wanted(self, kind: type) -> str:
        """A phrase for the values that pass, as `SettingError` uses it."""
        noun = "a whole number" if kind is int else "a number"
        if (low := self.above) > -math.inf or (low := self.least) > -math.inf:
            noun += f" above {low:g}" if self.above > -math.inf else f" of at least {low:g}"
        if self.below < math.inf or self.most < math.inf:
            joint = " and" if low > -math.inf else ""
            noun += joint + (
                f" below {self.below:g}" if self.below < math.inf else f" at most {self.most:g}"
            )
        return noun

    def admits(self, value: Any) -> bool:
        inside = self.above < value < self.below and self.least <= value <= self.most
        return inside and math.isfinite(value)


def setting(default: Any, about: str, **known: Any) -> Any:
    return field(default=default, metadata={"rule": Rule(about, **known)})


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


@dataclass(frozen=True, slots=True)
class Declared:
    """One field of `Settings` as forms and command lines see it."""

    name: str
    kind: type
    default: Any
    rule: Rule
    choices: tuple[str, ...] = ()
    optional: bool = False

    def parse(self, text: str) -> Any:
        """The value that `text` stands for. Raises SettingError."""
        text = text.strip()
        if self.optional and text.lower() in ("", AUTO):
            return None
        value: Any = text
        if self.kind is bool:
            value = {"yes": True, "true": True, "on": True, "1": True}.get(text.lower())
            if value is None and text.lower() in ("no", "false", "off", "0"):
                value = False
        elif self.kind in (int, float):
            value = number(text, self.kind)
        if value is None:
            raise SettingError(self.name, self.wanted, repr(text))
        check(self, value)
        return value

    def write(self, value: Any) -> str:
        """The text that `parse` reads back as `value`."""
        if value is None:
            return AUTO
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.12g}" if isinstance(value, float) else str(value)

    @property
    def wanted(self) -> str:
        """A phrase for the values that pass."""
        if self.choices:
            phrase = "one of " + ", ".join(self.choices)
        elif self.kind is bool:
            phrase = "yes or no"
        elif self.rule.pattern == DEVICES:
            phrase = "auto, cpu, cuda, cuda:N or mps"
        else:
            phrase = self.rule.wanted(self.kind)
        return f"{phrase}, or {AUTO}" if self.optional else phrase


def number(text: str, kind: type) -> int | float | None:
    """`text` as a finite number of this kind, or None. 1e4 and 1_000 are whole numbers too."""
    try:
        value = float(text)
        if not math.isfinite(value):
            return None
        if kind is float:
            return value
        return int(text) if re.fullmatch(r"[+-]?[\d_]+", text) else _whole(value)
    except ValueError:
        return None


def _whole(value: float) -> int | None:
    return int(value) if value == int(value) else None


def check(declared: Declared, value: Any) -> None:
    """Raise SettingError unless `value` is one that this setting may have."""
    if value is None and declared.optional:
        return
    fits = _is_a(value, declared.kind)
    if fits and declared.kind in (int, float):
        fits = declared.rule.admits(value)
    if fits and declared.choices:
        fits = value in declared.choices
    if fits and declared.rule.pattern:
        fits = re.fullmatch(declared.rule.pattern, str(value)) is not None
    if not fits:
        shown = repr(value) if isinstance(value, str) else value
        raise SettingError(declared.name, declared.wanted, shown)


def _is_a(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) or (kind is float and isinstance(value, int))


def fields() -> Iterator[Declared]:
    """The settings in the order in which people see them."""
    return iter(_FIELDS.values())


def declared(name: str) -> Declared:
    """One setting by name. Raises KeyError."""
    return _FIELDS[name]


def _declare(one: dataclasses.Field[Any], hint: Any) -> Declared:
    options = [kind for kind in get_args(hint) if kind is not type(None)]
    optional = type(None) in get_args(hint)
    choices = get_args(hint) if options and not optional else ()
    kind = str if choices else (options[0] if optional else hint)
    return Declared(one.name, kind, one.default, one.metadata["rule"], choices, optional)


_FIELDS = {
    one.name: _declare(one, get_type_hints(Settings)[one.name])
    for one in dataclasses.fields(Settings)
}
