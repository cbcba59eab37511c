"""What a sweep will take, before it is begun: a guess of seconds, and of memory at once."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from rugtui.runtime.machine import available_memory
from rugtui.sweeps.grid import Grid, usual_steps
from rugtui.sweeps.memory import PROCESS, fits, needed, processes, require_room, said
from rugtui.sweeps.plan import RANDOM, Unit

PRODUCTS = 5.9e10
"""Multiplications a second in large products, on the thread that the constants below were measured
on; other machines are compared with it by a small product (`speed`)."""
SMALL_PRODUCTS = 4.8e10
"""The same in products of 64 × 64 matrices, which no library shares among threads."""
STARTING = 2.5
"""Seconds in which a process imports PyTorch."""
TYPICAL_STEPS = 350
"""Of population training until a cell has settled."""


@dataclass(frozen=True, slots=True)
class Estimate:
    cells: int
    units: int
    seconds: float
    processes: int
    wanted: int
    """Processes there would be, did memory not matter."""
    memory: int
    """Bytes, at most, of all processes together."""
    available: int | None
    """Bytes that there are; None where that is not known here."""
    largest: int
    """Bytes of the largest unit that is computed, with its process."""
    too_large: int
    """Cells that do not fit, even alone."""
    too_large_need: int
    """Bytes of the largest of them."""

    @property
    def words(self) -> str:
        there = f", of {said(self.available)} available" if self.available is not None else ""
        return (
            f"about {duration(self.seconds)} in {_processes(self.processes)}; "
            f"{said(self.memory)} of memory{there}"
        )

    @property
    def notes(self) -> list[str]:
        """What does not fit in memory, and what comes of it."""
        if self.available is None:
            return []
        there = f"{said(self.available)} are available"
        notes = []
        if self.too_large:
            which = "1 cell does" if self.too_large == 1 else f"{self.too_large:,} cells do"
            notes.append(
                f"{which} not fit in memory: up to {said(self.too_large_need)} are needed, and "
                f"{there}. What does not fit will be a row that failed."
            )
        if self.processes < self.wanted:
            notes.append(
                f"{_processes(self.processes)} instead of {self.wanted}: one alone needs up to "
                f"{said(self.largest)}, and {there}."
            )
        elif self.processes * self.largest > self.available:
            notes.append(
                f"Cells that need up to {said(self.largest)} wait till there is room beside "
                f"others: {there}."
            )
        return notes


def estimate(
    units: Sequence[Unit],
    grid: Grid,
    at_once: int,
    available: int | None = None,
    *,
    waits: bool = True,
) -> Estimate:
    """`at_once` units side by side, each on one core, as far as `available` bytes bear it; `waits`:
    whether a unit waits till it has room."""
    needs = [needed(unit, grid) for unit in units]
    there = sys.maxsize if available is None else available
    fit = [(unit, need) for unit, need in zip(units, needs, strict=True) if fits(need, there)]
    over = [(unit, need) for unit, need in zip(units, needs, strict=True) if not fits(need, there)]
    largest = sorted((need for _, need in fit), reverse=True)
    many = processes(largest, there, at_once, waits=waits)
    free = max(there - many * PROCESS, 0)
    seconds = [seconds_of(unit, grid) / speed() for unit, _ in fit]
    starting = STARTING if any(need for _, need in fit) else 0.0
    # of so many beside each other; and the last unit may run alone
    beside = [max(min(many, free // max(need, 1)), 1) for _, need in fit]
    shared = [alone / others for alone, others in zip(seconds, beside, strict=True)]
    return Estimate(
        cells=sum(len(unit.cells) for unit in units),
        units=len(units),
        seconds=starting + sum(shared) + max(seconds, default=0) / 2,
        processes=many,
        wanted=max(min(at_once, len(fit)), 1),
        memory=many * PROCESS + min(sum(largest[:many]), free),
        available=available,
        largest=PROCESS + max(largest, default=0),
        too_large=sum(len(unit.cells) for unit, _ in over),
        too_large_need=PROCESS + max((need for _, need in over), default=0),
    )


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count != 1)}"


def on_this_machine(
    units: Sequence[Unit], grid: Grid, at_once: int, *, waits: bool = True
) -> Estimate:
    """With the memory that there is, where the CPU computes; any other device has its own, and one
    process alone, unless units do not wait for each other. Raises UsageError where no model fits.
    """
    there = available_memory()
    plan = estimate(units, grid, at_once, there, waits=waits)
    # What auto comes to takes seconds to find out, and matters where memory does.
    if (plan.notes or grid.device != "auto") and not on_cpu(grid.device):
        return estimate(units, grid, 1 if waits else at_once)
    if plan.notes:
        require_room(units, grid, there)
    return plan


def on_cpu(device: str) -> bool:
    """Whether the CPU computes, if such a device is there at all."""
    if device != "auto":
        return device == "cpu"
    from rugtui.training.device import resolve

    return resolve(device).type == "cpu"


def seconds_of(unit: Unit, grid: Grid) -> float:
    """Roughly what a unit takes on one thread of the machine that the constants are of."""
    cells, (n_sparse, n_dense) = len(unit.cells), unit.shape
    if unit.kind not in RANDOM:
        return cells * 5e-4
    sampled = 5e-3 + grid.samples * n_sparse * (2 * n_dense / PRODUCTS + 1e-8)
    if unit.kind == "rug":
        return cells * sampled
    looked = 0.03 + 1e-4 * n_sparse * min(grid.rows, n_sparse) / 128 + sampled
    if unit.kind == "population":
        steps = min(grid.steps or TYPICAL_STEPS, TYPICAL_STEPS)
        step = 1e-4 + 4e-4 / cells
        step += n_sparse * n_dense * (4 * n_dense / PRODUCTS + 1.2e-8)
        return cells * (steps * step + looked)
    steps = grid.steps or usual_steps(n_sparse)
    each = grid.batch * n_sparse
    return sum(
        looked
        + steps * (5e-5 + each * (4e-9 * (1 + 1.5 * p) + 2.5 * (1 + 2 * p) * n_dense / PRODUCTS))
        for p in (cell.p for cell in unit.cells)
    )


@cache
def speed() -> float:
    """How fast a thread of this machine is, against the one that the constants are of."""
    import numpy as np

    matrix, product = (np.ones((64, 64), np.float32) for _ in range(2))
    best = math.inf
    for _ in range(30):  # some milliseconds; the best, as others may compute here too
        begun = time.perf_counter()
        for _ in range(4):
            np.matmul(matrix, matrix, out=product)
        best = min(best, time.perf_counter() - begun)
    return 4 * 64**3 / max(best, 1e-9) / SMALL_PRODUCTS


def duration(seconds: float) -> str:
    """Roughly, as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:,.0f} days"
