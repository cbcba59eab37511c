"""How the user looks at a sweep: one frozen value, and what each key makes of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rugtui.sweeps.quantities import QUANTITIES, Cells, Quantity
from rugtui.sweeps.table import Row
from rugtui.sweeps.watch import Watched

Part = Literal["both", "map", "curve"]
PARTS: tuple[Part, ...] = ("both", "map", "curve")
"""What is shown; where both have no room it is the map."""

LARGEST = -1


@dataclass(frozen=True, slots=True)
class SweepView:
    """What is wished for; where a sweep has no such thing, it is the nearest that it has."""

    quantity: str = QUANTITIES[0].name
    size: int = 0
    """Which of the sweep's n_sparse, in ascending order; LARGEST is the last."""
    row: int = 0
    column: int = 0
    """The cursor: which r, and which p."""
    along: Literal["p", "r"] = "p"
    """What the curve through the cursor runs along."""
    part: Part = "both"

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

    def next_size(self, sweep: Watched) -> SweepView:
        """The next n_sparse; the first after the last."""
        count = len(sizes(sweep))
        return dataclasses.replace(self, size=(min(self.size, count - 1) + 1) % count)

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
        """The cells of the n_sparse that is shown, on all of its axes, computed yet or not."""
        known = sizes(sweep)
        n_sparse = known[min(self.size, len(known) - 1)]
        shapes = [shape for shape in sweep.axes.shapes if shape[0] == n_sparse]
        rows = tuple(row for row in sweep.rows if row.n_sparse == n_sparse)
        r = np.array(sorted(n_dense / n_sparse for _, n_dense in shapes))
        return Cells(n_sparse, r, np.array(sorted(sweep.axes.p)), rows)


def sizes(sweep: Watched) -> list[int]:
    """Its n_sparse, ascending."""
    return sorted({n_sparse for n_sparse, _ in sweep.axes.shapes})


def offered(sweep: Watched) -> tuple[Quantity, ...]:
    """What a map of it can show, whether there are rows yet or not: L* is in every row."""
    kinds = {*sweep.axes.kinds}
    return tuple(one for one in QUANTITIES if one.kind in kinds) or (LINEAR,)


LINEAR = Quantity(
    "linear", "best linear model's loss per feature", "linear", lambda row: row.loss, log=True
)


def with_weights(rows: list[Row]) -> Row | None:
    """The first of a cell's seeds that has its weights on disk."""
    return next((row for row in rows if row.weights), None)
