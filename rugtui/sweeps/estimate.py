"""What a sweep costs: the memory of its units, how many fit side by side, and the approximate time.

`needed` compared with the measured growth of a process's peak resident memory since before its
first unit, on one thread, in MiB (measured / needed):

    population   512 × 128   15 cells    78 / 150       sgd    2048 × 512   p 0.05   98 / 206
                1024 × 256    3          63 / 133              2048 × 512   p 0.6   140 / 226
                4096 × 1024   1         345 / 433              4096 × 1024  p 0.3   303 / 604
                8192 × 819    1         562 / 655       rug    4096 × 1024           64 / 224
               65536 × 13     1         398 / 576             10000 × 5000         1145 / 1,670
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from rugtui.errors import UsageError
from rugtui.models.base import gib
from rugtui.runtime.machine import available_memory
from rugtui.sweeps.grid import Grid, usual_steps
from rugtui.sweeps.plan import RANDOM, Unit, parameters
from rugtui.training.failure import needed_memory

PROCESS = 320 << 20
"""Bytes of a process before its first unit, with NumPy, SciPy and PyTorch: 155 MiB with PyTorch for
the CPU, 289 with PyTorch for CUDA. Processes share the files of libraries (83 and 443 MiB)."""
FIXED = 64 << 20
"""Bytes of a unit of any size: rows of W for its statistics, and what the allocator retains."""
DESCENT_COPIES = 11
"""Copies of the weights in population training: starts, gradient, moves, Adam's moments, others."""
RUG_BYTES = 32
"""Bytes per entry of W_in while a rug is built and written."""
LOSS_BYTES = 4 * 4 * 512
"""Bytes per feature while the loss is sampled: outputs and residuals of a batch."""
SAVED_COPIES = 6
"""Copies of weights on their way through two processes to the disk."""
PRODUCTS = 5.9e10
"""Multiplications per second in large matrix products, on the thread for which the constants of
`seconds_of` were measured; `speed` compares this machine with it."""
SMALL_PRODUCTS = 4.8e10
"""The same for products of 64 × 64 matrices, which no library splits among threads."""
STARTING = 2.5
"""Seconds that a process takes to import PyTorch."""
TYPICAL_STEPS = 350
"""Steps of population training until a cell typically settles."""


def needed(unit: Unit, grid: Grid) -> int:
    """An upper estimate of the bytes that a unit needs on top of its process."""
    if unit.kind not in RANDOM:
        return 0
    weights = 4 * len(unit.cells) * parameters(unit.shape)
    if unit.kind == "rug":
        making = RUG_BYTES * unit.n_sparse * unit.n_dense
    elif unit.kind == "population":
        making = DESCENT_COPIES * weights
    else:
        making = max(
            needed_memory(grid.settings(unit.shape, cell.p, 0, cell.variant)) for cell in unit.cells
        )
    saved = SAVED_COPIES * weights if grid.save_weights else 0
    return FIXED + max(making, weights + LOSS_BYTES * unit.n_sparse) + saved


def by_fit(
    units: Iterable[Unit], grid: Grid, limit: int
) -> tuple[dict[Unit, int], dict[Unit, int]]:
    """The units that fit in `limit` bytes, each in a process of its own, and those that do not,
    each with the bytes that it needs."""
    needs = {unit: needed(unit, grid) for unit in units}
    fit = {unit: need for unit, need in needs.items() if _fits(need, limit)}
    return fit, {unit: need for unit, need in needs.items() if unit not in fit}


def _fits(need: int, limit: int) -> bool:
    return not need or PROCESS + need <= limit


def processes(needs: Iterable[int], limit: int, most: int, *, waits: bool = True) -> int:
    """How many processes `limit` bytes allow: from one to `most`.

    If units wait for memory, there must be room for one copy of the largest unit that fits,
    otherwise for one in each process.
    """
    needs = list(needs)
    largest = max((need for need in needs if _fits(need, limit)), default=0)
    allowed = (limit - largest) // PROCESS if waits else limit // (PROCESS + largest)
    return max(min(allowed, most, len(needs)), 1)


def too_large(need: int, limit: int) -> str:
    """Why the cells of a unit failed."""
    return (
        f"needs about {in_words(need + PROCESS)} of memory, and there are {in_words(limit)}: "
        "take a smaller n_sparse or ratio"
    )


def in_words(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / 2**20:,.0f} MiB" if size < 2**30 else gib(size)


@dataclass(frozen=True, slots=True)
class Estimate:
    cells: int
    units: int
    seconds: float
    processes: int
    wanted: int
    """Processes that would run if memory did not matter."""
    memory: int
    """Peak bytes of all processes together."""
    available: int | None
    """Bytes available; None where that is unknown."""
    largest: int
    """Bytes of the largest unit that fits, with its process."""
    too_large: int
    """Cells that do not fit, even alone."""
    too_large_need: int
    """Bytes of the largest of them."""

    @property
    def words(self) -> str:
        of = f", of {in_words(self.available)} available" if self.available is not None else ""
        return (
            f"about {duration(self.seconds)} in {_processes(self.processes)}; "
            f"{in_words(self.memory)} of memory{of}"
        )

    @property
    def notes(self) -> list[str]:
        """What does not fit in memory, and the consequences."""
        if self.available is None:
            return []
        available = f"{in_words(self.available)} are available"
        notes = []
        if self.too_large:
            which = "1 cell does" if self.too_large == 1 else f"{self.too_large:,} cells do"
            notes.append(
                f"{which} not fit in memory: up to {in_words(self.too_large_need)} are needed, and "
                f"{available}. In the table these cells will have failed."
            )
        if self.processes < self.wanted:
            notes.append(
                f"{_processes(self.processes)} instead of {self.wanted}: one alone needs up to "
                f"{in_words(self.largest)}, and {available}."
            )
        elif self.processes * self.largest > self.available:
            notes.append(
                f"Cells that need up to {in_words(self.largest)} wait until there is room for them "
                f"beside others: {available}."
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
    """The estimate for up to `at_once` units side by side, each on one core, in `available` bytes.
    `waits`: a unit waits until there is memory for it."""
    limit = sys.maxsize if available is None else available
    fit, over = by_fit(units, grid, limit)
    largest = sorted(fit.values(), reverse=True)
    many = processes(largest, limit, at_once, waits=waits)
    free = max(limit - many * PROCESS, 0)
    seconds = {unit: seconds_of(unit, grid) / speed() for unit in fit}
    # each shares the machine with as many as fit beside it, and the last one may run alone
    shared = [seconds[unit] / max(min(many, free // max(need, 1)), 1) for unit, need in fit.items()]
    starting = STARTING if any(largest) else 0.0
    return Estimate(
        cells=sum(len(unit.cells) for unit in units),
        units=len(units),
        seconds=starting + sum(shared) + max(seconds.values(), default=0) / 2,
        processes=many,
        wanted=max(min(at_once, len(fit)), 1),
        memory=many * PROCESS + min(sum(largest[:many]), free),
        available=available,
        largest=PROCESS + max(largest, default=0),
        too_large=sum(len(unit.cells) for unit in over),
        too_large_need=PROCESS + max(over.values(), default=0),
    )


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count != 1)}"


def on_this_machine(
    units: Sequence[Unit], grid: Grid, at_once: int, *, waits: bool = True
) -> Estimate:
    """The estimate with this machine's memory if the CPU computes. Any other device has its own
    memory, and one process unless units do not wait. Raises UsageError if no model fits."""
    limit = available_memory()
    plan = estimate(units, grid, at_once, limit, waits=waits)
    # Resolving "auto" takes seconds, and matters only if memory is short.
    if (plan.notes or grid.device != "auto") and not on_cpu(grid.device):
        return estimate(units, grid, 1 if waits else at_once)
    models = [unit for unit in units if unit.kind in RANDOM]
    if plan.notes and models and not by_fit(models, grid, limit)[0]:
        unit = min(models, key=lambda one: needed(one, grid))
        raise UsageError(
            f"Nothing of this sweep fits in memory: its smallest models, n_sparse "
            f"{unit.n_sparse:,} × n_dense {unit.n_dense:,}, need about "
            f"{in_words(needed(unit, grid) + PROCESS)}, and there are {in_words(limit)}: take a "
            "smaller n_sparse or ratio, or --kinds theory,linear."
        )
    return plan


def on_cpu(device: str) -> bool:
    """Whether the CPU computes."""
    if device != "auto":
        return device == "cpu"
    from rugtui.training.device import resolve

    return resolve(device).type == "cpu"


def seconds_of(unit: Unit, grid: Grid) -> float:
    """The approximate seconds of a unit on one thread of the machine of the constants."""
    cells, (n_sparse, n_dense) = len(unit.cells), unit.shape
    if unit.kind not in RANDOM:
        return cells * 5e-4
    sampled = 5e-3 + grid.samples * n_sparse * (2 * n_dense / PRODUCTS + 1e-8)
    if unit.kind == "rug":
        return cells * sampled
    measured = 0.03 + 1e-4 * n_sparse * min(grid.rows, n_sparse) / 128 + sampled
    if unit.kind == "population":
        steps = min(grid.steps or TYPICAL_STEPS, TYPICAL_STEPS)
        step = 1e-4 + 4e-4 / cells
        step += n_sparse * n_dense * (4 * n_dense / PRODUCTS + 1.2e-8)
        return cells * (steps * step + measured)
    steps = grid.steps or usual_steps(n_sparse)
    each = grid.batch * n_sparse
    return sum(
        measured
        + steps * (5e-5 + each * (4e-9 * (1 + 1.5 * p) + 2.5 * (1 + 2 * p) * n_dense / PRODUCTS))
        for p in (cell.p for cell in unit.cells)
    )


@cache
def speed() -> float:
    """How fast a thread of this machine is, relative to that of the constants."""
    import numpy as np

    matrix, product = (np.ones((64, 64), np.float32) for _ in range(2))
    best = math.inf
    for _ in range(30):  # the best of a few milliseconds: other processes may be computing
        begun = time.perf_counter()
        for _ in range(4):
            np.matmul(matrix, matrix, out=product)
        best = min(best, time.perf_counter() - begun)
    return 4 * 64**3 / max(best, 1e-9) / SMALL_PRODUCTS


def duration(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:,.0f} days"
