"""How the learning rate goes over a run."""

from __future__ import annotations

import math

from rugtui.config import Settings

WARMUP_STEPS = 1000
"""And no more than a tenth of all steps."""
EPOCH = 30_000
"""Samples that the paper's loop draws at once and cuts into batches; the last is what is left."""


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
    steps = whole + (rest > 0)
    return rest if rest and step % steps == whole else settings.batch
