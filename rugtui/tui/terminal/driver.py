"""A terminal driver that sends only what differs, no faster than the way bears, and counts it."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from typing import Any, Protocol, TextIO, cast, runtime_checkable

from textual import events
from textual.driver import Driver
from textual.message import Message

from rugtui.runtime.terminal import ResilientOutput
from rugtui.tui.terminal.ansi import erases_in_colour
from rugtui.tui.terminal.bandwidth import BandwidthLimiter
from rugtui.tui.terminal.screen_diff import HARMLESS, ScreenDiff

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Around what the terminal should show as one."""
QUESTION = "\x1b[2;{number}H\x1b[6n"
"""Where is the cursor? Every terminal answers that, when it has read what came before. In the first
row some function keys would look like an answer."""
PUMP_SECONDS = 0.05
"""Until what could not be sent is tried again."""
DRAWN_SECONDS = 0.2
"""In which a key's work is drawn: what waits would be in front of it if it were sent meanwhile."""


@runtime_checkable
class Meter(Protocol):
    """What a thrifty driver can tell and do."""

    sent: int
    """Bytes, so far."""

    @property
    def stuck(self) -> bool: ...
    @property
    def owes(self) -> bool: ...
    @property
    def answer_due(self) -> bool: ...
    def attend(self) -> None: ...
    def forget(self) -> None: ...
    def drop(self) -> None: ...


class Outlet(ResilientOutput):
    """The terminal's stream, noting what writes to it take. Another thread writes."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.took: deque[tuple[int, float, float]] = deque(maxlen=64)
        self.taken = 0

    def write(self, text: str) -> int:
        began, count = time.monotonic(), len(text.encode(errors="replace"))
        result = super().write(text)
        super().flush()
        ended = time.monotonic()
        self.took.append((count, ended - began, ended))
        self.taken += count
        return result


def thrifty(driver: type[Driver], link: BandwidthLimiter) -> type[Driver]:
    """The same driver, thrifty, and outliving a terminal that is gone."""

    class Thrifty(driver):
        def __init__(self, *arguments: Any, **known: Any) -> None:
            super().__init__(*arguments, **known)
            self.sent = 0
            self._answers: deque[tuple[int, float]] = deque()
            self._in_one = self._left = False
            self._drawn_by = 0.0
            self._glass: ScreenDiff | None = None
            self._bell: asyncio.TimerHandle | None = None
            if hasattr(self, "_file"):
                self._file = Outlet(cast(TextIO, self._file))
                self._glass = ScreenDiff(erases=erases_in_colour())

        def write(self, data: str) -> None:
            glass = self._glass
            if glass is None or not self._measure(glass):
                self._send(data)
            elif data in (BEGIN, END):
                self._in_one = True  # it knows them: `pump` says them around what it sends
            elif glass.draw(data):
                pass  # until `pump` sends it
            else:
                if not HARMLESS.fullmatch(data):
                    glass.clear()
                self._send(data)

        def flush(self) -> None:
            super().flush()
            self.pump()

        def pump(self) -> None:
            """Send what the terminal should show and does not, as far as the way bears."""
            self._hear()
            glass = self._glass
            if glass is None or self._left or not self._measure(glass):
                return
            if glass.owes and not self.stuck:
                self._say(glass.pay(link.room()), glass)
            if glass.owes and self._bell is None:
                self._ring_later()

        def _ring_later(self) -> None:
            self._bell = asyncio.get_running_loop().call_later(PUMP_SECONDS, self._ring)

        def _ring(self) -> None:
            self._bell = None
            if time.monotonic() < self._drawn_by:
                self._ring_later()
            else:
                self.pump()

        def _say(self, data: str, glass: ScreenDiff) -> None:
            if not data:
                return
            link.spend(len(data.encode()), wanting=glass.owes)
            if number := link.ask():
                data += QUESTION.format(number=number)
            data += glass.cursor
            self._send(f"{BEGIN}{data}{END}" if self._in_one else data)

        def _hear(self) -> None:
            """What the threads that write and read saw of the way."""
            while self._glass is not None and self._file.took:
                link.took(*self._file.took.popleft())
            while self._answers:
                link.answered(*self._answers.popleft())

        def process_message(self, message: Message) -> None:
            if isinstance(message, events.CursorPosition) and message.y == 1:
                self._answers.append((message.x + 1, time.monotonic()))
            else:
                super().process_message(message)

        @property
        def stuck(self) -> bool:
            """Whether the terminal has not taken what was sent."""
            return self._glass is not None and self.sent > self._file.taken

        @property
        def owes(self) -> bool:
            """Whether the terminal shows something else than it should."""
            return self._glass is not None and self._glass.owes

        @property
        def answer_due(self) -> bool:
            """Whether the terminal is going to say something that nobody typed."""
            self._hear()
            return link.answers and link.answer_due

        def attend(self) -> None:
            """Somebody pressed a key and waits for what it does."""
            link.attend()
            self._drawn_by = time.monotonic() + DRAWN_SECONDS
            if self._glass is not None:
                self._glass.attend()

        def forget(self) -> None:
            """The terminal may show anything."""
            if self._glass is not None and self._measure(self._glass):
                self._glass.forget()
                self.pump()

        def drop(self) -> None:
            """Forget what has not been sent: nobody will look at it any more."""
            self._left = True
            writer = getattr(self, "_writer_thread", None)
            while writer is not None and not writer._queue.empty():
                writer._queue.get_nowait()

        def _measure(self, glass: ScreenDiff) -> bool:
            """Have the glass be as large as the terminal; whether that has a size."""
            try:
                columns, rows = os.get_terminal_size(self._file.fileno())
            except OSError:
                return False
            glass.resize(columns, rows)
            return columns > 0 and rows > 0

        def _send(self, data: str) -> None:
            self.sent += len(data.encode(errors="replace"))
            writer = getattr(self, "_writer_thread", None)
            # The writer dies with its terminal; its queue would then fill and block us for good.
            if writer is None or writer.is_alive():
                super().write(data)

    return Thrifty
