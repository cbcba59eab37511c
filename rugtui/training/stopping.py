"""When a run is over before its steps are."""

from __future__ import annotations

import math
from typing import Any

from rugtui.config import Settings
from rugtui.training.result import StepResult

SETTLED = 1e-5
"""Population: a fall of the loss by less than this fraction is none."""
POPULATION_PATIENCE = 200
REFERENCE_PATIENCE = 200
"""The paper's loss_window. Its loop holds the two windows against each other after every epoch,
this one whenever a window is full, and it gives up after 1,500 epochs."""


class Stopping:
    """Follows the results of a run under one setting; `reason` says why it is over, once it is.

    Patience is the paper's: the mean loss of the last steps against that of as many before.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        own = settings.patience
        self._patience = _usual(settings) if own is None else own
        self.reason = ""
        self._sum, self._steps = 0.0, 0
        self._before: float | None = None

    def note(self, result: StepResult, steps: int) -> None:
        """A result, and of how many steps."""
        within = self._settings.until_within
        known = result.loss
        if result.method == "sgd":  # a standard error more: many looks, and one of them lucky
            error = result.heldout_standard_error
            known = math.inf if result.heldout is None or error is None else result.heldout + error
        if within and known <= (1 + within) * self._symmetric():
            self.reason = self._target
        elif self._patience and self._stalls(result.loss, steps):
            self.reason = f"no fall of the loss in {self._patience:,} steps"

    @property
    def met(self) -> bool:
        """Whether the run is over because it came as near L* as was asked for."""
        return bool(self.reason) and self.reason == self._target

    @property
    def _target(self) -> str:
        within = self._settings.until_within
        return f"within {100 * within:g} % of L*" if within else ""

    def _symmetric(self) -> float:
        from rugtui.theory.optimum import optimum

        return float(optimum(self._settings.ratio, self._settings.p_on).loss)

    def _stalls(self, loss: float, steps: int) -> bool:
        self._sum, self._steps = self._sum + loss * steps, self._steps + steps
        if self._steps < self._patience:
            return False
        mean, before = self._sum / self._steps, self._before
        self._sum, self._steps, self._before = 0.0, 0, mean
        enough = 1.0 if self._settings.method == "sgd" else 1 - SETTLED
        return before is not None and mean >= before * enough

    def state(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "sum": self._sum,
            "steps": self._steps,
            "before": self._before,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        self.reason = facts["reason"]
        self._sum, self._steps, self._before = facts["sum"], facts["steps"], facts["before"]


def _usual(settings: Settings) -> int:
    if settings.method == "population":
        return POPULATION_PATIENCE
    return REFERENCE_PATIENCE if settings.schedule == "reference" else 0
