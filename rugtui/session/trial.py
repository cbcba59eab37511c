"""The loss of weights that do not learn, sampled a batch at a time."""

from __future__ import annotations

import math

import torch

from rugtui.config import Frame, Settings
from rugtui.training.data import sample
from rugtui.weights.base import Weights
from rugtui.weights.frames import engineered
from rugtui.weights.hadamard import is_power_of_two


def usual_frame(n_sparse: int) -> Frame:
    """The rug proper, or where n_sparse is no power of two the frame that stands in for it."""
    return "hadamard" if is_power_of_two(n_sparse) else "dct"


STREAM = 0x5EED
"""Keeps the trial's data apart from those that training draws from the same seed."""


class RugTrial:
    """The engineered weights at a run's (n_sparse, n_dense, p), and what sampling says of them."""

    def __init__(self, settings: Settings, device: torch.device, frame: Frame) -> None:
        """Raises WeightsError where these sizes have no such frame, or memory does not."""
        self.settings, self.device = settings, device
        self.frame_name = frame
        generator = torch.Generator().manual_seed(settings.seed)
        self.weights: Weights = engineered(
            self.frame_name,
            settings.n_sparse,
            settings.n_dense,
            settings.p,
            generator=generator,
            device=device,
        )
        self._generator = torch.Generator(device).manual_seed(settings.seed ^ STREAM)
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def sample(self) -> None:
        """Draw one more batch: its per-sample losses join the mean."""
        s = self.settings
        x = sample(s.n_sparse, s.p, s.batch, generator=self._generator, device=self.device)
        losses = (x - self.weights.forward(x)).square_().mean(1, dtype=torch.float64)
        self._count += len(losses)
        self._sum += losses.sum().item()
        self._squares += losses.square().sum().item()

    def loss(self) -> tuple[float, float]:
        """Mean loss per feature over all samples so far, and its standard error."""
        if self._count < 2:
            return math.nan, math.nan
        mean = self._sum / self._count
        variance = max(self._squares / self._count - mean**2, 0.0)
        return mean, math.sqrt(variance / (self._count - 1))
