"""The settings of a sweep: its axes, and how its cells are computed.

A Grid is declared like `Settings`: options, form and file are made from its fields. A field that
means the same as one of `Settings`, and each value on an axis, follow the rule of that setting.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from rugtui.errors import SettingError
from rugtui.settings.fields import Declared, Rule, check, fields_of, numbers, setting
from rugtui.settings.settings import Settings

Kind = Literal["trained", "population", "rug", "theory", "linear"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RANDOM: tuple[Kind, ...] = ("trained", "population", "rug")
"""Kinds that depend on a seed."""
Shape = tuple[int, int]
"""(n_sparse, n_dense)."""
RANGE = "numbers 0.1,0.2 or a range FIRST:LAST:COUNT, with :log if wanted"
MOST = 1_000_000
"""More cells than this are assumed to be a typo."""
STEPS, STEPS_AT = 3000, 128
"""The default number of SGD steps, and the n_sparse for which it is meant. It grows with √n_sparse,
like the inverse of the default learning rate."""
POPULATION_STEPS = 1000
AXES = ("n_sparse", "ratio", "p", "seed", "kinds", "bias", "tied", "activation", "data")
"""The fields by which a grid may be extended."""
VARIANT = AXES[5:]
"""The axes that make a Variant."""


def axis(default: str, about: str, **known: Any) -> Any:
    known = {"phrase": RANGE} | known
    return setting(default, about, pattern=".+", group="grid", **known)


def choices(name: str, about: str) -> Any:
    """An axis over a setting of runs that is not a number."""
    declared = fields_of(Settings)[name]
    phrase = "one or more of " + (", ".join(declared.choices) or "yes, no")
    return axis(declared.write(declared.default), about, phrase=phrase)


def as_in_runs(name: str, **changes: Any) -> Any:
    """A field like the setting of runs of this name, with changes to its Rule."""
    declared = fields_of(Settings)[name]
    rule = dataclasses.replace(declared.rule, **changes)
    return dataclasses.field(default=declared.default, metadata={"rule": rule})


@dataclass(frozen=True, slots=True)
class Variant:
    """The model that is trained, and its data."""

    bias: bool = True
    tied: bool = False
    activation: str = "relu"
    data: str = "bernoulli"

    @property
    def is_theorys(self) -> bool:
        """Whether the exact and the Gaussian loss apply to this model."""
        return (self.activation, self.data) == ("relu", "bernoulli")

    @property
    def words(self) -> str:
        """How it differs from the default model; empty for that one."""
        usual = Variant()
        said = [] if self.bias else ["no bias"]
        said += ["tied"] if self.tied else []
        said += [self.activation] if self.activation != usual.activation else []
        return ", ".join(said + ([f"data {self.data}"] if self.data != usual.data else []))


@dataclass(frozen=True, slots=True)
class Grid:
    """Every ratio and p at every n_sparse, for every kind and, unless it is a formula, every
    seed."""

    n_sparse: str = axis("128", "Features: 128,512 or 128:8192:7:log.")
    ratio: str = axis("0.002:0.8:20", "r = n_dense / n_sparse: 0.1,0.25 or 0.002:0.8:20.")
    p: str = axis("0.002:0.8:20", "Probability that a feature is on: 0.05 or 1e-3:0.1:7:log.")
    seed: str = axis("0", "Seeds of weights and data: 0,1,2.")
    bias: str = choices("bias", "Whether trained models have a bias: yes,no.")
    tied: str = choices("tied", "Whether W_out of trained models is W_in's transpose: yes,no.")
    activation: str = choices("activation", "Activations of trained models: relu,tanh.")
    data: str = choices("data", "Data of trained models: bernoulli,one.")
    k: int | None = as_in_runs("k", group="grid")
    kinds: str = setting(
        "trained,rug,theory,linear",
        "What to compare: trained (on samples, by SGD), population (minimises the Gaussian loss, "
        "so it agrees with L* by construction), rug, theory (L*), linear.",
        pattern=".+",
        phrase="one or more of " + ", ".join(KINDS),
        group="grid",
    )
    steps: int | None = setting(
        None,
        "Most steps of training of a cell.",
        unit="steps",
        least=1,
        auto="3,000 √(n_sparse/128); population 1,000",
    )
    patience: int | None = setting(
        None,
        "Stop earlier if the mean loss of this many steps is not below that of as many steps "
        "before them; 0 never stops. Population stops once its loss has settled.",
        unit="steps",
        least=0,
        auto="a quarter of the steps",
    )
    batch: int = as_in_runs("batch", about="Samples in a step of SGD.")
    lr: float | None = as_in_runs(
        "lr", about="Learning rate of SGD.", auto="3e-3/√n_sparse, the paper's"
    )
    samples: int = setting(
        4096, "Fresh samples for the loss of trained weights and of rugs.", least=2
    )
    rows: int = setting(
        128,
        "Most rows of W for the exact loss and the statistics of symmetry.",
        unit="rows",
        least=2,
    )
    save_weights: bool = setting(False, "Save the weights of trained cells and of rugs.")
    device: str = as_in_runs("device")

    def __post_init__(self) -> None:
        for name, declared in fields_of(Grid).items():
            check(declared, getattr(self, name))
        axes = Axes.of(self)
        if (wanted := axes.cells) > MOST:
            raise SettingError("sweep", f"one of at most {MOST:,} cells", f"{wanted:,}")
        for variant in axes.variants:
            self.settings(axes.shapes[0], axes.p[0], 0, variant)
        if self.k is not None and all(one.activation != "topk" for one in axes.variants):
            raise SettingError("k", "auto unless topk is among the activations", self.k)

    @classmethod
    def asked(cls, given: Mapping[str, Any], base: Grid | None = None) -> Grid:
        """`base` or the defaults with the given settings. As in version 0.1, a `method` says what
        the kind "trained" means. Raises SettingError."""
        values = (base.as_dict() if base else {}) | dict(given)
        method = values.pop("method", None)
        if method not in (None, "sgd", "population"):
            raise SettingError("method", "one of sgd, population", repr(method))
        if method == "population":
            kinds = values.get("kinds") or fields_of(cls)["kinds"].default
            values["kinds"] = kinds.replace("trained", "population")
        return cls(**values)

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Grid:
        """A grid from a file, perhaps of version 0.1. Raises SettingError, TypeError."""
        facts = dict(facts)
        method = facts.pop("method", None)
        if method is not None:
            usual = 10_000 if method == "sgd" else None
            facts |= {"patience": 0, "steps": facts.get("steps") or usual}
        if method == "population":
            facts["kinds"] = facts["kinds"].replace("trained", "population")
        return cls(**facts)

    def settings(
        self, shape: Shape, p: float, seed: int, variant: Variant | None = None
    ) -> Settings:
        """The settings of the run that a cell stands for: of a variant, or population training."""
        steps = self.steps or (usual_steps(shape[0]) if variant else POPULATION_STEPS)
        patience = steps // 4 if self.patience is None else self.patience
        return Settings(
            n_sparse=shape[0],
            n_dense=shape[1],
            p=p,
            seed=seed,
            method="sgd" if variant else "population",
            steps=steps,
            patience=patience if variant else None,
            batch=self.batch,
            lr=self.lr,
            device=self.device,
            k=self.k if variant and variant.activation == "topk" else None,
            threads=1,  # units run side by side
            **(dataclasses.asdict(variant) if variant else {}),
        )

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Axes:
    """A grid's axes as numbers. Shapes are by n_sparse, then n_dense, ascending."""

    shapes: tuple[Shape, ...]
    p: tuple[float, ...]
    seeds: tuple[int, ...]
    kinds: tuple[Kind, ...]
    variants: tuple[Variant, ...]
    """Of trained models."""
    notes: tuple[str, ...]
    """What rounding did to the ratios."""

    @classmethod
    def of(cls, grid: Grid) -> Axes:
        """Raises SettingError."""
        shapes, notes = _shapes(_numbers("n_sparse", grid.n_sparse), grid.ratio)
        kinds = _words("kinds", grid.kinds)
        variants = [_words(name, getattr(grid, name)) for name in VARIANT]
        return cls(
            shapes,
            tuple(_numbers("p", grid.p)),
            tuple(_numbers("seed", grid.seed)),
            tuple(kind for kind in KINDS if kind in kinds),
            tuple(Variant(*one) for one in itertools.product(*variants)),
            notes,
        )

    @property
    def words(self) -> str:
        """The size of the grid, as in "20 shapes × 20 p × 1 seed: 400 trained, 400 theory"."""
        shapes, seeds = _times(len(self.shapes), "shape"), _times(len(self.seeds), "seed")
        words = f"{shapes} × {len(self.p)} p × {seeds}"
        words += f" × {len(self.variants)} variants" if len(self.variants) > 1 else ""
        return f"{words}: {', '.join(f'{count:,} {kind}' for kind, count in self.counts.items())}"

    @property
    def counts(self) -> dict[Kind, int]:
        """Rows of the table of each kind."""
        pairs = len(self.shapes) * len(self.p)
        variants = {"trained": len(self.variants)}
        return {
            kind: pairs * (len(self.seeds) * variants.get(kind, 1) if kind in RANDOM else 1)
            for kind in self.kinds
        }

    @property
    def cells(self) -> int:
        """Rows of the table."""
        return sum(self.counts.values())


def usual_steps(n_sparse: int) -> int:
    """The default number of steps of SGD, in hundreds."""
    return max(100 * round(STEPS / 100 * math.sqrt(n_sparse / STEPS_AT)), 1000)


def _numbers(name: str, text: str) -> list[Any]:
    """Numbers that differ, and are valid for the setting of this name, if there is one. Those of a
    range are rounded for a setting of whole numbers. Raises SettingError."""
    declared, found = fields_of(Settings).get(name), list[Any]()
    for part in text.split(","):
        for value in numbers(name, part):
            if declared and not declared.rule.admits(value):
                wanted = declared.wanted.replace("a number", "numbers")
                wanted = wanted.replace("a whole number", "whole numbers")
                raise SettingError(name, wanted, f"{value:g}")
            if declared and declared.kind is int:
                if ":" not in part and value != round(value):
                    raise SettingError(name, "whole numbers", f"{value:g}")
                value = round(value)
            found.append(value)
    twice = [value for value, times in Counter(found).items() if times > 1]
    if twice:
        raise SettingError(name, "numbers that differ", f"{twice[0]:g} more than once")
    return found


def _words(name: str, text: str) -> list[Any]:
    """The values of an axis that is not of numbers; they differ. Raises SettingError."""
    declared = fields_of(Settings).get(name) or Declared(name, str, "", Rule(""), KINDS)
    values = [declared.parse(word) for word in text.split(",")]
    if len(set(values)) < len(values):
        raise SettingError(name, "values that differ", repr(text))
    return values


def _shapes(features: Sequence[int], text: str) -> tuple[tuple[Shape, ...], tuple[str, ...]]:
    """n_dense = round(ratio · n_sparse), without duplicates.

    A single ratio must round to 1 … n_sparse − 1 dimensions; ratios of a range are clamped to that,
    as the paper does with its first one, 0.002.
    """
    ratios = _numbers("ratio", text)
    found: set[Shape] = set()
    moved = merged = 0
    for n_sparse in features:
        dense: list[int] = []
        for part in text.split(","):
            for ratio in numbers("ratio", part):
                n_dense = round(ratio * n_sparse)
                kept = min(max(n_dense, 1), n_sparse - 1)
                if kept != n_dense and (":" not in part or not 0 < ratio < 1):
                    raise _no_dimensions(ratio, n_sparse)
                moved += kept != n_dense
                dense.append(kept)
        found |= {(n_sparse, n_dense) for n_dense in dense}
        merged += len(dense) - len(set(dense))
    notes = []
    if moved:
        notes.append(
            f"{_times(moved, 'ratio')} would round to 0 or n_sparse dimensions: taken as 1 or "
            "n_sparse − 1."
        )
    if merged:
        given = len(features) * len(ratios)
        notes.append(f"{merged} of {given} ratios round to the n_dense of another: computed once.")
    return tuple(sorted(found)), tuple(notes)


def _no_dimensions(ratio: float, n_sparse: int) -> SettingError:
    wanted = f"numbers from {1 / n_sparse:.3g} to {1 - 1 / n_sparse:.6g} at n_sparse {n_sparse}"
    hint = f"n_dense = ratio · n_sparse is rounded, and {round(ratio * n_sparse)} is none"
    return SettingError("ratio", wanted, f"{ratio:g}", hint)


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
