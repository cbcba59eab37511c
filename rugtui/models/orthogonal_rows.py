"""Orthogonal rows for any n_sparse, and the weights made of them."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.models.dense import Dense


def orthonormal_rows(
    n_sparse: int, n_dense: int, *, generator: torch.Generator
) -> Float[Tensor, "n_dense n_sparse"]:
    """Rows that span a random subspace, uniform among those of n_dense dimensions; float64."""
    where = generator.device
    shape = n_sparse, n_dense
    gaussian = torch.randn(shape, generator=generator, dtype=torch.float64, device=where)
    return math.sqrt(n_sparse) * torch.linalg.qr(gaussian.cpu()).Q.T


def cosine_rows(
    n_sparse: int, n_dense: int, *, generator: torch.Generator
) -> Float[Tensor, "n_dense n_sparse"]:
    """Random rows √2 cos(π (2j + 1) k / (2 n_sparse)) of the discrete cosine transform; float64.

    Row 0, all ones, is left out. Rows come in pairs k, n_sparse − k: their squares add up to a
    constant, so that every feature has the same a (but for one row where n_dense is odd and
    n_sparse too; where only n_dense is odd, row n_sparse/2 is constant by itself).
    """
    k = _paired(n_sparse, n_dense, generator)
    # In whole numbers, modulo a turn of 4 n_sparse: no digits are lost at large k (2j + 1)
    turns = k[:, None] * (2 * torch.arange(n_sparse) + 1) % (4 * n_sparse)
    return math.sqrt(2) * torch.cos(turns.double() * (math.pi / (2 * n_sparse)))


def _paired(n_sparse: int, n_dense: int, generator: torch.Generator) -> Int[Tensor, " n_dense"]:
    """n_dense numbers of 1 … n_sparse − 1, k with n_sparse − k, then what is left alone."""
    pairs = (n_sparse - 1) // 2
    order = torch.randperm(pairs, generator=generator, device=generator.device).cpu() + 1
    both = torch.stack([order, n_sparse - order], 1).flatten()
    middle = torch.tensor([n_sparse // 2] if n_sparse % 2 == 0 else [], dtype=torch.long)
    chosen = torch.cat([middle, both] if n_dense % 2 else [both, middle])
    return chosen[:n_dense]


def scaled(
    rows: Float[Tensor, "n_dense n_sparse"],
    p: float,
    a: float,
    b: float,
    device: torch.device | str,
) -> Dense:
    """W = (a/n_dense) rowsᵀ rows in single precision; each row of W has the bias b − its own μ."""
    scale = a / len(rows)
    interference = scale * (rows.T @ rows.sum(1) - rows.square().sum(0))
    bias = b - p / 2 * interference
    W_in = rows.to(device, torch.float32)
    return Dense(W_in, scale * W_in.T, bias.to(device, torch.float32))
