"""Weights that are trained elsewhere, where a run is shown that this process must not advance."""

from __future__ import annotations

import torch

from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.training.device import data_type
from rugtui.training.trainer import Trainer

CPU = torch.device("cpu")


class FrozenRun(Trainer):
    """A run at one step, on the CPU, without optimizer or data. It cannot be advanced."""

    def __init__(self, settings: Settings, weights: Dense, step: int) -> None:
        self.settings, self.device, self.step = settings, CPU, step
        dtype = data_type(settings, CPU)
        parts = (weights.W_in, weights.W_out, weights.b)
        self._weights = Dense(*(part.to(CPU, dtype) for part in parts))

    @property
    def ending(self) -> str:
        """Why it goes no further here."""
        return "it is only followed"

    @property
    def plan(self) -> str:
        """Empty: no step is computed here."""
        return ""

    def weights(self) -> Dense:
        """The weights, which do not change."""
        return self._weights
