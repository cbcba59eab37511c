"""The Gaussian loss of each row and its slopes, in closed form (section 3; arXiv 2410.12101).

With R1(m) = E ReLU(m + σz), R2(m) = E ReLU(m + σz)² the slopes are moments of Φ and φ along the
line m = a u + β, 0 ≤ u ≤ 1:
    R1' = Φ,  ∂R1/∂σ = φ,  R2' = 2 R1,  ∂R2/∂σ = 2σΦ        (of m/σ)
    M_k = ∫ u^k Φ((a u + β)/σ) du,   N_k = ∫ u^k φ((a u + β)/σ) du
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_X, _WEIGHTS = np.polynomial.legendre.leggauss(20)
NODES, WEIGHTS = ((_X + 1) / 2).tolist(), (_WEIGHTS / 2).tolist()

Rows = Float[Tensor, "*cells n_sparse"]
Moments = tuple[Rows, Rows, Rows, Rows, Rows]
"""M0, M1, M2, N0, N1."""


@dataclass(frozen=True, slots=True)
class RowLosses:
    """loss(a, β, σ; p) of every row, β = b + μ, and its partial derivatives."""

    loss: Rows
    by_a: Rows
    by_beta: Rows
    by_sigma: Rows

    def weighed(self, weight: Rows) -> RowLosses:
        parts = self.loss, self.by_a, self.by_beta, self.by_sigma
        return RowLosses(*(part * weight for part in parts))


def row_losses(a: Rows, beta: Rows, sigma: Rows, p: float | Rows) -> RowLosses:
    """All in float64; σ > 0; p may be each row's own, or each cell's with a last axis of 1."""
    M0, M1, M2, N0, N1 = _moments(a / sigma, beta / sigma)
    Phi, phi = torch.special.ndtr(beta / sigma), _phi(beta / sigma)
    square = beta * beta + sigma * sigma
    off_R1 = beta * Phi + sigma * phi
    off_R2 = square * Phi + beta * sigma * phi
    on_R1 = a * M1 + beta * M0 + sigma * N0  # ∫ R1
    on_uR1 = a * M2 + beta * M1 + sigma * N1  # ∫ u R1
    on_R2 = a * a * M2 + 2 * a * beta * M1 + square * M0 + sigma * (a * N1 + beta * N0)
    return RowLosses(
        loss=(1 - p) * off_R2 + p * (1 / 3 - 2 * on_uR1 + on_R2),
        by_a=2 * p * (on_uR1 - M2),
        by_beta=2 * (1 - p) * off_R1 + 2 * p * (on_R1 - M1),
        by_sigma=2 * (1 - p) * sigma * Phi + 2 * p * (sigma * M0 - N1),
    )


def _moments(slope: Rows, start: Rows) -> Moments:
    """Of Φ and φ at s = slope · u + start.

    Integrals in s, divided by powers of the slope, lose precision as the slope goes to 0; there the
    integrands are so smooth that twenty Gauss-Legendre nodes are exact to rounding. On a CPU only
    the rows that need it use them; on a GPU all rows do, because selecting rows would synchronize.
    """
    steep = slope.abs() > 1
    on_cpu = slope.device.type == "cpu"
    exact = _steep_moments(torch.where(steep, slope, 1.0), start)
    if not on_cpu:
        flat = _flat_moments(torch.where(steep, 0.0, slope), start)
        M0, M1, M2, N0, N1 = (torch.where(steep, *pair) for pair in zip(exact, flat, strict=True))
        return M0, M1, M2, N0, N1
    few = ~steep
    if few.any():
        for whole, part in zip(exact, _flat_moments(slope[few], start[few]), strict=True):
            whole[few] = part
    return exact


def _steep_moments(slope: Rows, start: Rows) -> Moments:
    """With ∫Φ = sΦ + φ, ∫sΦ = ((s² − 1)Φ + sφ)/2, ∫s²Φ = (s³Φ + (s² + 2)φ)/3, ∫sφ = −φ."""
    end = start + slope
    low, high, phi_low, phi_high = (
        torch.special.ndtr(start),
        torch.special.ndtr(end),
        _phi(start),
        _phi(end),
    )
    F0 = end * high + phi_high - start * low - phi_low
    F1 = ((end**2 - 1) * high + end * phi_high - (start**2 - 1) * low - start * phi_low) / 2
    F2 = (end**3 * high + (end**2 + 2) * phi_high - start**3 * low - (start**2 + 2) * phi_low) / 3
    mass = high - low
    return (
        F0 / slope,
        (F1 - start * F0) / slope**2,
        (F2 - 2 * start * F1 + start**2 * F0) / slope**3,
        mass / slope,
        (phi_low - phi_high - start * mass) / slope**2,
    )


def _flat_moments(slope: Rows, start: Rows) -> Moments:
    like = {"dtype": slope.dtype, "device": slope.device}
    u, weights = torch.tensor(NODES, **like), torch.tensor(WEIGHTS, **like)
    s = start[..., None] + slope[..., None] * u
    Phi, phi = torch.special.ndtr(s), _phi(s)
    return (
        Phi @ weights,
        Phi @ (weights * u),
        Phi @ (weights * u**2),
        phi @ weights,
        phi @ (weights * u),
    )


def _phi(s: Tensor) -> Tensor:
    return torch.exp(-s * s / 2) / math.sqrt(2 * math.pi)
