"""A terminal driver that sends only what differs, no faster than the connection carries it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from typing import Any, Protocol

from textual import events
from textual.driver import Driver
from textual.message import Message
from textual.messages import InBandWindowResize

from rugtui.tui.terminal.ansi import erases_in_colour
from rugtui.tui.terminal.bandwidth import BandwidthLimiter
from rugtui.tui.terminal.output import TerminalOutput
from rugtui.tui.terminal.screen_diff import HARMLESS, ScreenDiff
from rugtui.tui.terminal.textual_private import read_input

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Around what the terminal should show at once."""
QUESTION = "\x1b[2;{number}H\x1b[6n"
"""Asks for the cursor's position, in row 2: an answer from row 1 would look like a function key. A
terminal answers once it has read what came before."""
RETRY_SECONDS = 0.05
"""Seconds until what is left is sent."""
DRAWN_SECONDS = 0.2
"""Seconds after a key in which nothing older is sent, so that the key's effect is not behind it."""
MOST_CELLS = 1000
"""The most columns and rows that are kept in memory, whatever the terminal claims to have."""
ANSWER_SECONDS, CLOSE_SECONDS = 0.5, 1.0
"""How long the end waits for the terminal to answer, and to read what restores it. It may be
frozen."""


class TerminalStatus(Protocol):
    """The interface of a terminal for the app."""

    @property
    def sent(self) -> int:
        """Bytes sent so far."""
        ...

    @property
    def behind(self) -> bool:
        """Whether the terminal has not yet taken everything that was sent."""
        ...

    @property
    def dirty(self) -> bool:
        """Whether the terminal does not show what it should."""
        ...

    def write(self, data: str) -> None: ...
    def key_pressed(self) -> None: ...
    def redraw(self) -> None: ...
    def abandon(self, *, hung_up: bool) -> None: ...


class NoTerminal:
    """Used with another driver (in tests): everything has arrived."""

    sent, behind, dirty = 0, False, False

    def write(self, data: str) -> None: ...
    def key_pressed(self) -> None: ...
    def redraw(self) -> None: ...
    def abandon(self, *, hung_up: bool) -> None: ...


class HasTerminal(Protocol):
    """An app that receives its terminal."""

    terminal: TerminalStatus


def economical(driver: type[Driver], limiter: BandwidthLimiter) -> type[Driver]:
    """A subclass of `driver` that sends only differences, and survives the loss of the terminal."""

    base: Any = driver

    class EconomicalDriver(base):
        def __init__(self, app: HasTerminal, **known: Any) -> None:
            super().__init__(app, **known)
            stdin, stdout = sys.__stdin__, sys.__stdout__
            assert stdin is not None
            assert stdout is not None
            # Standard output, not standard error as Textual has it, which may go to a file.
            self.output = TerminalOutput(stdout.fileno(), stdout.encoding)
            self._keyboard, self._keyboard_encoding = stdin.fileno(), stdin.encoding
            self._screen = ScreenDiff(erases=erases_in_colour())
            self._answers: deque[tuple[int, float]] = deque()
            self._at_once = self._active = self._reports_size = False
            self._drawn_by = 0.0
            self._retry: asyncio.TimerHandle | None = None
            app.terminal = self

        def write(self, data: str) -> None:
            if not self._measure():
                self.output.write(data)
            elif data in (BEGIN, END):
                self._at_once = True  # `_send` puts them around what it sends
            elif self._screen.write(data):
                pass  # until `pump` sends it
            else:
                if not HARMLESS.fullmatch(data):
                    self._screen.invalidate()
                self.output.write(data)

        def flush(self) -> None:
            self.pump()

        def pump(self) -> None:
            """Send the differences, as far as the connection allows."""
            self._note_events()
            if not self._active or not self._measure():
                return
            if self.dirty and not self.behind:
                self._send(self._screen.flush(limiter.available()))
            if self.dirty and self._retry is None:
                self._retry_later()

        def _retry_later(self) -> None:
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(RETRY_SECONDS, self._retry_now)

        def _retry_now(self) -> None:
            self._retry = None
            if time.monotonic() < self._drawn_by:
                self._retry_later()
            else:
                self.pump()

        def _send(self, data: str) -> None:
            if not data:
                return
            limiter.consume(len(data.encode()), wanting=self.dirty)
            if number := limiter.next_question():
                data += QUESTION.format(number=number)
            data += self._screen.cursor
            self.output.write(f"{BEGIN}{data}{END}" if self._at_once else data)

        def _note_events(self) -> None:
            """Pass on to the limiter what the writing and the reading thread measured."""
            while self.output.writes:
                limiter.note_write(*self.output.writes.popleft())
            while self._answers:
                limiter.note_answer(*self._answers.popleft())

        def run_input_thread(self) -> None:
            read_input(
                self._keyboard,
                self._keyboard_encoding,
                self.exit_event,
                self.process_message,
                super().run_input_thread,
            )

        def process_message(self, message: Message) -> None:
            if isinstance(message, events.CursorPosition) and message.y == 1:
                self._answers.append((message.x + 1, time.monotonic()))
            elif isinstance(message, events.Resize) and not self._reports_size:
                pass  # junk that looks like a report of the size
            else:
                if isinstance(message, InBandWindowResize):
                    self._reports_size = message.supported
                super().process_message(message)

        @property
        def sent(self) -> int:
            return self.output.sent

        @property
        def behind(self) -> bool:
            return self.output.behind

        @property
        def dirty(self) -> bool:
            return self._screen.dirty

        def key_pressed(self) -> None:
            """The user waits for the effect of this key."""
            limiter.key_pressed()
            self._drawn_by = time.monotonic() + DRAWN_SECONDS
            self._screen.key_pressed()

        def redraw(self) -> None:
            """Send the whole screen again, whatever the terminal shows."""
            if self._measure():
                self._screen.invalidate()
                self.pump()

        def abandon(self, *, hung_up: bool) -> None:
            """Drop what has not been sent. After a hang-up no answer is expected either."""
            self._active = False
            self.output.discard()
            if hung_up:
                limiter.forget_question()

        def start_application_mode(self) -> None:
            self._active = True
            super().start_application_mode()
            self.redraw()  # after a suspension: the shell has written since

        def resume_application_mode(self) -> None:
            """Suspend first if Textual did not notice the suspension (SIGSTOP): shells change the
            terminal's modes meanwhile, and Textual would start a second input thread."""
            if self._active:
                self.suspend_application_mode()
            super().resume_application_mode()

        def disable_input(self) -> None:
            """Wait for a due answer: the shell would read a late one as typed text."""
            self._active = False  # else flushing at the end would ask again
            until = time.monotonic() + ANSWER_SECONDS
            while self._answer_due and time.monotonic() < until:
                time.sleep(0.005)
            super().disable_input()

        @property
        def _answer_due(self) -> bool:
            self._note_events()
            return limiter.answers and limiter.answer_due

        def close(self) -> None:
            self.output.close(CLOSE_SECONDS)
            super().close()

        def _measure(self) -> bool:
            """Fit the screen in memory to the terminal; whether the terminal has a size."""
            try:
                columns, rows = os.get_terminal_size(self.output.descriptor)
            except OSError:
                return False
            self._screen.resize(min(columns, MOST_CELLS), min(rows, MOST_CELLS))
            return columns > 0 and rows > 0

    return EconomicalDriver
