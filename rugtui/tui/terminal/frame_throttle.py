"""When the screen is drawn: seldom enough that training beside it hardly notices.

A training step fills every core, and at the end of each product they wait for the slowest: while a
core draws, the others stand still. A Frame of 120 × 40 costs about 11 ms, eight a second a tenth of
the steps of two cores. So drawing keeps to a share of the cores' time, but for whoever just pressed
a key: he waits for what it does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

ATTENTION = 2.0
"""Seconds after a key in which nothing is held back."""
EAGER = 0.3
"""Seconds after a key in which the Frame is looked for that answers it."""
LONGEST = 1.0
"""Seconds that drawing rests at most: what took long (the start, a form) need not come again."""


class FrameThrottle:
    """Keeps the thread that it is made in to a share of a core, from one Frame to the next."""

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
        """Somebody is there and waits for what happens."""
        now = self._clock()
        self._awake_until, self._eager_until = now + ATTENTION, now + EAGER

    @property
    def eager(self) -> bool:
        """Whether somebody waits for what a key does."""
        return self._clock() < self._eager_until

    def due(self, share: float) -> bool:
        """Whether to draw again, where drawing may take this share of a core."""
        now = self._clock()
        rested, worked = now - self._since, self._cpu() - self._worked
        return now < self._awake_until or rested >= min(worked / share, LONGEST)

    def begin(self) -> None:
        """A Frame is going to be drawn: what it costs counts from here."""
        self._since, self._worked = self._clock(), self._cpu()
