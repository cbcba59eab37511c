"""How many bytes the way to the terminal bears: a bucket that fills at its rate.

Whatever is written and has not arrived yet is in front of what the next key does. So no more is
sent than the way takes, and what cannot be sent is sent later, newer. How much that is shows where
it is too little: a write that blocks, or an answer from the terminal that comes late.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping

from rugtui.settings.preferences import LinkKind

KIB = 1024.0
RATES: Mapping[LinkKind, float] = {"fast": 400 * KIB, "slow": 5 * KIB, "auto": 36 * KIB}
"""Bytes a second; "auto" takes as much as "fast" where large pictures want it and answers show that
the way bears it."""
OVER_SSH = 20 * KIB
LEAST = 2 * KIB
BURST, SHORT = 0.5, 0.15
"""Seconds of the rate that may be saved up: a whole Frame, which then wakes nobody again and again;
on a way that is slow, or may be, what a key can wait for."""
AT_A_KEY = 5.0
"""Seconds of the rate for what a key does, as long as nothing says that the way is slow."""
CAUTION = 0.7
"""Of a rate at which the way was full: what is under way has to arrive."""
LOSS = 0.25
"""Of a rate is left at the least after a write or an answer, be it ever so late: what took that
long may have been a hang, not the way."""
GROWTH, UNTRIED = 1.25, 2.0
"""Factors by which more is tried, and by which it is as long as the way has never been full."""
CALM, EAGER = 120.0, 1.0
"""Seconds after which more is tried where more is wanted: where only a write that blocks would tell
that it is too much, for then all that the kernel holds is under way; where answers tell it."""
HELD = 8 * KIB
"""Bytes that the kernel holds at the least when a write blocks."""
TAKEN = 4 * KIB
"""Bytes that a pseudo-terminal takes at once."""
SOON = 20.0
"""Seconds in which a way that is too narrow is full again."""
BLOCKED, LATE = 0.05, 0.25
"""Seconds that a write, and an answer beyond the quickest, take on a way that is full."""
MOMENT = 0.03
"""Seconds beyond the quickest that an answer may take for other reasons: only what came in so much
more than the way was thought to take tells that it bears more."""
LOST = 5.0
"""Seconds after which an answer will not come any more."""
QUESTIONS = 16
"""Numbers that questions have."""


class BandwidthLimiter:
    """A bucket of bytes, told of what is sent and of what becomes of it."""

    def __init__(
        self,
        kind: LinkKind = "auto",
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        over_ssh = kind == "auto" and "SSH_CONNECTION" in environment
        self._most = RATES[kind]
        self._most_proven = RATES["fast"] if kind == "auto" else self._most
        self.rate = OVER_SSH if over_ssh else self._most
        self._clock = clock
        self._then = self._changed = clock()
        self._saved = self.rate * SHORT
        self._careful = kind == "slow" or over_ssh
        """Whether a key, too, may use no more than the rate."""
        self._growth = UNTRIED
        self._wanting = False
        self._asked = self._quickest = math.inf
        self._ahead = self._since_answer = self._since_full = self._number = 0
        self._full = -math.inf

    @property
    def careful(self) -> bool:
        """Whether even what a key does must not take many bytes."""
        return self._careful

    def key_pressed(self) -> None:
        """Somebody pressed a key and waits for what it does."""
        if not self._careful:
            self._saved = max(self._saved, self.rate * AT_A_KEY)

    def available(self) -> float:
        """Bytes that may be sent now; once something may, it may be a little more."""
        now = self._clock()
        passed, self._then = now - self._then, now
        full = max(self._saved, self.rate * (SHORT if self._careful else BURST))
        self._saved = min(self._saved + passed * self.rate, full)
        self._try_more(now, CALM, self._most)
        if self._overdue(now):
            return 0.0
        return max(self._saved, 0.0)

    def consume(self, count: int, *, wanting: bool) -> None:
        """So many bytes were sent; `wanting`: and more would have been."""
        self._saved -= count
        self._since_answer += count
        self._wanting |= wanting

    def note_write(self, count: int, seconds: float, now: float) -> None:
        """So many bytes were written in so many seconds, until `now`.

        A write that blocks leaves all full behind it. One alone may have met a terminal that was
        busy; but from one such moment to the next what was written left at the other end. As the
        way may have been idle in between, that is the least it bears; a large write by itself, less
        what a terminal's own buffer takes at once, tells nearly what it does.
        """
        self._since_full += count
        if seconds > BLOCKED:
            since, self._full = now - self._full, now
            if since < SOON:
                alone = (count - TAKEN) / seconds if count > HELD else 0.0
                self._choke(max(self._since_full / since, alone))
            self._since_full, self._saved = 0, min(self._saved, -HELD)

    def next_question(self) -> int:
        """The number of a question to send now, behind all else; 0 while an answer is due.

        A terminal that answers has read what was sent. A write tells less: what blocks it is the
        next program, and over ssh megabytes are under way before it does.
        """
        if self.answer_due:
            return 0
        self._asked, self._ahead, self._since_answer = self._clock(), self._since_answer, 0
        self._number = self._number % QUESTIONS + 1
        return self._number

    def note_answer(self, number: int, now: float) -> None:
        """All that was sent before a question has arrived."""
        if not self.answer_due or number != self._number:
            return  # it was given up
        passed, self._asked = now - self._asked, math.inf
        late = passed - self._quickest
        self._quickest = min(self._quickest, passed)
        if late > LATE:
            self._choke(self._ahead / late)
        elif self._ahead > self._growth * self.rate * (late + MOMENT):
            self._try_more(now, EAGER, self._most_proven)

    @property
    def answers(self) -> bool:
        """Whether the terminal is known to answer."""
        return self._quickest < math.inf

    @property
    def answer_due(self) -> bool:
        return self._asked < math.inf

    def forget_question(self) -> None:
        """Nobody will answer the last one."""
        self._asked = math.inf

    def _overdue(self, now: float) -> bool:
        """Whether an answer is so late that the way must be full."""
        waited = now - self._asked
        if waited > LOST:
            self._asked = math.inf
        return waited <= LOST and waited - self._quickest > LATE

    def _choke(self, rate: float) -> None:
        """The way was full at this rate."""
        if CAUTION * rate > self.rate:
            return
        self.rate = max(CAUTION * rate, LOSS * self.rate, LEAST)
        self._saved = min(self._saved, 0.0)
        self._changed, self._careful, self._wanting = self._clock(), True, False
        self._growth = GROWTH

    def _try_more(self, now: float, calm: float, most: float) -> None:
        if self._wanting and now - self._changed > calm and self.rate < most:
            self.rate = min(self.rate * self._growth, most)
            self._changed, self._wanting = now, False
