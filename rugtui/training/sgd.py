"""Learning from samples: one batch, one gradient, one step of the optimizer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rugtui.config import Settings
from rugtui.training import data, plan
from rugtui.training.cells import Cells
from rugtui.training.optimizer import Optimizer
from rugtui.training.parameters import Parameters
from rugtui.training.step import Gradient, Pause


class Sampled:
    """The method "sgd" (with whichever optimizer)."""

    def __init__(self, settings: Settings, parameters: Parameters, generator: torch.Generator):
        self._parameters, self._generator = parameters, generator
        self.optimizer = Optimizer(parameters)
        self.change(settings)

    def change(self, settings: Settings) -> None:
        self._settings = settings
        kind = self._generator.device.type
        self.plan = plan.choose(settings.n_dense, settings.p, kind=kind)
        self._gradient = Gradient(self._parameters, self.plan)

    def step(self, lr: float, pause: Pause) -> Tensor:
        """One step; returns its loss on the device. Where `pause` raises, nothing has happened."""
        before = self._generator.get_state()
        try:
            x = draw(self._settings, self._settings.batch, self._generator)
            loss = self._gradient(x, pause)
        except BaseException:
            self._generator.set_state(before)
            raise
        self.optimizer.step(lr)
        return loss


def draw(settings: Settings, batch: int, generator: torch.Generator) -> Cells | Tensor:
    """A batch as `settings` want it: its active cells on a CPU, all cells elsewhere."""
    return data.sample_cells(settings.n_sparse, settings.p, batch, generator=generator)


def draw_many(
    settings: Settings, samples: int, generator: torch.Generator
) -> Iterator[Cells | Tensor]:
    """`samples` samples in batches of the settings' size at most."""
    while samples > 0:
        yield draw(settings, min(settings.batch, samples), generator)
        samples -= settings.batch
