"""The user's view of a sweep as a frozen value, and how it changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rugtui.sweeps.grid import Variant
from rugtui.sweeps.quantities import QUANTITIES, Cells, Quantity
from rugtui.sweeps.table import Row
from rugtui.sweeps.watch import Watched

Part = Literal["both", "map", "curve"]
PARTS: tuple[Part, ...] = ("both", "map", "curve")
"""What is shown; without room for both, the map."""

Choice = Literal["size", "variant", "seed"]
LARGEST = -1


@dataclass(frozen=True, slots=True)
class SweepView:
    """The user's choices; where a sweep does not have them, the nearest are shown."""

    quantity: str = QUANTITIES[0].name
    size: int = 0
    """Which of the sweep's n_sparse, in ascending order; LARGEST is the last."""
    row: int = 0
    column: int = 0
    """The cursor: indices of r and p."""
    along: Literal["p", "r"] = "p"
    """The axis of the curve through the cursor."""
    part: Part = "both"
    variant: int = 0
    """Which of the variants of trained models."""
    seed: int = 0
    """0 is the mean over seeds, 1 the first of them."""

    def moved(self, cells: Cells, up: int, right: int) -> SweepView:
        row, column = self.cursor(cells)
        return dataclasses.replace(
            self,
            row=min(max(row + up, 0), cells.r.size - 1),
            column=min(max(column + right, 0), cells.p.size - 1),
        )

    def at(self, row: int, column: int) -> SweepView:
        return dataclasses.replace(self, row=row, column=column)

    def cursor(self, cells: Cells) -> tuple[int, int]:
        return min(self.row, cells.r.size - 1), min(self.column, cells.p.size - 1)

    def next_quantity(self, sweep: Watched, by: int) -> SweepView:
        known = offered(sweep)
        here = known.index(self.shown_quantity(sweep))
        return dataclasses.replace(self, quantity=known[(here + by) % len(known)].name)

    def next_of(self, sweep: Watched, what: Choice) -> SweepView:
        """The next n_sparse or variant, or after the mean over seeds each seed; then the first."""
        count = counts(sweep)[what] + (what == "seed")
        here = min(getattr(self, what), count - 1)
        return dataclasses.replace(self, **{what: (here + 1) % count})

    def turned(self) -> SweepView:
        """With the curve along the other axis."""
        return dataclasses.replace(self, along="r" if self.along == "p" else "p")

    def next_part(self) -> SweepView:
        here = PARTS.index(self.part)
        return dataclasses.replace(self, part=PARTS[(here + 1) % len(PARTS)])

    def shown_quantity(self, sweep: Watched) -> Quantity:
        known = offered(sweep)
        return next((one for one in known if one.name == self.quantity), known[0])

    def cells(self, sweep: Watched) -> Cells:
        """The cells, computed or not, of the n_sparse, variant and seeds on display."""
        known = sizes(sweep)
        n_sparse = known[min(self.size, len(known) - 1)]
        shapes = [shape for shape in sweep.axes.shapes if shape[0] == n_sparse]
        seed, variant = self.shown_seed(sweep), self.shown_variant(sweep)
        rows = tuple(
            row
            for row in sweep.rows
            if row.n_sparse == n_sparse
            and row.variant in (None, variant)
            and (seed is None or row.seed in (None, seed))
        )
        r = np.array(sorted(n_dense / n_sparse for _, n_dense in shapes))
        return Cells(n_sparse, r, np.array(sorted(sweep.axes.p)), rows, variant)

    def shown_variant(self, sweep: Watched) -> Variant:
        known = sweep.axes.variants
        return known[min(self.variant, len(known) - 1)]

    def shown_seed(self, sweep: Watched) -> int | None:
        """None for the mean over all seeds."""
        known = sweep.axes.seeds
        return known[min(self.seed, len(known)) - 1] if self.seed and len(known) > 1 else None

    def choices(self, sweep: Watched) -> list[str]:
        """The variant and seed that are shown, if the sweep has several."""
        variants, seeds, seed = sweep.axes.variants, sweep.axes.seeds, self.shown_seed(sweep)
        parts = [differences(self.shown_variant(sweep), variants)] if len(variants) > 1 else []
        mean = f"mean of {len(seeds)} seeds"
        return parts + ([mean if seed is None else f"seed {seed}"] if len(seeds) > 1 else [])


def differences(variant: Variant, among: Sequence[Variant]) -> str:
    """What distinguishes the variant from the others, such as "no bias, tanh"."""
    parts = []
    for name in (field.name for field in dataclasses.fields(variant)):
        value = getattr(variant, name)
        if len({getattr(one, name) for one in among}) > 1:
            words = {("bias", False): "no bias", ("tied", False): "untied"}
            parts.append(words.get((name, value), name if value is True else str(value)))
    return ", ".join(parts)


def counts(sweep: Watched) -> dict[Choice, int]:
    """How many of each a sweep has."""
    axes = sweep.axes
    return {"size": len(sizes(sweep)), "variant": len(axes.variants), "seed": len(axes.seeds)}


def sizes(sweep: Watched) -> list[int]:
    """Its n_sparse, ascending."""
    return sorted({n_sparse for n_sparse, _ in sweep.axes.shapes})


def offered(sweep: Watched) -> tuple[Quantity, ...]:
    """The quantities that a map of it can show, even before there are rows."""
    kinds = {*sweep.axes.kinds}
    return tuple(one for one in QUANTITIES if one.kind in kinds) or (LINEAR,)


LINEAR = Quantity(
    "linear", "best linear model's loss per feature", "linear", lambda row: row.loss, log=True
)


def with_weights(rows: list[Row]) -> Row | None:
    """The first of a cell's seeds that has its weights on disk."""
    return next((row for row in rows if row.weights), None)
