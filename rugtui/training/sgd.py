"""Learning from samples: one batch, one gradient, one step of the optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rugtui.config import Settings
from rugtui.training import data, plan
from rugtui.training.cells import Cells
from rugtui.training.optimizer import Optimizer
from rugtui.training.parameters import Parameters
from rugtui.training.step import Gradient, Pause

ABSENCES = 20


class Sampled:
    """The method "sgd" (with whichever optimizer)."""

    def __init__(self, settings: Settings, parameters: Parameters, generator: torch.Generator):
        self._parameters, self._generator = parameters, generator
        self._optimizer = Optimizer([(parameters.weights.flat, parameters.gradient.flat)])
        self._quiet = torch.zeros_like(parameters.weights.b, dtype=torch.int64)
        self.change(settings)

    def change(self, settings: Settings) -> None:
        self._settings = settings
        kind = self._generator.device.type
        self._paths = plan.choose(settings.n_dense, settings.p, kind=kind)
        self.plan = str(self._paths)
        self._gradient = Gradient(self._parameters, self._paths)

    @property
    def lr(self) -> float:
        return self._settings.learning_rate

    def step(self, pause: Pause) -> Tensor:
        """One step; returns its loss on the device. Where `pause` raises, nothing has happened."""
        before = self._generator.get_state()
        try:
            x = draw(self._settings, self._settings.batch, self._generator)
            loss = self._gradient(x, pause)
        except BaseException:
            self._generator.set_state(before)
            raise
        self._quiet.add_(x.shape[0]).masked_fill_(self._gradient.rows_on, 0)
        self._optimizer.step(self.lr)
        return loss

    def loss(self, pause: Pause) -> None:
        """Samples do not tell the loss of the weights as they are."""

    def dead(self) -> int:
        """Outputs held at 0 for so long that their own feature came twenty times."""
        return int((self._quiet * self._settings.p > ABSENCES).sum())

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {"quiet": self._quiet.clone(), **self._optimizer.state()}, {}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self._quiet.copy_(tensors["quiet"])
        self._optimizer.restore({n: v for n, v in tensors.items() if n != "quiet"})


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
