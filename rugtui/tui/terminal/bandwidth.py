"""Limits the bytes sent to the terminal: a token bucket that fills at the estimated rate of the
link.

Bytes that were sent but have not arrived delay the response to the next key. So no more is sent
than the link carries; the rest waits, and is sent later as it looks then. The rate is reduced when
a write blocks, or the terminal answers late.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping

from rugtui.settings.preferences import LinkKind

KIB = 1024.0
RATES: Mapping[LinkKind, float] = {"fast": 400 * KIB, "slow": 5 * KIB, "auto": 36 * KIB}
"""Bytes per second; "auto" goes up to "fast" if large pictures need it and answers of the terminal
show that the link carries it."""
OVER_SSH = 20 * KIB
LEAST = 2 * KIB
BURST, SHORT = 0.5, 0.15
"""Size of the bucket in seconds of the rate: a whole Frame; less on a link that is or may be slow,
where a key has to wait for what is under way."""
AT_A_KEY = 5.0
"""Seconds of the rate available after a key, unless the link is known to be slow."""
CAUTION = 0.7
"""The new rate, relative to one at which the link was full: bytes under way must still arrive."""
LOSS = 0.25
"""The rate falls at most by this factor after one slow write or late answer, which may have been
caused by something else."""
GROWTH, UNTRIED = 1.25, 2.0
"""Factors by which the rate grows, after and before the link was full for the first time."""
CALM, EAGER = 120.0, 1.0
"""Seconds after which a higher rate is tried if one is wanted: if only a blocked write would show
that it is too high (then the kernel's buffer is full); and if answers show it."""
HELD = 8 * KIB
"""When a write blocks, the kernel's buffer holds at least this many bytes."""
TAKEN = 4 * KIB
"""Bytes that a pseudo-terminal takes at once."""
BLOCKS_AGAIN = 20.0
"""A link that is too slow blocks again within this many seconds."""
BLOCKED, LATE = 0.05, 0.25
"""Seconds that a write takes, and an answer takes beyond the quickest, if the link is full."""
MOMENT = 0.03
"""Seconds by which an answer may be late for other reasons: the rate is raised only for answers
that are earlier than the estimate by more than that."""
LOST = 5.0
"""Seconds after which an answer is no longer expected."""
QUESTIONS = 16
"""Questions are numbered modulo this."""


class BandwidthLimiter:
    """A token bucket, which learns from writes and answers how much the link carries."""

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
        """Whether even a key gets no extra bytes."""
        self._growth = UNTRIED
        self._wanting = False
        self._asked = self._quickest = math.inf
        self._ahead = self._since_answer = self._since_full = self._number = 0
        self._full = -math.inf

    @property
    def careful(self) -> bool:
        """Whether the link is so slow that even the response to a key must be small."""
        return self._careful

    def key_pressed(self) -> None:
        """The user pressed a key and waits for its effect."""
        if not self._careful:
            self._saved = max(self._saved, self.rate * AT_A_KEY)

    def available(self) -> float:
        """Bytes that may be sent now; if there are any, the last row may exceed them."""
        now = self._clock()
        passed, self._then = now - self._then, now
        full = max(self._saved, self.rate * (SHORT if self._careful else BURST))
        self._saved = min(self._saved + passed * self.rate, full)
        self._try_more(now, CALM, self._most)
        if self._overdue(now):
            return 0.0
        return max(self._saved, 0.0)

    def consume(self, count: int, *, wanting: bool) -> None:
        """So many bytes were sent; `wanting`: more were waiting."""
        self._saved -= count
        self._since_answer += count
        self._wanting |= wanting

    def note_write(self, count: int, seconds: float, now: float) -> None:
        """So many bytes were written in so many seconds, until `now`.

        After a blocked write all buffers are full. A single one may mean that the terminal was
        busy; but the bytes written between two of them have left at the other end. That is a lower
        bound of the link's rate, which may have been idle in between; a single large write, without
        what the terminal's own buffer takes at once, gives nearly the rate itself.
        """
        self._since_full += count
        if seconds > BLOCKED:
            since, self._full = now - self._full, now
            if since < BLOCKS_AGAIN:
                alone = (count - TAKEN) / seconds if count > HELD else 0.0
                self._choke(max(self._since_full / since, alone))
            self._since_full, self._saved = 0, min(self._saved, -HELD)

    def next_question(self) -> int:
        """The number of a question to send after everything else; 0 while an answer is due.

        A terminal that answers has read everything before the question. A blocked write says less:
        it depends on the next program, and over ssh megabytes are buffered before it blocks.
        """
        if self.answer_due:
            return 0
        self._asked, self._ahead, self._since_answer = self._clock(), self._since_answer, 0
        self._number = self._number % QUESTIONS + 1
        return self._number

    def note_answer(self, number: int, now: float) -> None:
        """An answer has come: everything sent before its question has arrived."""
        if not self.answer_due or number != self._number:
            return  # too late, it is no longer expected
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
        """The last question will not be answered."""
        self._asked = math.inf

    def _overdue(self, now: float) -> bool:
        """Whether an answer is so late that the link must be full."""
        waited = now - self._asked
        if waited > LOST:
            self._asked = math.inf
        return waited <= LOST and waited - self._quickest > LATE

    def _choke(self, rate: float) -> None:
        """The link was full at this rate."""
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
