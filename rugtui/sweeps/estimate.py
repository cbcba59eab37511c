"""What a sweep will take, before it is begun: a guess of seconds, and of memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rugtui.errors import UsageError
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import RANDOM, Unit
from rugtui.training.failure import needed_memory
from rugtui.training.pace import STEP_OVERHEAD

PRODUCTS = 2e10
"""Multiplications a second of one thread."""
TYPICAL_STEPS = 250
"""Of population training until a cell has settled."""
LOOK = 1.5e-5
"""Seconds a feature of a row of W takes in the exact loss and the statistics."""
COPIES = 6
"""Of the weights of a unit that goes together: gradient, moves, two of Adam's, what is kept."""


@dataclass(frozen=True, slots=True)
class Estimate:
    cells: int
    units: int
    seconds: float
    memory: int
    """Bytes, of all units that are computed at once."""

    @property
    def words(self) -> str:
        return f"about {duration(self.seconds)} and {self.memory / 2**20:,.0f} MiB"


def estimate(units: Sequence[Unit], grid: Grid, at_once: int) -> Estimate:
    """`at_once` units side by side, each on one core."""
    seconds = [_seconds(unit, grid) for unit in units]
    # the last unit may run alone
    total = sum(seconds) / max(at_once, 1) + max(seconds, default=0) / 2
    largest = sorted((_memory(unit, grid) for unit in units), reverse=True)
    cells = sum(len(unit.cells) for unit in units)
    return Estimate(cells, len(units), total, sum(largest[:at_once]))


def require_room(units: Sequence[Unit], there: int) -> None:
    """Raises UsageError where no weights of the sweep fit in `there` bytes. Where some do, those
    that do not are rows with their reason."""
    weighty = [unit for unit in units if unit.kind in RANDOM]
    if not weighty:
        return
    unit = min(weighty, key=_weights)
    least = _weights(unit)
    if least > there:
        raise UsageError(
            f"The weights alone of n_sparse {unit.n_sparse:,} × n_dense {unit.n_dense:,} need "
            f"{least / 2**30:,.0f} GiB, and there are {there / 2**30:,.1f} GiB: take a smaller "
            f"n_sparse or ratio, or --kinds theory,linear."
        )


def _seconds(unit: Unit, grid: Grid) -> float:
    cells, (n_sparse, n_dense) = len(unit.cells), unit.shape
    if unit.kind not in RANDOM:
        return cells * 2e-3
    sampled = grid.samples * n_sparse * n_dense * 2 / PRODUCTS
    if unit.kind == "rug":
        return cells * (sampled + 5e-3)
    looked = min(grid.rows, n_sparse) * n_sparse * LOOK / 2 + sampled
    if grid.method == "sgd":
        steps = grid.steps or 10_000
        product = 3 * grid.batch * n_sparse * n_dense + STEP_OVERHEAD
    else:
        steps = min(grid.steps or TYPICAL_STEPS, TYPICAL_STEPS)
        product = 4 * n_sparse * n_dense**2 + STEP_OVERHEAD / 5
    return cells * (steps * product / PRODUCTS + looked)


def _memory(unit: Unit, grid: Grid) -> int:
    if unit.kind not in RANDOM:
        return 0
    one = needed_memory(grid.settings(unit.shape, unit.cells[0].p, 0))
    if unit.kind == "trained" and grid.method == "population":
        return COPIES * len(unit.cells) * _weights(unit) + (64 << 20)
    return one + (64 << 20)


def _weights(unit: Unit) -> int:
    """Bytes of the weights of one cell, in float32."""
    return 4 * unit.n_sparse * (2 * unit.n_dense + 1)


def duration(seconds: float) -> str:
    """Roughly, as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:,.0f} days"
