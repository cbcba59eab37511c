"""Population training of many cells of one shape at once, each with its own p, rate and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.models.dense import Dense
from rugtui.theory.moments import noise
from rugtui.training import population
from rugtui.training.kernels.optimizer import Optimizer
from rugtui.training.schedule import SETTLED

WINDOW = 100
"""A cell is done once its mean loss over WINDOW steps has fallen by less than the fraction SETTLED
since the WINDOW steps before."""
EXPLODED = 1e3
"""A cell whose loss exceeds this multiple of p has diverged; the zero-output baseline is p/3."""

Cells = Float[Tensor, " cells"]


@dataclass(frozen=True, slots=True)
class BatchedWeights:
    """W_inᵀ, W_out and b of cells of one shape, for batched products: views of one tensor with a
    row for each cell."""

    flat: Float[Tensor, "cells size"]
    W_in_T: Float[Tensor, "cells n_sparse n_dense"]
    W_out: Float[Tensor, "cells n_sparse n_dense"]
    b: Float[Tensor, "cells n_sparse"]

    @classmethod
    def of(cls, weights: Sequence[Dense], device: torch.device) -> BatchedWeights:
        """A copy, in float32."""
        rows = [torch.cat([w.W_in.T.flatten(), w.W_out.flatten(), w.b]) for w in weights]
        return cls.view(torch.stack(rows).to(device, torch.float32), weights[0].n_sparse)

    @classmethod
    def view(cls, flat: Float[Tensor, "cells size"], n_sparse: int) -> BatchedWeights:
        cells, size = flat.shape
        n_dense = (size // n_sparse - 1) // 2
        half = n_sparse * n_dense
        shape = cells, n_sparse, n_dense
        W_in_T, W_out = flat[:, :half].view(shape), flat[:, half : 2 * half].view(shape)
        return cls(flat, W_in_T, W_out, flat[:, 2 * half :])

    def like(self) -> BatchedWeights:
        """The same views of zeros, for example for a gradient."""
        return BatchedWeights.view(torch.zeros_like(self.flat), self.n_sparse)

    def copy(self) -> BatchedWeights:
        return BatchedWeights.view(self.flat.clone(), self.n_sparse)

    def some(self, cells: Tensor) -> BatchedWeights:
        """A copy of these cells."""
        return BatchedWeights.view(self.flat[cells], self.n_sparse)

    @property
    def cells(self) -> int:
        return self.W_out.shape[0]

    @property
    def n_sparse(self) -> int:
        return self.W_out.shape[1]

    @property
    def n_dense(self) -> int:
        return self.W_out.shape[2]

    def dense(self, cell: int) -> Dense:
        """A copy of one cell's weights, on the CPU."""
        parts = self.W_in_T[cell].T, self.W_out[cell], self.b[cell]
        contiguous = torch.contiguous_format
        return Dense(*(part.cpu().clone(memory_format=contiguous) for part in parts))


def descend(
    weights: BatchedWeights, p: Float[Tensor, " cells"], steps: int
) -> tuple[BatchedWeights, Int[Tensor, " cells"]]:
    """Descend the Gaussian loss; returns the weights and the steps that each cell took.

    p is float64. A cell that diverges stops with weights that may contain NaN or infinity.
    """
    found, taken = weights.like(), torch.zeros_like(p, dtype=torch.int64)
    active = torch.arange(weights.cells, device=p.device)
    descent, before = Descent(weights, p), torch.full_like(p, math.inf)
    while len(active):
        window = min(WINDOW, steps - descent.step)
        total = torch.zeros_like(p[active])
        for _ in range(window):
            total += descent.advance()
        mean = total / max(window, 1)
        over = ~(mean < before * (1 - SETTLED)) | ~(mean < EXPLODED * p[active])
        over |= descent.step >= steps
        if over.any():
            done = active[over]
            found.flat[done] = descent.weights_now().flat[over]
            taken[done] = descent.step
            goes_on = torch.nonzero(~over)[:, 0]
            active, mean = active[~over], mean[~over]
            descent.keep(goes_on)
        before = mean
    return found, taken


class Descent:
    """Adam on the Gaussian losses of cells of one shape, with β = b + μ in place of b (`training/
    population.py` says why)."""

    def __init__(self, weights: BatchedWeights, p: Float[Tensor, " cells"]) -> None:
        self.step = 0
        self._rate = torch.full_like(p, population.RATE)
        self._previous = torch.full_like(p, math.inf)
        self._hold(weights.copy(), p)
        self._own.b.add_(population.means(self._own, self._p))

    def _hold(self, weights: BatchedWeights, p: Tensor) -> None:
        """Continue with these cells and a new optimizer."""
        self._own, self._p = weights, p[:, None]
        self._sigma = torch.from_numpy(noise(1, weights.n_dense / weights.n_sparse, p.cpu())).to(p)
        """σ of the best model per unit of a."""
        self._gradient, self._moved = weights.like(), weights.like()
        self._adam = Optimizer(
            torch.optim.Adam,
            [(self._moved.flat, self._gradient.flat)],
            betas=population.BETAS,
            eps=1e-20,
        )

    def keep(self, cells: Int[Tensor, " kept"]) -> None:
        """Continue with these cells only."""
        memory = {n: v[cells] if v.ndim else v for n, v in self._adam.state().items()}
        self._rate, self._previous = self._rate[cells], self._previous[cells]
        self._hold(self._own.some(cells), self._p[cells, 0])
        self._adam.restore(memory)

    def weights_now(self) -> BatchedWeights:
        """A copy, with b in place of β."""
        weights = self._own.copy()
        weights.b.sub_(population.means(self._own, self._p))
        return weights

    def advance(self) -> Cells:
        """One step; returns each cell's loss before it."""
        loss = self._evaluate()
        slower, faster = self._rate * population.DOWN, self._rate * population.UP
        rose = loss > self._previous
        self._rate = torch.where(rose, slower, faster.clamp_(max=population.HIGHEST_RATE))
        self._previous = loss
        self._moved.flat.zero_()
        self._adam.step(1.0)  # at rate 1; each cell scales the result by its own
        own, moved = self._own, self._moved
        rate = (self._rate / math.sqrt(own.n_dense)).to(own.flat.dtype)[:, None, None]
        own.W_in_T.addcmul_(moved.W_in_T, rate)
        own.W_out.addcmul_(moved.W_out, rate)
        own.b.addcmul_(moved.b, (self._rate * self._sigma).to(own.b.dtype)[:, None])
        self.step += 1
        return loss

    def _evaluate(self) -> Cells:
        """The Gaussian losses; writes n_sparse times their gradient to `_gradient`."""
        own = self._own
        loss, _ = population.evaluate(own, self._gradient, own.b.double(), self._p)
        return loss.mean(1)
