"""The unit in which a step's speed is told: one dense batch × n_sparse × n_dense product."""

from __future__ import annotations

import statistics
import time

import torch

from rugtui.settings.settings import Settings

REPEATS = 7
MOST, CUDA_MOST = 1 << 28, 1 << 38
"""Multiplications of the product that is timed; a larger one is told from a part of its batch,
which must not cost seconds before the first step, nor be so small that a GPU is not filled."""


def gemm_seconds(
    settings: Settings, device: torch.device, *, dtype: torch.dtype = torch.float32
) -> float:
    """Seconds that one such product takes here and now: the median of a few."""
    cells = settings.n_sparse * settings.n_dense
    most = CUDA_MOST if device.type == "cuda" else MOST
    batch = max(1, min(settings.batch, most // cells))
    like = {"device": device, "dtype": dtype}
    z = torch.rand(batch, settings.n_dense, **like)
    W_out = torch.rand(settings.n_sparse, settings.n_dense, **like)
    out = torch.empty(batch, settings.n_sparse, **like)
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
