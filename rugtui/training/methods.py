"""Training methods: the one that samples data, and the choice between it and population
training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rugtui.settings.settings import OF_AUTOENCODERS, Settings
from rugtui.training import schedule
from rugtui.training.data import decayed
from rugtui.training.kernels import optimizer, plan
from rugtui.training.kernels.autograd import AutogradGradient
from rugtui.training.kernels.gradient import CheckCancelled, Gradient
from rugtui.training.population import Population
from rugtui.training.source import Source, importance
from rugtui.training.state import Parameters

ABSENCES = 20
"""Expected activations of an output's own feature after which the output counts as dead."""


class Sampled:
    """The method "sgd", with any optimizer."""

    def __init__(self, settings: Settings, parameters: Parameters, source: Source) -> None:
        self._parameters, self._source = parameters, source
        self._whole = [(parameters.weights.flat, parameters.gradient.flat)]
        self._optimizer = optimizer.named(settings, self._whole)
        self._quiet = torch.zeros_like(parameters.weights.b, dtype=torch.int64)
        self.change(settings)

    def change(self, settings: Settings) -> None:
        self._settings, self.lr = settings, settings.learning_rate
        memory = self._optimizer.state()
        self._optimizer = optimizer.named(settings, self._whole)
        self._optimizer.restore(memory)
        paths = plan.choose(settings, kind=self._quiet.device.type)
        own, weight = self._parameters, importance(settings, self._parameters.weights.b)
        model: Any = {"activation": settings.activation, "importance": weight}
        self._gradient: Gradient | AutogradGradient
        if settings.activation in OF_AUTOENCODERS:
            self.plan = "autograd"
            self._gradient = AutogradGradient(own, k=settings.outputs_kept, **model)
        else:
            self.plan = str(paths)
            self._gradient = Gradient(own, paths, half=settings.matmul == "bf16", **model)

    def step(self, number: int, check_cancelled: CheckCancelled) -> Tensor:
        """Step 0, 1, … of the run; returns the loss before it, on the device."""
        batch = schedule.batch(self._settings, number)
        self.lr = schedule.rate(self._settings, number)
        with self._source.restored_on_error():
            loss = self._gradient(self._source.draw(self._settings, batch), check_cancelled)
        self._quiet.add_(batch).masked_fill_(self._gradient.rows_on, 0)
        self._optimizer.step(self.lr)
        return loss

    def loss(self, check_cancelled: CheckCancelled) -> None:
        """None: samples do not give the loss of the current weights."""

    def dead(self) -> int:
        """Outputs that stayed 0 while their own feature must have been active often."""
        settings, p = self._settings, self._settings.p_on
        if settings.p_decay:
            p = decayed(settings.n_sparse, p, settings.p_decay).to(self._quiet.device)
        return int((self._quiet * p > ABSENCES).sum())

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {"quiet": self._quiet.clone(), **self._optimizer.state()}, {}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self._quiet.copy_(tensors["quiet"])
        self._optimizer.restore({n: v for n, v in tensors.items() if n != "quiet"})


Method = Sampled | Population
"""Changes the parameters that it was made with, one step at a time. `plan` says in a few words how
a step is computed, and `lr` is the rate of the last step. If `check_cancelled` raises, nothing has
changed."""


def build(settings: Settings, parameters: Parameters, source: Source) -> Method:
    """The method that `settings` name, at its beginning."""
    if settings.method == "population":
        return Population(settings, parameters)
    return Sampled(settings, parameters, source)
