"""What comes of a unit. Needs no torch: whoever hands units out and keeps rows computes nothing."""

from __future__ import annotations

import time
import traceback
from dataclasses import asdict, dataclass, replace
from typing import Any

from rugtui import __version__
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import Cell, Unit
from rugtui.sweeps.table import Row
from rugtui.theory.levels import levels


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of a unit, and the weights by the file names that rows give."""

    rows: tuple[Row, ...]
    weights: dict[str, bytes]
    rugtui: str = __version__


def predicted(unit: Unit) -> Outcome:
    """Of a unit of theory, or of the linear model: formulas alone."""
    begun = time.perf_counter()
    rows = [_predicted(unit, cell) for cell in unit.cells]
    share = (time.perf_counter() - begun) / len(rows)
    return Outcome(tuple(replace(row, seconds=share) for row in rows), {})


def _predicted(unit: Unit, cell: Cell) -> Row:
    row = bare(unit, cell)
    symmetric = unit.kind == "theory"
    loss = row.theory_loss if symmetric else row.linear
    return replace(row, loss=loss, standard_error=0.0, loss_gaussian=loss if symmetric else None)


def failed(unit: Unit, grid: Grid, why: str, traceback: str | None = None) -> Outcome:
    """A unit whose every cell fails for one reason."""
    rows = (failure(bare(unit, cell, grid), why, traceback) for cell in unit.cells)
    return Outcome(tuple(rows), {})


def fault(error: BaseException) -> tuple[str, str]:
    """Why a cell failed in a way that nobody foresaw, and the traceback: the others go on."""
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


def bare(unit: Unit, cell: Cell, grid: Grid | None = None) -> Row:
    """A row before anything was measured; `grid` says how its weights are made."""
    known = levels(unit.ratio, cell.p)
    how: dict[str, Any] = {}
    if grid and unit.kind in ("trained", "population"):
        settings = grid.settings(unit.shape, cell.p, cell.seed or 0, cell.variant)
        how = {"method": settings.method}
        if cell.variant:
            how |= asdict(cell.variant) | {"lr": settings.learning_rate, "batch": settings.batch}
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


def failure(row: Row, why: str, traceback: str | None = None) -> Row:
    return replace(row, status="failed", error=why, traceback=traceback)
