"""The settings of a run: one frozen, validated dataclass.

`--help`, the dashboard's form and the config file are all made from these fields, so a setting is
declared once. A run continues when a `hot` setting changes; any other change starts a new run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rugtui.errors import SettingError
from rugtui.settings.fields import Declared, check, fields_of, setting
from rugtui.settings.law import MagnitudeLaw

Method = Literal["sgd", "population"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine", "warmup", "reference"]
Activation = Literal["identity", "relu", "leaky_relu", "tanh", "gelu", "jumprelu", "topk", "gated"]
EXTRA: dict[str, tuple[str, ...]] = {
    "jumprelu": ("threshold",),
    "gated": ("log_gain", "magnitude_bias"),
}
"""Parameters that an activation learns for each output, by their names in files."""
OF_AUTOENCODERS = (*EXTRA, "topk")
"""Activations of sparse autoencoders: they learn such parameters, or compare outputs."""
DataKind = Literal["bernoulli", "one", "correlated", "anticorrelated"]
GROUPED = ("correlated", "anticorrelated")
"""Data whose features come in groups."""
DType = Literal["float32", "float64"]
Matmul = Literal["full", "tf32", "bf16"]
Construction = Literal["hadamard", "natural", "sequency", "orthonormal", "dct", "block"]
SGD_RATE, SGD_BOUND = 0.02, 0.3
"""The default rate of the optimizer sgd is SGD_RATE n_sparse, because the loss is a mean over
features, but at most SGD_BOUND/p²: the steepest direction is the mean of the data, n_sparse equal
entries p/2. At (512, 128) 0.02 n_sparse alone diverges from p 0.3 on."""
DEVICES = r"auto|cpu|mps|cuda(:\d+)?"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that determines the numbers of a run. Symbols as in section 1 of the theory."""

    n_sparse: int = setting(512, "Features of the data.", unit="features", least=2, group="model")
    n_dense: int = setting(
        128, "Hidden dimensions; fewer than n_sparse.", unit="dimensions", least=1, group="model"
    )
    p: float = setting(
        0.05, "Probability that a feature is on.", above=0, most=1, hot=True, group="model"
    )
    activation: Activation = setting(
        "relu",
        "Activation function, applied to W x + b. jumprelu (with a learned threshold for each "
        "output), gated and topk are those of sparse autoencoders.",
        group="model",
    )
    k: int | None = setting(
        None,
        "Outputs that the activation topk keeps in each sample.",
        unit="outputs",
        least=1,
        hot=True,
        group="model",
        auto="p n_sparse, rounded, and at least 1",
    )
    bias: bool = setting(True, "Give the output a bias b.", group="model")
    tied: bool = setting(False, "Tie W_out to the transpose of W_in.", group="model")
    importance: float = setting(
        0.0,
        "α: feature i (from 1) has weight i^−α in the loss; 0 weighs all alike.",
        least=0,
        group="model",
    )
    data: DataKind = setting(
        "bernoulli",
        "bernoulli: each feature is on with probability p; one: exactly one is on; correlated: a "
        "group of neighbours is on or off together; anticorrelated: at most one of a group is on.",
        group="model",
    )
    group: int = setting(
        2,
        "Neighbours in a group of correlated or anticorrelated features.",
        unit="features",
        least=2,
        group="model",
    )
    magnitude: str = setting(
        "uniform",
        "Magnitude of a feature that is on: uniform:LOW,HIGH (0,1), normal:MEAN,DEVIATION "
        "(1,0.25), exponential:MEAN (0.5), fixed:VALUE (1), or signed: uniform on [−1, 1].",
        pattern=".+",
        phrase="uniform, normal, exponential, fixed or signed, with its numbers after a colon",
        group="model",
    )
    p_decay: float = setting(
        0.0,
        "α: feature i (from 1) is on with probability p_i ∝ i^−α, at most 1 and p on average.",
        least=0,
        group="model",
    )
    init: str = setting(
        "default",
        "Initial weights: default (random, W_out = W_inᵀ), linear (as PyTorch's Linear, the "
        "paper's), orthonormal, rug or another construction (pairs, vote:4, best, …), or a file "
        "of weights.",
        pattern=".+",
        phrase="default, linear, a construction such as rug, pairs or best, or a file of weights",
        group="model",
    )
    method: Method = setting(
        "sgd",
        "sgd learns from samples; population minimises the Gaussian loss, without samples.",
        hot=True,
    )
    lr: float | None = setting(
        None,
        "Learning rate.",
        above=0,
        hot=True,
        auto="3e-3/√n_sparse, the paper's; optimizer sgd 0.02 n_sparse, at most 0.3/p²; "
        "population has its own",
    )
    optimizer: Optimizer = setting("adam", "Optimizer of --method sgd.")
    momentum: float = setting(0.9, "Momentum of the optimizer sgd.", least=0, below=1)
    weight_decay: float = setting(0.01, "Weight decay of the optimizer adamw.", least=0)
    schedule: Schedule = setting(
        "constant",
        "Learning rate schedule: constant, cosine (to 0), warmup (from 0), or reference (the "
        "paper's: constant, in epochs of 30,000 samples, with Adam's eps 1e-7 and its patience).",
        hot=True,
    )
    batch: int = setting(1024, "Samples per step.", unit="samples", least=1, hot=True)
    steps: int = setting(
        10_000, "Steps to train; 0 trains until stopped.", unit="steps", least=0, hot=True
    )
    until_within: float | None = setting(
        None,
        "Stop once the loss is within this fraction of L*: 0.01 is 1 %.",
        above=0,
        hot=True,
        auto="train all steps",
    )
    patience: int | None = setting(
        None,
        "Stop after this many steps without improvement; 0 never stops.",
        unit="steps",
        least=0,
        hot=True,
        auto="0; population 200; schedule reference the paper's, 200 after every epoch",
    )
    seed: int = setting(0, "Seed of weights and data.", least=0, below=2**63, group="machine")
    device: str = setting(
        "auto",
        "Where to compute: auto, cpu, cuda, cuda:N or mps.",
        pattern=DEVICES,
        phrase="auto, cpu, cuda, cuda:N or mps",
        group="machine",
    )
    threads: int | None = setting(
        None,
        "Threads on a CPU; the last digits of results depend on their number.",
        unit="threads",
        least=1,
        most=1024,
        hot=True,
        group="machine",
        auto="by the size of a step, at most the cores granted",
    )
    dtype: DType = setting("float32", "Precision of weights and products.", group="machine")
    matmul: Matmul = setting(
        "full",
        "Precision within products: full, tf32 (CUDA; its effect on the loss was not measured), or "
        "bf16 (the final loss within 0.02 %, measured on a CPU).",
        group="machine",
    )

    def __post_init__(self) -> None:
        for declared in fields():
            check(declared, getattr(self, declared.name))
        for conflict in conflicts(self.as_dict()):
            raise conflict

    @property
    def ratio(self) -> float:
        """r = n_dense / n_sparse."""
        return self.n_dense / self.n_sparse

    @property
    def p_on(self) -> float:
        """Probability that a given feature is on, whatever the kind of data."""
        return 1 / self.n_sparse if self.data == "one" else self.p

    @property
    def law(self) -> MagnitudeLaw:
        """The law of the magnitude of a feature that is on."""
        return MagnitudeLaw.parse(self.magnitude)

    @property
    def outputs_kept(self) -> int:
        """Outputs that the activation topk keeps."""
        return self.k or kept_outputs(self.p_on, self.n_sparse)

    @property
    def learning_rate(self) -> float:
        """The rate before the schedule: `lr`, or the default rate if it is auto."""
        return self.usual_rate if self.lr is None else self.lr

    @property
    def usual_rate(self) -> float:
        """The optimizer's default rate, which auto stands for."""
        if self.optimizer == "sgd":
            return min(SGD_RATE * self.n_sparse, SGD_BOUND / self.p_on**2)
        return 3e-3 / math.sqrt(self.n_sparse)

    def replace(self, **changes: Any) -> Settings:
        """A validated copy. Raises SettingError."""
        return dataclasses.replace(self, **changes)

    def restarts(self, other: Settings) -> list[str]:
        """Names of the settings in which `other` differs and that need a new run."""
        cold = (one.name for one in fields() if not one.rule.hot)
        return [name for name in cold if getattr(self, name) != getattr(other, name)]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def kept_outputs(p: float, n_sparse: int) -> int:
    """The default k of topk: the expected number of features that are on, and at least 1."""
    return max(1, round(p * n_sparse))


def conflicts(known: Mapping[str, Any]) -> Iterator[SettingError]:
    """Conflicts among settings that are valid one by one.

    Like `unused`, it passes over what is missing from `known`: an invalid row of a form.
    """
    n_sparse, n_dense = known.get("n_sparse", math.inf), known.get("n_dense", 0)
    if n_dense >= n_sparse:
        wanted = f"a whole number from 1 to n_sparse − 1 = {n_sparse - 1}"
        yield SettingError("n_dense", wanted, n_dense, "lower n_dense or raise n_sparse")
    if known.get("method") == "population":  # the Gaussian loss (section 3)
        needed = {"activation": "relu", "data": "bernoulli", "magnitude": "uniform", "p_decay": 0}
        for name, only in needed.items():
            if (value := known.get(name, only)) != only:
                hint = f"set {name} to {only}"
                yield SettingError("method", f"sgd where {name} is {value}", "population", hint)
    try:
        MagnitudeLaw.parse(known.get("magnitude", "uniform"))
    except SettingError as error:
        yield error
    data, group, p = known.get("data"), known.get("group", 2), known.get("p", 0)
    if data in GROUPED and known.get("n_sparse", group) % group:
        yield SettingError("group", f"a divisor of n_sparse, which is {n_sparse}", group)
    if data == "anticorrelated" and group * p > 1:
        wanted = f"at most 1/{group} where one of {group} features is on"
        yield SettingError("p", wanted, p, "lower p or group")
    if known.get("p_decay") and data not in (None, "bernoulli"):
        yield SettingError("p_decay", f"0 where data is {data}", known["p_decay"])
    if (k := known.get("k")) is not None and k > n_sparse:
        yield SettingError("k", f"at most n_sparse = {n_sparse}", k)
    if known.get("activation") == "gated" and not known.get("bias", True):
        hint = "its gate is where W x + b is positive"
        yield SettingError("bias", "yes where activation is gated", "no", hint)
    within = known.get("until_within")
    if within is not None and (why := no_target_where(known)):
        where, hint = why
        yield SettingError("until_within", f"auto where {where}", within, hint)
    if known.get("schedule") == "cosine" and not known.get("steps", 1):
        yield SettingError("steps", "at least 1 where schedule is cosine", known["steps"])


def no_target_where(known: Mapping[str, Any]) -> tuple[str, str] | None:
    """A setting for which L* is not the optimum, and why; None where L* applies."""
    for name, only, where, why in (
        ("importance", 0, "importance is not 0", "the loss is weighted then, and L* is not"),
        ("activation", "relu", "activation is {}", "L* is of a ReLU"),
        ("bias", True, "bias is off", "L* is of a model with a bias"),
        ("data", "bernoulli", "data is {}", "L* is of features that are on independently"),
        ("p_decay", 0, "p_decay is not 0", "L* is of features that all have the same p"),
        ("magnitude", "uniform", "magnitude is {}", "its test needs magnitudes uniform on [0, 1]"),
    ):
        if (value := known.get(name, only)) != only:
            return where.format(value), why
    return None


def unused(known: Mapping[str, Any]) -> dict[str, str]:
    """Names of the settings that have no effect next to these, each with the reason."""
    optimizer, activation = known.get("optimizer"), known.get("activation", "topk")
    population, bf16 = known.get("method") == "population", known.get("matmul") == "bf16"
    rules = (
        (optimizer in ("adam", "adamw"), "momentum", f"{optimizer} keeps its own averages"),
        (optimizer in ("adam", "sgd"), "weight_decay", "it belongs to the optimizer adamw"),
        (activation != "topk", "k", "it belongs to the activation topk"),
        (
            bf16 and "activation" in known and activation in OF_AUTOENCODERS,
            "matmul",
            f"the activation {activation} has no products in bfloat16",
        ),
        (
            known.get("data", "correlated") not in GROUPED,
            "group",
            "it belongs to correlated and anticorrelated data",
        ),
        (known.get("data") == "one", "p", "exactly one feature is on"),
        *(
            (population, name, "population training sets its own rates")
            for name in ("lr", "optimizer", "momentum", "weight_decay", "schedule")
        ),
        (population and bf16, "matmul", "population training has no products in bfloat16"),
    )
    return {name: why for holds, name, why in rules if holds}


def no_effect(settings: Settings, names: Iterable[str] | None = None) -> list[str]:
    """A sentence for each of these settings that has no effect next to the others; by default, of
    those that differ from their defaults."""
    known, why = fields_of(Settings), unused(settings.as_dict())
    if names is None:
        names = [name for name in known if getattr(settings, name) != known[name].default]
    return [
        f"{name} {known[name].write(getattr(settings, name))} has no effect: {why[name]}."
        for name in names
        if name in why
    ]


def fields() -> Iterator[Declared]:
    """The settings in the order in which they are listed."""
    return iter(fields_of(Settings).values())


def declared(name: str) -> Declared:
    """One setting by name. Raises KeyError."""
    return fields_of(Settings)[name]


def dense_from_ratio(ratio: float, n_sparse: int) -> int:
    """n_dense = round(ratio · n_sparse), between 1 and n_sparse − 1. Raises SettingError."""
    if n_sparse < 2:
        raise SettingError("n_sparse", declared("n_sparse").wanted, n_sparse)
    n_dense = round(ratio * n_sparse) if 0 < ratio < 1 else 0
    if not 1 <= n_dense < n_sparse:
        wanted = (
            f"a number from {1 / n_sparse:.3g} to {1 - 1 / n_sparse:.6g} at n_sparse {n_sparse}"
        )
        raise SettingError("ratio", wanted, ratio, "n_dense = ratio · n_sparse is rounded")
    return n_dense
