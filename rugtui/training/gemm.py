"""The unit in which a step's speed is told: one dense batch × n_sparse × n_dense product."""

from __future__ import annotations

import statistics
import time

import torch

from rugtui.config import Settings

REPEATS = 7
MOST = 1 << 28
"""Multiplications of the product that is timed; a larger one is told from a part of its batch,
which must not cost seconds before the first step."""


def gemm_seconds(settings: Settings, device: torch.device) -> float:
    """Seconds that one such product takes here and now: the median of a few."""
    cells = settings.n_sparse * settings.n_dense
    batch = max(1, min(settings.batch, MOST // cells))
    z = torch.rand(batch, settings.n_dense, device=device)
    W_out = torch.rand(settings.n_sparse, settings.n_dense, device=device)
    out = torch.empty(batch, settings.n_sparse, device=device)
    each = statistics.median(_timed(z, W_out, out) for _ in range(REPEATS + 1))
    return each * settings.batch / batch


def _timed(z: torch.Tensor, W_out: torch.Tensor, out: torch.Tensor) -> float:
    _synchronize(out.device)
    begun = time.perf_counter()
    torch.mm(z, W_out.T, out=out)
    _synchronize(out.device)
    return time.perf_counter() - begun


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
