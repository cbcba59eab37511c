"""Population training: gradient descent on the Gaussian loss, without data (sections 3 and 9).

The loss depends on W through three numbers per row: its diagonal a, and the mean μ and standard
deviation σ of its interference, which cost O(n_sparse n_dense²) together. The bias enters only as
β = b + μ, and β is optimized in its place: otherwise only a learning rate n_sparse times smaller
would be stable.

With R1(m) = E ReLU(m + σz) and R2(m) = E ReLU(m + σz)², the loss of a row and its slopes are
moments of Φ and φ along the line m = a u + β, 0 ≤ u ≤ 1:
    R1' = Φ,  ∂R1/∂σ = φ,  R2' = 2 R1,  ∂R2/∂σ = 2σΦ        (of m/σ)
    M_k = ∫ u^k Φ((a u + β)/σ) du,   N_k = ∫ u^k φ((a u + β)/σ) du
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.settings.settings import Settings
from rugtui.theory.moments import noise, variance
from rugtui.training.kernels.gradient import CheckCancelled
from rugtui.training.kernels.optimizer import Optimizer
from rugtui.training.source import importance
from rugtui.training.state import Parameters

RATE, HIGHEST_RATE = 0.1, 0.3
"""Adam's learning rate, in units of the typical final size of a parameter."""
UP, DOWN = 1.05, 0.8
"""Factors on the learning rate after a step that lowered the loss, and after one that raised it."""
BETAS = 0.8, 0.95
"""Adam's betas, small because the gradient has no noise. Median steps to 1 % of L* over a 6 × 6
grid of (r, p) at n_sparse 256: 28 with these, 67 with (0.9, 0.99)."""
_X, _WEIGHTS = np.polynomial.legendre.leggauss(20)
NODES, WEIGHTS = ((_X + 1) / 2).tolist(), (_WEIGHTS / 2).tolist()
SMALLEST_VARIANCE = 1e-12
DEAD = 1e-3
"""Probability of a positive pre-activation at x = 1 below which a row counts as dead."""

Rows = Float[Tensor, "*cells n_sparse"]
Moments = tuple[Rows, Rows, Rows, Rows, Rows]
"""M0, M1, M2, N0, N1."""


class Population:
    """The method "population"."""

    plan = "no data"

    def __init__(self, settings: Settings, parameters: Parameters) -> None:
        self._parameters = parameters
        # the gradient of a dead row is tiny, and must not vanish beside eps
        self._optimizer = Optimizer(torch.optim.Adam, parameters.blocks(), betas=BETAS, eps=1e-20)
        self._dead = 0
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Discard what was computed for other settings."""
        self._settings, self._rate = settings, RATE
        self._importance = importance(settings, self._parameters.weights.b)
        self._loss: float | None = None
        self._previous: float | None = None

    @property
    def lr(self) -> float:
        """The rate of W_in and W_out, whose final entries are of the order 1/√n_dense."""
        return self._rate / math.sqrt(self._parameters.n_dense)

    def step(self, number: int, check_cancelled: CheckCancelled) -> float:
        """One step; returns the loss before it."""
        loss = self.loss(check_cancelled)
        rose = self._previous is not None and loss > self._previous
        self._rate = self._rate * DOWN if rose else min(self._rate * UP, HIGHEST_RATE)
        self._descend()
        self._loss, self._previous = None, loss
        return loss

    def loss(self, check_cancelled: CheckCancelled) -> float:
        """The Gaussian loss of the current weights; writes its gradient to the parameters."""
        if self._loss is None:
            own, p = self._parameters, float(self._settings.p)
            loss, reach = evaluate(
                own.weights,
                own.gradient,
                _rows(own.weights.b) + _rows(means(own.weights, p)),
                p,
                check_cancelled,
                tied=own.tied,
                bias=own.bias,
                weigh=self._importance,
            )
            self._loss, self._dead = float(loss.mean()), int((reach < DEAD).sum())
        return self._loss

    def dead(self) -> int:
        """Outputs that were almost always 0 even when their own feature is 1, when last
        evaluated."""
        return self._dead

    def _descend(self) -> None:
        own = self._parameters
        if not own.bias:
            return self._optimizer.step(*[self.lr] * (2 - own.tied))
        p = float(self._settings.p)
        spread = float(noise(1, self._settings.ratio, p))  # σ of the best model per unit of a
        own.weights.b.add_(means(own.weights, p))  # β
        self._optimizer.step(*[self.lr] * (2 - own.tied), self._rate * spread)
        own.weights.b.sub_(means(own.weights, p))
        return None

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return self._optimizer.state(), {"rate": self._rate, "previous": self._previous}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self._optimizer.restore(tensors)
        self._rate, self._previous, self._loss = facts["rate"], facts["previous"], None


class Weights(Protocol):
    """Weights or their gradient: of one model, or of several along a first axis."""

    @property
    def W_in_T(self) -> Float[Tensor, "*cells n_sparse n_dense"]: ...
    @property
    def W_out(self) -> Float[Tensor, "*cells n_sparse n_dense"]: ...
    @property
    def b(self) -> Float[Tensor, "*cells n_sparse"]: ...


def evaluate(
    own: Weights,
    gradient: Weights,
    beta: Rows,
    p: float | Float[Tensor, "cells 1"],
    check_cancelled: CheckCancelled = lambda: None,
    *,
    tied: bool = False,
    bias: bool = True,
    weigh: Rows | None = None,
) -> tuple[Rows, Rows]:
    """The Gaussian loss of each row, and its reach: Φ of the pre-activation at x = 1.

    Writes n_sparse times the gradient of the mean loss to `gradient`; that of b is the one of β.
    `beta` is b + μ, in float64 if the device supports it.
    """
    W_in_T, W_out, v = own.W_in_T, own.W_out, _variance(p)
    gram = W_in_T.mT @ W_in_T
    check_cancelled()
    spread = W_out @ gram  # W_out W_in W_inᵀ
    check_cancelled()
    a, squares = (_rows(torch.linalg.vecdot(W_out, part)) for part in (W_in_T, spread))
    sigma = (v * (squares - a * a)).clamp_(min=SMALLEST_VARIANCE).sqrt_()
    rows = row_losses(a, beta, sigma, p)
    if weigh is not None:
        rows = RowLosses(*(part * _rows(weigh) for part in rows))
    by_square = v * rows.by_sigma / (2 * sigma)
    by_a = rows.by_a - 2 * by_square * a
    by_sum = None
    if bias:
        gradient.b.copy_(rows.by_beta)
    else:
        by_sum = rows.by_beta * (p / 2)
        by_a = by_a - by_sum

    # from slopes in a, Σ_j W_ij² and Σ_j W_ij to those in W_in and W_out
    by_a, by_square = (slope.to(W_out)[..., None] for slope in (by_a, 2 * by_square))
    outer = W_out.mT @ (W_out * by_square)
    check_cancelled()
    by_W_in_T = (W_in_T @ outer).addcmul_(W_out, by_a)
    check_cancelled()
    by_W_out = spread.mul_(by_square).addcmul_(W_in_T, by_a)
    if by_sum is not None:
        slope = by_sum.to(W_out)[..., None]
        by_W_in_T.add_((slope * W_out).sum(-2, keepdim=True))
        by_W_out.addcmul_(slope, W_in_T.sum(-2, keepdim=True))
    gradient.W_in_T.copy_(by_W_in_T)
    if tied:
        gradient.W_in_T.add_(by_W_out)
    else:
        gradient.W_out.copy_(by_W_out)
    return rows.loss, torch.special.ndtr((torch.relu(a) + beta) / sigma)


def means(own: Weights, p: float | Float[Tensor, "cells 1"]) -> Rows:
    """μ_i = (p/2) Σ_{j≠i} W_ij."""
    sums = (own.W_out @ own.W_in_T.sum(-2)[..., None])[..., 0]
    others = sums.sub_(torch.linalg.vecdot(own.W_out, own.W_in_T))
    return others.mul_((p / 2).to(others) if isinstance(p, Tensor) else p / 2)


def _variance(p: float | Tensor) -> float | Tensor:
    """v = Var x, per cell if p is."""
    if isinstance(p, Tensor):
        return torch.as_tensor(variance(p.cpu().numpy())).to(p)
    return float(variance(p))


def _rows(vector: Tensor) -> Tensor:
    """In float64, if the device supports it."""
    return vector.to("cpu" if vector.device.type == "mps" else vector.device).double()


class RowLosses(NamedTuple):
    """loss(a, β, σ; p) of every row, β = b + μ, and its partial derivatives."""

    loss: Rows
    by_a: Rows
    by_beta: Rows
    by_sigma: Rows


def row_losses(a: Rows, beta: Rows, sigma: Rows, p: float | Rows) -> RowLosses:
    """All in float64; σ > 0. p may be each row's own, or each model's with a last axis of 1."""
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
    """Moments of Φ and φ at s = slope · u + start.

    Antiderivatives in s, divided by powers of the slope, lose precision as the slope goes to 0;
    there the integrands are so smooth that twenty Gauss-Legendre nodes are exact to rounding. On a
    CPU they are used only for the rows that need them; on a GPU for all, because selecting would
    synchronize.
    """
    steep = slope.abs() > 1
    exact = _steep_moments(torch.where(steep, slope, 1.0), start)
    if slope.device.type != "cpu":
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
    low, high = torch.special.ndtr(start), torch.special.ndtr(end)
    phi_low, phi_high = _phi(start), _phi(end)
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
