"""What the units of a sweep need in memory, and how many processes of them it bears at once.

Measured as the peak of a process's resident memory over what it had before its first unit, on one
thread, in MiB, and what `needed` says:

    population   512 × 128   15 cells    78 / 150       sgd    2048 × 512   p 0.05   98 / 206
                1024 × 256    3          63 / 133              2048 × 512   p 0.6   140 / 226
                4096 × 1024   1         345 / 433              4096 × 1024  p 0.3   303 / 604
                8192 × 819    1         562 / 655       rug    4096 × 1024           64 / 224
               65536 × 13     1         398 / 576             10000 × 5000         1145 / 1,670
"""

from __future__ import annotations

from collections.abc import Sequence

from rugtui.errors import UsageError
from rugtui.models.sizes import gib
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import RANDOM, Unit, parameters
from rugtui.training.failure import needed_memory

PROCESS = 320 << 20
"""Bytes that a process has to itself before its first unit, with Python, NumPy, SciPy and PyTorch:
155 MiB where PyTorch is built for the CPU alone, 289 where it is for CUDA, too. The files of
libraries, 83 and 443 MiB, are in memory once for all processes."""
FIXED = 64 << 20
"""Of a unit of any size: rows of W under their statistics, and what the allocator keeps."""
DESCENT_COPIES = 11
"""Of the weights that population training has: starts, gradient, moves, memories, spares."""
RUG_BYTES = 32
"""Of a number of W_in while a rug is built and written out."""
LOOKED_AT = 4 * 4 * 512
"""Bytes a feature for the sampled loss: outputs and their residuals in a batch."""
SAVED_COPIES = 6
"""Of weights that are kept, on their way through two processes to disk."""


def needed(unit: Unit, grid: Grid) -> int:
    """Bytes, roughly and at most, that a unit takes beside what its process has anyway."""
    if unit.kind not in RANDOM:
        return 0
    weights = 4 * len(unit.cells) * parameters(unit.shape)
    looked_at = weights + LOOKED_AT * unit.n_sparse
    kept = SAVED_COPIES * weights if grid.save_weights else 0
    return FIXED + max(_made(unit, grid, weights), looked_at) + kept


def _made(unit: Unit, grid: Grid, weights: int) -> int:
    if unit.kind == "rug":
        return RUG_BYTES * unit.n_sparse * unit.n_dense
    if unit.kind == "population":
        return DESCENT_COPIES * weights
    return max(
        needed_memory(grid.settings(unit.shape, cell.p, 0, cell.variant)) for cell in unit.cells
    )


def fits(need: int, there: int) -> bool:
    """Whether a unit has room in `there` bytes, with a process of its own."""
    return not need or PROCESS + need <= there


def processes(needs: Sequence[int], there: int, most: int, *, waits: bool = True) -> int:
    """How many processes, of `most`, `there` bytes bear: at least one.

    Where a unit `waits` till it has room beside those that are computed, the largest that fits
    needs to have room but once, else once in each process.
    """
    largest = max((need for need in needs if fits(need, there)), default=0)
    bears = (there - largest) // PROCESS if waits else there // (PROCESS + largest)
    return max(min(bears, most, len(needs)), 1)


def require_room(units: Sequence[Unit], grid: Grid, there: int) -> None:
    """Raises UsageError where no model of the sweep fits in `there` bytes. Where some do, those
    that do not are rows with their reason."""
    weighty = [unit for unit in units if unit.kind in RANDOM]
    if not weighty:
        return
    unit = min(weighty, key=lambda one: needed(one, grid))
    if not fits(need := needed(unit, grid), there):
        raise UsageError(
            f"Nothing of this sweep fits in memory: its least models, n_sparse {unit.n_sparse:,} × "
            f"n_dense {unit.n_dense:,}, need about {said(need + PROCESS)}, and there are "
            f"{said(there)}: take a smaller n_sparse or ratio, or --kinds theory,linear."
        )


def too_large(need: int, there: int) -> str:
    """Why the cells of a unit failed."""
    return (
        f"needs about {said(need + PROCESS)} of memory, and there are {said(there)}: take a "
        "smaller n_sparse or ratio"
    )


def said(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / 2**20:,.0f} MiB" if size < 2**30 else gib(size)
