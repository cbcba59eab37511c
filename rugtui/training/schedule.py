"""How a run goes over its steps: learning rate, batches, and how long it may fail to get on."""

from __future__ import annotations

import math

from rugtui.settings.settings import Settings

WARMUP_STEPS = 1000
"""And no more than a tenth of all steps."""
EPOCH = 30_000
"""Samples that the paper's loop draws at once and cuts into batches; the last is what is left."""
POPULATION_PATIENCE = 200
REFERENCE_PATIENCE = 200
"""The paper's loss_window."""


def rate(settings: Settings, step: int) -> float:
    """The learning rate of step 0, 1, …"""
    return settings.learning_rate * factor(settings, step)


def factor(settings: Settings, step: int) -> float:
    if settings.schedule == "cosine":
        # at the middle of each step, so that neither the first nor the last is lost
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
    """Steps; 0 has no end."""
    if settings.patience is not None:
        return settings.patience
    if settings.method == "population":
        return POPULATION_PATIENCE
    return REFERENCE_PATIENCE if settings.schedule == "reference" else 0


def by_epochs(settings: Settings) -> bool:
    """Whether a run ends as the paper's loop does: where nobody names a patience of his own."""
    known = settings.schedule, settings.method, settings.patience
    return known == ("reference", "sgd", None)
