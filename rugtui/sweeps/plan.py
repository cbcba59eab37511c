"""A grid split into units, each computed and saved as a whole, and the Outcome of a unit.

The units depend only on the grid, not on where they are computed: with the same number of threads
their numbers are the same, bit for bit, in this process and on a cluster. Nothing here needs torch,
because the process that hands out units and saves rows computes nothing.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from rugtui import __version__
from rugtui.sweeps.grid import RANDOM, Axes, Grid, Kind, Shape, Variant
from rugtui.sweeps.table import Key, Row
from rugtui.theory.levels import levels

MOST_RANDOM, MOST_FORMULAS = 20, 1000
"""Limits on the cells of a unit, with and without randomness."""
TOGETHER = 1 << 21
"""Limit on the parameters of a unit of several models: computing models together gains nothing once
they do not fit in a cache, and a sweep that is stopped loses its current unit."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a unit; `seed` is None without randomness, `variant` for all kinds but
    trained."""

    p: float
    seed: int | None = None
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """Cells of one kind and shape, computed together."""

    kind: Kind
    shape: Shape
    cells: tuple[Cell, ...]

    @property
    def n_sparse(self) -> int:
        return self.shape[0]

    @property
    def n_dense(self) -> int:
        return self.shape[1]

    @property
    def ratio(self) -> float:
        return self.n_dense / self.n_sparse

    @property
    def keys(self) -> list[Key]:
        return [(*self.shape, cell.p, self.kind, cell.seed, cell.variant) for cell in self.cells]


def units(grid: Grid) -> tuple[Unit, ...]:
    """All units of the grid, formulas first, because they take no time."""
    axes = Axes.of(grid)
    kinds = sorted(axes.kinds, key=lambda kind: kind in RANDOM)
    return tuple(
        unit for kind in kinds for shape in axes.shapes for unit in _of_shape(kind, shape, axes)
    )


def left(all_units: Collection[Unit], done: Collection[Key]) -> list[Unit]:
    """The units that are not done, without the cells that are; only units of population stay whole,
    because their cells are computed together."""
    found = []
    for unit in all_units:
        cells = [cell for cell, key in zip(unit.cells, unit.keys, strict=True) if key not in done]
        if cells and unit.kind != "population":
            unit = replace(unit, cells=tuple(cells))
        found += [unit] if cells else []
    return found


def _of_shape(kind: Kind, shape: Shape, axes: Axes) -> Iterator[Unit]:
    seeds: tuple[int | None, ...] = axes.seeds if kind in RANDOM else (None,)
    variants = axes.variants if kind == "trained" else (None,)
    cells = [Cell(p, seed, one) for one in variants for seed in seeds for p in axes.p]
    together = min(max(TOGETHER // parameters(shape), 1), MOST_RANDOM)
    size = 1 if kind == "trained" else together if kind in RANDOM else MOST_FORMULAS
    for start in range(0, len(cells), size):
        yield Unit(kind, shape, tuple(cells[start : start + size]))


def parameters(shape: Shape) -> int:
    """The number of parameters of a model: W_in, W_out and b."""
    n_sparse, n_dense = shape
    return n_sparse * (2 * n_dense + 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of a unit, and the files of the weights that its rows name."""

    rows: tuple[Row, ...]
    weights: dict[str, bytes]
    rugtui: str = __version__


def predicted(unit: Unit) -> Outcome:
    """The outcome of a unit of theory or of the linear model, from formulas."""
    begun, rows = time.perf_counter(), []
    for row in (empty_row(unit, cell) for cell in unit.cells):
        loss, gaussian = row.linear, None
        if unit.kind == "theory":
            loss = gaussian = row.theory_loss
        rows.append(replace(row, loss=loss, standard_error=0.0, loss_gaussian=gaussian))
    share = (time.perf_counter() - begun) / len(rows)
    return Outcome(tuple(replace(row, seconds=share) for row in rows), {})


def failed_outcome(unit: Unit, grid: Grid, why: str, traceback: str | None = None) -> Outcome:
    """The outcome of a unit whose cells all fail for the same reason."""
    rows = (failed_row(empty_row(unit, cell, grid), why, traceback) for cell in unit.cells)
    return Outcome(tuple(rows), {})


def error_and_traceback(error: BaseException) -> tuple[str, str]:
    """The text and the traceback of an unexpected error."""
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


def empty_row(unit: Unit, cell: Cell, grid: Grid | None = None) -> Row:
    """The row of a cell without measurements; with `grid`, it says how the weights are trained."""
    known = levels(unit.ratio, cell.p)
    how: dict[str, Any] = {}
    if grid and unit.kind in ("trained", "population"):
        settings = grid.settings(unit.shape, cell.p, cell.seed or 0, cell.variant)
        how = {"method": settings.method}
        if cell.variant:
            how |= asdict(cell.variant) | {"lr": settings.learning_rate, "batch": settings.batch}
            how["k"] = settings.k
    return Row(
        n_sparse=unit.n_sparse,
        n_dense=unit.n_dense,
        ratio=unit.ratio,
        p=cell.p,
        kind=unit.kind,
        seed=cell.seed,
        theory_loss=known.loss,
        linear=known.linear,
        elementwise=known.elementwise,
        oracle=known.oracle,
        **how,
    )


def failed_row(row: Row, why: str, traceback: str | None = None) -> Row:
    return replace(row, status="failed", error=why, traceback=traceback)
