"""When a descent is looked at: a clock of training alone, and moments even in its logarithm.

It imports nothing of rugtui: the paper's loop uses it, in a process of its own.
"""

from __future__ import annotations

import time

FIRST, A_DECADE = 0.01, 10
"""Seconds, and moments."""


class Moments:
    """Asked before every step whether to look; a look, from `due` to `went_on`, is not counted."""

    def __init__(self, most: float) -> None:
        """The clock starts with the first question, and is over after `most` seconds."""
        self._most, self._next = most, 0.0
        self._begun = self._paused = 0.0
        self._step = -1
        self.over = False
        self.seconds: list[float] = []
        self.steps: list[int] = []
        """Done at each look."""

    def due(self) -> bool:
        now = time.perf_counter()
        if self._step < 0:
            self._begun = now
        self._step += 1
        self._paused = now
        spent = now - self._begun
        self.over = spent >= self._most
        if spent < self._next and not self.over:
            return False
        self.seconds.append(spent)
        self.steps.append(self._step)
        self._next = max(FIRST, spent * 10 ** (1 / A_DECADE))
        return True

    def went_on(self) -> None:
        self._begun += time.perf_counter() - self._paused
