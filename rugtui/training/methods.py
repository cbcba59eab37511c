"""What the loop asks of a way to learn."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from rugtui.config import Settings
from rugtui.training.parameters import Parameters
from rugtui.training.population import Population
from rugtui.training.sgd import Sampled
from rugtui.training.step import Pause


class Method(Protocol):
    """Descends in the parameters that it was made with. Where `pause` raises, nothing happened."""

    @property
    def plan(self) -> str:
        """How a step is computed, in a few words."""
        ...

    @property
    def lr(self) -> float:
        """The rate of the next step."""
        ...

    def change(self, settings: Settings) -> None: ...

    def step(self, pause: Pause) -> Tensor | float:
        """One step; returns the loss before it."""
        ...

    def loss(self, pause: Pause) -> float | None:
        """The loss of the weights as they are, where the method knows it."""
        ...

    def dead(self) -> int:
        """Outputs that stay at 0 whatever comes."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]: ...

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None: ...


def build(settings: Settings, parameters: Parameters, data: torch.Generator) -> Method:
    """The method that `settings` name, at its beginning; `data` is what samples come from."""
    if settings.method == "population":
        return Population(settings, parameters)
    return Sampled(settings, parameters, data)
