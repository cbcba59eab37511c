"""A sweep from its folder to its table, whoever computes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rugtui.sweeps.estimate import seconds_of
from rugtui.sweeps.folder import SweepFolder
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.plan import RANDOM, Unit, left

if TYPE_CHECKING:
    from rugtui.sweeps.table import Row

Outcomes = Callable[..., Iterator[Any]]
"""(units, grid, cancelled) → an Outcome of each unit, in any order: here or on a cluster."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sweep is."""

    done: int
    """Cells, those found in the folder too."""
    total: int
    failed: int
    rows: tuple[Row, ...]
    """The latest."""
    rate: float
    """Cells a second, of this process's."""
    left: float | None
    """Seconds that the rest will take, in proportion to what it costs; None before anything that
    costs is done."""


def run(
    folder: SweepFolder,
    outcomes: Outcomes,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    retry_failed: bool = False,
) -> Iterator[Progress]:
    """Compute what is not done yet, keeping each unit as it comes; yields after each.

    Ends early once `cancelled`. Raises OSError, and what `outcomes` raises.
    """
    before = folder.done(retry_failed=retry_failed)
    todo = costly_first(left(folder.units, before), folder.grid)
    total, begun, computing, new = Axes.of(folder.grid).cells, time.monotonic(), None, 0
    costs = {key: cost(unit, folder.grid) / len(unit.cells) for unit in todo for key in unit.keys}
    spent, to_spend = 0.0, sum(costs.values())
    for outcome in outcomes(todo, folder.grid, cancelled):
        rows = [row for row in outcome.rows if row.key not in before]
        folder.keep(rows, outcome.weights)
        new += len(rows)
        now, done = time.monotonic(), len(folder.done())
        spent += sum(costs[row.key] for row in outcome.rows)
        if spent and computing is None:  # what starting took says nothing of what is left
            computing = now - sum(row.seconds or 0.0 for row in outcome.rows)
        left_for = (now - computing) * (to_spend - spent) / spent if computing is not None else None
        failed = sum(row.status == "failed" for row in folder.rows)
        rate = new / max(now - begun, 1e-9)
        yield Progress(done, total, failed, tuple(rows), rate, left_for and max(left_for, 0.0))


def costly_first(units: list[Unit], grid: Grid) -> list[Unit]:
    """Theory, which is there at once, and then what takes longest, so that no core waits at the
    end."""
    return sorted(units, key=lambda unit: (unit.kind in RANDOM, -cost(unit, grid)))


def cost(unit: Unit, grid: Grid) -> float:
    """Seconds, roughly; formulas cost nothing."""
    return seconds_of(unit, grid) if unit.kind in RANDOM else 0.0
