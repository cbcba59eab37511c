"""Learning without data: descend the Gaussian loss of the weights (sections 3 and 9).

The loss depends on W through three numbers a row, its diagonal a, its interference's mean μ and
spread σ, all of them O(n_sparse n_dense²) away:
    a_i = W_out[i]·W_in[:, i],   S_i = W_out[i]·(W_in 1),   Q_i = W_out[i] (W_in W_inᵀ) W_out[i]ᵀ
    μ_i = (p/2)(S_i − a_i),      σ_i² = v (Q_i − a_i²)
The bias enters as β = b + μ only. So β is what is descended in its place, and b follows from it:
a step in W would otherwise shift all pre-activations together, by a sum of n_sparse small changes
that agree, and only a rate n_sparse times smaller would be stable.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.settings.settings import Settings
from rugtui.training.gaussian import row_losses
from rugtui.training.kernels.gradient import Pause
from rugtui.training.kernels.optimizer import Optimizer
from rugtui.training.parameters import Parameters
from rugtui.training.source import importance

RATE, HIGHEST_RATE = 0.1, 0.3
"""Of Adam, in units of the size that a parameter has in the end."""
UP, DOWN = 1.05, 0.8
"""What a step that lowered the loss does to the rate, and one that raised it."""
BETAS = 0.8, 0.95
"""Adam's memories, short: the gradient has no noise. Median steps to 1 % of L* over a 6 × 6 grid of
(r, p) at n_sparse 256: 28 with these, 67 with (0.9, 0.99)."""
SMALLEST_VARIANCE = 1e-12
DEAD = 1e-3
"""Probability of a positive pre-activation at x = 1 below which a row counts as dead."""


class Population:
    """The method "population"."""

    plan = "no data"

    def __init__(self, settings: Settings, parameters: Parameters) -> None:
        self._parameters = parameters
        # the gradient of a dead row is tiny and must not drown in eps
        self._optimizer = Optimizer(torch.optim.Adam, parameters.blocks(), betas=BETAS, eps=1e-20)
        self._dead = 0
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """What was computed for other settings no longer counts."""
        self._settings, self._rate = settings, RATE
        self._importance = importance(settings, self._parameters.weights.b)
        self._loss: float | None = None
        self._previous: float | None = None

    @property
    def lr(self) -> float:
        """The rate of W_in and W_out, whose cells end up of the order 1/√n_dense."""
        return self._rate / math.sqrt(self._parameters.n_dense)

    def step(self, number: int, pause: Pause) -> float:
        """One step; returns the loss before it. Where `pause` raises, nothing has happened."""
        loss = self.loss(pause)
        rose = self._previous is not None and loss > self._previous
        self._rate = self._rate * DOWN if rose else min(self._rate * UP, HIGHEST_RATE)
        self._descend()
        self._loss, self._previous = None, loss
        return loss

    def loss(self, pause: Pause) -> float:
        """The Gaussian loss of the weights as they are; leaves its gradient in the parameters."""
        if self._loss is None:
            self._loss, self._dead = evaluate(
                self._parameters, self._settings.p, pause, weigh=self._importance
            )
        return self._loss

    def dead(self) -> int:
        """Rows that hardly ever pass their own feature on, as of the last evaluation."""
        return self._dead

    def _descend(self) -> None:
        own = self._parameters
        if not own.bias:
            return self._optimizer.step(*[self.lr] * (2 - own.tied))
        p, r = self._settings.p, self._settings.ratio
        spread = math.sqrt(variance(p) * (1 - r) / r)  # σ of the best model per unit of a
        own.weights.b.add_(_means(own, p))  # β
        self._optimizer.step(*[self.lr] * (2 - own.tied), self._rate * spread)
        own.weights.b.sub_(_means(own, p))
        return None

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return self._optimizer.state(), {"rate": self._rate, "previous": self._previous}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self._optimizer.restore(tensors)
        self._rate, self._previous, self._loss = facts["rate"], facts["previous"], None


def evaluate(
    parameters: Parameters,
    p: float,
    pause: Pause,
    *,
    weigh: Float[Tensor, " n_sparse"] | None = None,
) -> tuple[float, int]:
    """The Gaussian loss, and the number of dead rows; leaves the gradient in the parameters.

    The gradient is n_sparse times the loss's, with β in b's place where there is a bias.
    """
    own, gradient, bias = parameters.weights, parameters.gradient, parameters.bias
    gram = own.W_in @ own.W_in.T
    pause()
    spread = own.W_out @ gram
    pause()
    a = _rows(torch.linalg.vecdot(own.W_out, own.W_in.T))
    squares = _rows(torch.linalg.vecdot(spread, own.W_out))
    sigma = (variance(p) * (squares - a * a)).clamp_(min=SMALLEST_VARIANCE).sqrt_()
    beta = _rows(own.b) + _rows(_means(parameters, p))
    rows = row_losses(a, beta, sigma, p)
    if weigh is not None:
        rows = rows.weighed(_rows(weigh))

    by_square = variance(p) * rows.by_sigma / (2 * sigma)
    by_a = rows.by_a - 2 * by_square * a
    by_sum = None
    if bias:
        gradient.b.copy_(rows.by_beta)
    else:
        by_sum = rows.by_beta * (p / 2)
        by_a = by_a - by_sum
    _chain(parameters, spread, by_a, by_square, by_sum, pause)
    reach = torch.special.ndtr((torch.relu(a) + beta) / sigma)
    return float(rows.loss.mean()), int((reach < DEAD).sum())


def _chain(
    parameters: Parameters,
    spread: Float[Tensor, "n_sparse n_dense"],
    by_a: Float[Tensor, " n_sparse"],
    by_square: Float[Tensor, " n_sparse"],
    by_sum: Float[Tensor, " n_sparse"] | None,
    pause: Pause,
) -> None:
    """From slopes in a, Q and S to those in W_in and W_out; `spread` is W_out W_in W_inᵀ."""
    own, gradient = parameters.weights, parameters.gradient
    like = own.flat
    by_a, by_square = (slope.to(like)[:, None] for slope in (by_a, by_square))
    weighted = own.W_out * (2 * by_square)
    outer = own.W_out.T @ weighted
    pause()
    gradient.W_in.copy_((own.W_out * by_a).T)
    gradient.W_in.addmm_(outer, own.W_in)
    pause()
    W_out = spread.mul_(2 * by_square).addcmul_(own.W_in.T, by_a)
    if by_sum is not None:
        slope = by_sum.to(like)
        gradient.W_in.add_((slope @ own.W_out)[:, None])
        W_out.addr_(slope, own.W_in.sum(1))
    if parameters.tied:
        gradient.W_in.add_(W_out.T)
    else:
        gradient.W_out.copy_(W_out)


def variance(p: float) -> float:
    """v = Var x = p/3 − p²/4 (section 1)."""
    return p / 3 - p * p / 4


def _means(parameters: Parameters, p: float) -> Float[Tensor, " n_sparse"]:
    """μ_i = (p/2) Σ_{j≠i} W_ij."""
    own = parameters.weights
    diagonal = torch.linalg.vecdot(own.W_out, own.W_in.T)
    return (own.W_out @ own.W_in.sum(1)).sub_(diagonal).mul_(p / 2)


def _rows(vector: Tensor) -> Tensor:
    """In float64, where the device has it."""
    return vector.to("cpu" if vector.device.type == "mps" else vector.device).double()
