"""The loss of fixed weights, sampled batch by batch."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float

from rugtui.live.frame import ENOUGH
from rugtui.models.base import Weights
from rugtui.models.constructions import engineered
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.training.heldout import sample_losses
from rugtui.training.kernels.sparse_rows import SparseRows
from rugtui.training.source import Source, importance

STREAM = 0x5EED
"""Makes the sampled data differ from those that training draws from the same seed."""
BATCH, CELLS = 8192, 1 << 22
"""At most so many samples, and features of them, per batch: a fraction of a second."""


class LossSampler:
    """The mean loss of fixed weights over the batches drawn so far."""

    def __init__(self) -> None:
        self.count = 0
        """Samples so far."""
        self._sum = self._squares = 0.0

    @property
    def settled(self) -> bool:
        """Whether the mean is as precise as it is shown."""
        mean, error = self.loss()
        return error <= ENOUGH * mean

    def sample(self) -> None:
        """Draw one more batch."""
        raise NotImplementedError

    def add(self, losses: Float[torch.Tensor, " batch"]) -> None:
        losses = losses.double()
        self.count += len(losses)
        self._sum += losses.sum().item()
        self._squares += losses.square().sum().item()

    def loss(self) -> tuple[float, float]:
        """Mean loss per feature over all samples so far, and its standard error."""
        if self.count < 2:
            return math.nan, math.nan
        mean = self._sum / self.count
        variance = max(self._squares / self.count - mean**2, 0.0)
        return mean, math.sqrt(variance / (self.count - 1))


class TrainedSampler(LossSampler):
    """Samples the loss of trained weights or those of a file.

    It draws its own data: training that resumes later draws what it would have drawn.
    """

    def __init__(self, settings: Settings, weights: Dense) -> None:
        super().__init__()
        self.settings, self.weights = settings, weights
        device = weights.b.device
        generator = _generator(device, settings.seed ^ STREAM)
        self._source = Source(generator, device, weights.b.dtype)

    def sample(self) -> None:
        s = self.settings
        x = self._source.draw(s, max(1, min(BATCH, CELLS // s.n_sparse)))
        model: Any = {"activation": s.activation, "k": s.outputs_kept}
        self.add(sample_losses(self.weights, x, importance=importance(s, self.weights.b), **model))


class RugSampler(LossSampler):
    """Builds the rug at a run's (n_sparse, n_dense, p), and samples its loss."""

    def __init__(self, settings: Settings, device: torch.device, construction: str) -> None:
        """Raises WeightsError if the construction does not exist at these sizes, or does not fit
        in memory."""
        super().__init__()
        self.settings, self.device = settings, device
        self.construction = construction
        generator = torch.Generator().manual_seed(settings.seed)
        self.weights: Weights = engineered(
            self.construction,
            settings.n_sparse,
            settings.n_dense,
            settings.p_on,
            generator=generator,
            device=device,
        )
        seed = settings.seed ^ STREAM
        self._source = Source(_generator(device, seed), device, torch.get_default_dtype())
        self._data = settings.replace(data="bernoulli", p=settings.p_on, p_decay=0.0)

    def sample(self) -> None:
        n_sparse = self.settings.n_sparse
        x = self._source.draw(self._data, max(1, min(BATCH, CELLS // n_sparse)))
        x = x.dense() if isinstance(x, SparseRows) else x
        self.add((x - self.weights.forward(x)).square_().mean(1, dtype=torch.float64))


def _generator(device: torch.device, seed: int) -> torch.Generator:
    """For a Source: on a CUDA device itself, for other devices on the CPU."""
    return torch.Generator(device if device.type == "cuda" else "cpu").manual_seed(seed)
