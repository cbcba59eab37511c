"""Schedules (learning rate and batch size at each step), and the rules for stopping early."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rugtui.settings.settings import Settings
from rugtui.training.heldout import Estimate
from rugtui.training.state import StepResult

WARMUP_STEPS = 1000
"""Longest warm-up in steps; it is never more than a tenth of the run either."""
EPOCH = 30_000
"""Samples that the paper's loop draws at once and cuts into batches; the last batch is smaller."""
PATIENCE = 200
"""Default patience, in steps, of population training and of the paper's loop (its loss_window)."""
SETTLED = 1e-5
"""Relative fall of the loss below which population training has not improved."""


def rate(settings: Settings, step: int) -> float:
    """The learning rate of step 0, 1, …"""
    return settings.learning_rate * factor(settings, step)


def factor(settings: Settings, step: int) -> float:
    if settings.schedule == "cosine":
        # in the middle of each step, so that neither the first nor the last has rate 0
        return (1 + math.cos(math.pi * min((step + 0.5) / settings.steps, 1))) / 2
    if settings.schedule == "warmup":
        tenth = settings.steps / 10 if settings.steps else WARMUP_STEPS
        return min(1.0, (step + 1) / max(1.0, min(WARMUP_STEPS, tenth)))
    return 1.0


def batch(settings: Settings, step: int) -> int:
    """Samples of step 0, 1, …"""
    if settings.schedule != "reference" or settings.batch >= EPOCH:
        return settings.batch
    whole, rest = divmod(EPOCH, settings.batch)
    return rest if rest and step % epoch(settings) == whole else settings.batch


def epoch(settings: Settings) -> int:
    """Steps of an epoch of the schedule reference."""
    return max(1, -(-EPOCH // settings.batch))


def patience(settings: Settings) -> int:
    """Steps without improvement after which a run ends; 0: never."""
    if settings.patience is not None:
        return settings.patience
    return PATIENCE if settings.method == "population" or settings.schedule == "reference" else 0


def by_epochs(settings: Settings) -> bool:
    """Whether a run ends by the rule of the paper's loop: unless the settings name a patience."""
    known = settings.schedule, settings.method, settings.patience
    return known == ("reference", "sgd", None)


class Stopping:
    """Decides from the results of a run whether it is over; `reason` says why, once it is.

    Patience compares the mean loss of the last `patience` steps with that of as many steps before
    them, once every `patience` steps. The paper's loop compares after every epoch, and so stops
    earlier; it runs one more epoch after finding no improvement.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._patience = patience(settings)
        self._by_epochs = by_epochs(settings)
        self.reason = ""
        self._sum, self._steps = 0.0, 0
        self._before: float | None = None
        self._recent: list[list[float]] = []
        """The summed loss and the steps of each result, over twice the patience."""
        self._last_epoch = False

    def note(self, result: StepResult, steps: int, judged: Estimate | None = None) -> None:
        """Add a result over so many steps; for training on samples, with the held-out loss that is
        compared with the target, if it was measured at this step."""
        if self._within_target(result, judged):
            self.reason = self._target
        elif self._patience and self._is_over(result, steps):
            self.reason = f"no improvement for {self._patience:,} steps"

    def _within_target(self, result: StepResult, judged: Estimate | None) -> bool:
        settings = self._settings
        if not settings.until_within:
            return False
        loss = result.loss
        if result.method == "sgd":  # of many measurements one is low by chance: add an error
            loss = math.inf if judged is None else judged.mean + judged.standard_error
        from rugtui.theory.optimum import optimum

        symmetric = float(optimum(settings.ratio, settings.p_on).loss)
        return loss <= (1 + settings.until_within) * symmetric

    @property
    def met(self) -> bool:
        """Whether the run is over because it came within the requested distance of L*."""
        return bool(self.reason) and self.reason == self._target

    @property
    def _target(self) -> str:
        within = self._settings.until_within
        # the held-out loss may still be higher: few interferers are not Gaussian noise
        whose = "Gaussian loss " if self._settings.method == "population" else ""
        return f"{whose}within {100 * within:g} % of L*" if within else ""

    def _is_over(self, result: StepResult, steps: int) -> bool:
        if not self._by_epochs:
            return self._stalls(result.loss, steps)
        self._recent.append([result.loss * steps, steps])
        if result.step % epoch(self._settings):
            return False
        over, self._last_epoch = self._last_epoch, self._epoch_stalls()
        return over

    def _epoch_stalls(self) -> bool:
        """The paper's loop stops after twice the patience with the same settings at the
        earliest."""
        sums, steps = np.array(self._recent).T
        done = steps.sum() - steps.cumsum()  # after each result
        since = done < 2 * self._patience
        self._recent = self._recent[int(np.argmax(since)) :]
        newest = done < self._patience
        enough = steps.sum() > 2 * self._patience
        return bool(enough and sums[newest].sum() >= sums[since & ~newest].sum())

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
            "recent": list(self._recent),
            "last_epoch": self._last_epoch,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        self.reason = facts["reason"]
        self._sum, self._steps, self._before = facts["sum"], facts["steps"], facts["before"]
        self._recent = list(facts.get("recent", []))
        self._last_epoch = facts.get("last_epoch", False)
