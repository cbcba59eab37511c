"""What the loop asks of a way to learn."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from rugtui.settings.settings import Settings
from rugtui.training.kernels.gradient import Pause
from rugtui.training.parameters import Parameters
from rugtui.training.population import Population
from rugtui.training.sgd import Sampled
from rugtui.training.source import Source


class Method(Protocol):
    """Descends in the parameters that it was made with. Where `pause` raises, nothing happened."""

    @property
    def plan(self) -> str:
        """How a step is computed, in a few words."""
        ...

    @property
    def lr(self) -> float:
        """The rate of the last step."""
        ...

    def change(self, settings: Settings) -> None: ...

    def step(self, number: int, pause: Pause) -> Tensor | float:
        """Step 0, 1, … of the run; returns the loss before it."""
        ...

    def loss(self, pause: Pause) -> float | None:
        """The loss of the weights as they are, where the method knows it."""
        ...

    def dead(self) -> int:
        """Outputs that stay at 0 whatever comes."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]: ...

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None: ...


def build(settings: Settings, parameters: Parameters, source: Source) -> Method:
    """The method that `settings` name, at its beginning."""
    if settings.method == "population":
        return Population(settings, parameters)
    return Sampled(settings, parameters, source)
