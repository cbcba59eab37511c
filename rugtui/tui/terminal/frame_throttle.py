"""Limits how often the screen is drawn, so that training is hardly slowed.

A training step uses every core, and at the end of each product all wait for the slowest: while one
core draws, the others are idle. A Frame of 120 × 40 costs about 11 ms; eight per second would take
a tenth of the steps of two cores. So drawing is limited to a share of the cores' time, except after
a key, whose effect the user is waiting for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

ATTENTION = 2.0
"""Seconds after a key in which drawing is not limited."""
EAGER = 0.3
"""Seconds after a key in which the Frame that answers it is expected."""
LONGEST = 1.0
"""Longest pause between Frames in seconds, even after an expensive one (the start, a form)."""


class FrameThrottle:
    """Limits drawing to a share of a core, in the thread that creates this."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock, self._cpu = clock, cpu
        self._awake_until, self._eager_until = clock() + ATTENTION, 0.0
        self.begin()

    def attend(self) -> None:
        """The user has pressed a key, and waits for its effect."""
        now = self._clock()
        self._awake_until, self._eager_until = now + ATTENTION, now + EAGER

    @property
    def eager(self) -> bool:
        """Whether the Frame that answers a key is expected."""
        return self._clock() < self._eager_until

    def due(self, share: float) -> bool:
        """Whether to draw again, if drawing may take this share of a core."""
        now = self._clock()
        rested, worked = now - self._since, self._cpu() - self._worked
        return now < self._awake_until or rested >= min(worked / share, LONGEST)

    def begin(self) -> None:
        """A Frame is about to be drawn: measure its cost from here."""
        self._since, self._worked = self._clock(), self._cpu()
