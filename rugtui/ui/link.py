"""What the link to the terminal bears: a budget of bytes, and a driver that meters what is sent.

Textual hands a terminal whatever is drawn; a slow link then holds up the whole program, keys
included. Here rows are paid for out of a bucket that fills at the link's rate, so that what cannot
be sent is drawn later, newer. A writer that falls behind halves the rate; one that keeps up earns
it back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO, cast, runtime_checkable

from textual.driver import Driver
from textual.strip import Strip

from rugtui.preferences import LinkKind
from rugtui.terminal import Lasting

KIB = 1024.0
RATES: Mapping[LinkKind, float] = {"fast": 400 * KIB, "slow": 5 * KIB, "auto": 36 * KIB}
"""Bytes a second of drawing; the rest of the program (keys, menus) is not held back."""
OVER_SSH = 20 * KIB
SLOW = 16 * KIB
LEAST = 2 * KIB
BURST = 0.5
"""Seconds of the rate that may be saved up."""
CALM = 5.0
"""Seconds without a backlog after which the rate grows again."""
PER_ROW, PER_COLOUR = 12, 19
"""Bytes to move the cursor to a row, and to set one colour (truecolor)."""


class Link:
    """A bucket of bytes that fills at `rate` a second."""

    def __init__(
        self,
        kind: LinkKind = "auto",
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        over_ssh = kind == "auto" and "SSH_CONNECTION" in environment
        self.rate = self._most = OVER_SSH if over_ssh else RATES[kind]
        self._clock = clock
        self._then = self._calm_since = clock()
        self._saved = self.rate * BURST

    @property
    def slow(self) -> bool:
        """Whether a whole screen takes seconds: then nothing should be drawn that need not be."""
        return self.rate < SLOW

    def tick(self, backlog: int) -> None:
        """Fill the bucket, and follow how the writer keeps up (`backlog`: its writes not done)."""
        now = self._clock()
        passed, self._then = now - self._then, now
        if backlog > 1:
            self.rate, self._calm_since = max(self.rate / 2, LEAST), now
        elif now - self._calm_since > CALM and self.rate < self._most:
            self.rate, self._calm_since = min(self.rate * 1.5, self._most), now
        self._saved = min(self._saved + passed * self.rate, self.rate * BURST)

    def affords(self, cost: int) -> bool:
        """Whether something may be drawn now; if so it is paid for, and may overdraw once."""
        if self._saved <= 0:
            return False
        self._saved -= cost
        return True


def cost(strip: Strip) -> int:
    """About how many bytes a row takes on its way to a truecolor terminal."""
    colours = sum(
        2 - (segment.style.bgcolor is None) for segment in strip if segment.style is not None
    )
    characters = sum(len(segment.text) * (1 if segment.text.isascii() else 3) for segment in strip)
    return PER_ROW + PER_COLOUR * colours + characters


@runtime_checkable
class Meter(Protocol):
    """What a metered driver can tell and do."""

    sent: int
    """Bytes, so far."""

    @property
    def backlog(self) -> int: ...

    def drop(self) -> None: ...


def metered(driver: type[Driver]) -> type[Driver]:
    """The same driver, counting what it sends and outliving a terminal that is gone."""

    class Metered(driver):
        def __init__(self, *arguments: Any, **known: Any) -> None:
            super().__init__(*arguments, **known)
            self.sent = 0
            if hasattr(self, "_file"):
                self._file = Lasting(cast(TextIO, self._file))

        @property
        def backlog(self) -> int:
            """Writes that wait for the terminal."""
            writer = getattr(self, "_writer_thread", None)
            return writer._queue.qsize() if writer is not None else 0

        def drop(self) -> None:
            """Forget what has not been sent: nobody will look at it any more."""
            writer = getattr(self, "_writer_thread", None)
            while writer is not None and not writer._queue.empty():
                writer._queue.get_nowait()

        def write(self, data: str) -> None:
            self.sent += len(data.encode(errors="replace"))
            writer = getattr(self, "_writer_thread", None)
            # The writer dies with its terminal; its queue would then fill and block us for good.
            if writer is None or writer.is_alive():
                super().write(data)

    return Metered
