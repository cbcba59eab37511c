"""A sweep from its folder to its table, whoever computes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rugtui.sweeps.folder import SweepFolder
from rugtui.sweeps.grid import Axes
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
    todo = costly_first(left(folder.units, before))
    total, begun, new = Axes.of(folder.grid).cells, time.monotonic(), 0
    spent, costs = 0, {key: cost(unit) // len(unit.cells) for unit in todo for key in unit.keys}
    to_spend = sum(costs.values())
    for outcome in outcomes(todo, folder.grid, cancelled):
        rows = [row for row in outcome.rows if row.key not in before]
        folder.keep(rows, outcome.weights)
        new += len(rows)
        done = len(folder.done())
        seconds = max(time.monotonic() - begun, 1e-9)
        spent += sum(costs[row.key] for row in outcome.rows)
        left_for = seconds * (to_spend - spent) / spent if spent else None
        failed = sum(row.status == "failed" for row in folder.rows)
        yield Progress(done, total, failed, tuple(rows), new / seconds, left_for)


def costly_first(units: list[Unit]) -> list[Unit]:
    """Theory, which is there at once, and then what takes longest, so that no core waits at the
    end."""
    return sorted(units, key=lambda unit: (unit.kind in RANDOM, -cost(unit)))


def cost(unit: Unit) -> int:
    """Roughly, to compare units; formulas cost nothing."""
    if unit.kind not in RANDOM:
        return 0
    n_sparse, n_dense = unit.shape
    return len(unit.cells) * n_sparse * n_dense * (10 if unit.kind == "trained" else 1)
