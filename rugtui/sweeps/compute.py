"""Computes a unit of a sweep: cells → rows.

A step of population training computes little, so that calls dominate its time: cells of one shape
are computed together as long as their weights fit in a cache. Measured on one thread, p 0.05, in
milliseconds per cell and step:

    cells          1      2      5     10     20        in a unit
    128 × 32      0.56   0.30   0.15   0.09   0.07         20
    512 × 128     1.36   1.06   0.96   0.94   0.92         15
    2048 × 64     2.70   2.21   1.96   1.98   2.11          7
    1024 × 256    5.61   5.76   5.75   6.34   6.58          3
    2048 × 512    36.0   37.6   38.9   46.9   45.6          1

A batch of samples fills the cache by itself, and gains nothing from company. So SGD trains one cell
after another, exactly as a single run with the same settings would, and units run in parallel.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from rugtui.analysis.paper import paper_statistics
from rugtui.analysis.statistics import statistics
from rugtui.errors import RugtuiError
from rugtui.models.base import Weights
from rugtui.models.constructions import default_construction, dense, engineered
from rugtui.runtime.machine import available_memory
from rugtui.storage.snapshot import weights_bytes
from rugtui.sweeps import population
from rugtui.sweeps.estimate import needed, too_large
from rugtui.sweeps.grid import Grid, Variant
from rugtui.sweeps.plan import (
    Cell,
    Outcome,
    Unit,
    empty_row,
    error_and_traceback,
    failed_row,
    predicted,
)
from rugtui.sweeps.table import Row
from rugtui.training import heldout, initial
from rugtui.training.device import resolve
from rugtui.training.failure import Diverged
from rugtui.training.source import Source, generators
from rugtui.training.trainer import Trainer

TOLERANCE = 1e-4
"""Relative tolerance of the exact loss: takes half the time, with errors up to 3e-6."""
LAWS = 32
"""Rows whose mean distance to a Gaussian is measured; it differs little between rows."""
LOSS_BATCH = 512
"""Samples per batch for the sampled loss."""


@dataclass(frozen=True, slots=True)
class Found:
    """Weights of a cell, and the steps for which they were trained."""

    weights: Weights
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a cell has no weights or no row; with a traceback if the error was unexpected."""

    why: str
    traceback: str | None = None


def compute(unit: Unit, grid: Grid) -> Outcome:
    """All rows of a unit; the row of a cell that fails says why.

    Computes on as many threads as torch is set to. The bits depend only on that number, the unit
    and the grid.
    """
    if unit.kind in ("theory", "linear"):
        return predicted(unit)
    begun = time.perf_counter()
    weights: dict[str, bytes] = {}
    rows = [
        _measured(unit, cell, found, grid, weights)
        for cell, found in zip(unit.cells, _weights(unit, grid), strict=True)
    ]
    share = (time.perf_counter() - begun) / len(rows)
    return Outcome(tuple(replace(row, seconds=share) for row in rows), weights)


def _weights(unit: Unit, grid: Grid) -> list[Found | Failed]:
    """The weights of each cell, or why it has none."""
    need, limit = needed(unit, grid), available_memory()
    if need > limit and resolve(grid.device).type == "cpu":
        return [Failed(too_large(need, limit))] * len(unit.cells)
    if unit.kind == "rug":
        return [_tried(partial(_rug, unit, cell, grid)) for cell in unit.cells]
    if unit.kind == "trained":
        return [_tried(partial(_trained, unit, cell, grid)) for cell in unit.cells]
    together = _tried(partial(_descended, unit, grid))
    return [together] * len(unit.cells) if isinstance(together, Failed) else together


def _tried(attempt: Callable[[], Any]) -> Any:
    """The result of `attempt`, or Failed."""
    try:
        return attempt()
    except MemoryError:
        return Failed("not enough memory")
    except Diverged as error:
        return Failed(f"diverged by step {error.step:,}, loss {error.loss:.3g}: {error.suggestion}")
    except RugtuiError as error:
        return Failed(str(error))
    except Exception as error:  # noqa: BLE001 - the cell fails; the others go on
        first = str(error).partition("\n")[0]
        if isinstance(error, RuntimeError) and "memory" in first:  # PyTorch's allocator
            return Failed(f"not enough memory ({first})")
        return Failed(*error_and_traceback(error))


def _rug(unit: Unit, cell: Cell, grid: Grid) -> Found:
    generator = torch.Generator().manual_seed(cell.seed or 0)
    name, device = default_construction(unit.n_sparse), resolve(grid.device)
    return Found(engineered(name, *unit.shape, cell.p, generator=generator, device=device))


def _trained(unit: Unit, cell: Cell, grid: Grid) -> Found:
    """Trained as a single run with these settings would be."""
    training = Trainer(grid.settings(unit.shape, cell.p, cell.seed or 0, cell.variant))
    while not training.done:
        training.advance()
    return Found(training.weights(), training.step)


def _descended(unit: Unit, grid: Grid) -> list[Found | Failed]:
    """Population training of all cells of a unit together."""
    every = [grid.settings(unit.shape, cell.p, cell.seed or 0) for cell in unit.cells]
    device = resolve(grid.device)
    starts = [
        initial.initial(one, generator=generators(one.seed, device)["weights"]) for one in every
    ]
    p = torch.tensor([one.p for one in every], dtype=torch.float64, device=device)
    weights = population.BatchedWeights.of(starts, device)
    many, steps = population.descend(weights, p, every[0].steps)
    sound = torch.isfinite(many.flat).all(1).tolist()
    return [
        Found(many.dense(k), taken) if good else Failed(f"diverged within {taken} steps")
        for k, (taken, good) in enumerate(zip(steps.tolist(), sound, strict=True))
    ]


def _measured(
    unit: Unit,
    cell: Cell,
    found: Found | Failed,
    grid: Grid,
    weights: dict[str, bytes],
) -> Row:
    empty = empty_row(unit, cell, grid)
    if isinstance(found, Failed):
        return failed_row(empty, found.why, found.traceback)

    def row_of(found: Found) -> Row:
        row = _statistics(empty, found, cell, grid)
        return _saved(row, found, weights) if grid.save_weights else row

    row = _tried(partial(row_of, found))
    return failed_row(empty, row.why, row.traceback) if isinstance(row, Failed) else row


def _saved(row: Row, found: Found, weights: dict[str, bytes]) -> Row:
    """The row with the name of the file of its weights, whose content is added to `weights`."""
    words = re.findall(r"\w+", row.variant.words) if row.variant else []
    which = "-".join([f"{row.kind}-{row.n_sparse}x{row.n_dense}-p{row.p!r}-s{row.seed}", *words])
    name = f"{which}.safetensors"
    weights[name] = weights_bytes(dense(found.weights))
    return replace(row, weights=f"weights/{name}")


def _statistics(empty: Row, found: Found, cell: Cell, grid: Grid) -> Row:
    """Losses and statistics of a cell's weights."""
    device = resolve(grid.device)
    seed = cell.seed or 0
    known = statistics(
        found.weights,
        cell.p,
        generator=np.random.default_rng(seed),
        rows=grid.rows,
        tolerance=TOLERANCE,
        laws=LAWS,
    ).numbers()
    variant = cell.variant or Variant()
    settings = grid.settings((empty.n_sparse, empty.n_dense), empty.p, seed, cell.variant)
    source = Source(generators(seed, device)["heldout"], device, torch.float32)
    fresh: Any = source.draw_many(settings.replace(batch=LOSS_BATCH), grid.samples)
    model: Any = {"activation": variant.activation, "k": settings.outputs_kept}
    sampled = heldout.measure(dense(found.weights), fresh, **model)
    if not variant.is_theorys:  # the theory's losses are those of another model
        known |= dict.fromkeys(("gaussian", "exact", "exact_standard_error"))
    papers = asdict(paper_statistics(found.weights, cell.p, generator=np.random.default_rng(seed)))
    if variant.data != Variant().data:  # the law of ν is another
        papers |= dict.fromkeys(("delta_var_nu", "delta_mean_nu", "p_ks"))
    return replace(
        empty,
        loss=sampled.mean,
        standard_error=sampled.standard_error,
        loss_gaussian=known.pop("gaussian"),
        loss_exact=known.pop("exact"),
        loss_exact_standard_error=known.pop("exact_standard_error"),
        **{name: value for name, value in known.items() if name not in ("p", "n_sparse")},
        **papers,
        samples=grid.samples,
        steps=found.steps,
        device=str(device),
    )
