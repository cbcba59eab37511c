"""The result of an interval of training, and the complete state of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rugtui.settings.settings import Method


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one interval, with the learning rate and batch of its last step."""

    step: int
    """Steps done so far."""
    loss: float
    """sgd: mean loss of the batches since the last result; population: loss of the weights."""
    heldout: float | None
    """Loss on held-out data, if it was measured at this step."""
    heldout_standard_error: float | None
    lr: float
    p: float
    batch: int
    samples: int
    """Samples drawn so far; population draws none."""
    method: Method
    dead: int
    """Outputs that are 0 for every input."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a run needs to continue bit for bit."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    """JSON-able."""
