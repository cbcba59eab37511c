"""What signals do to a command that computes and saves, such as `train` and `sweep`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from rugtui.runtime.terminal import silence
from rugtui.settings.preferences import OnHangup


class Signals:
    """Turns SIGINT, SIGTERM and SIGHUP into a request to save and exit (`ended`).

    Until `save_first` is called there is nothing to save, and a signal ends the command at once; so
    does a second ctrl+c. With `on_hangup` "continue" a hangup only closes the outputs.
    """

    def __init__(self, on_hangup: OnHangup = "continue") -> None:
        self.number = 0
        self._on_hangup, self._hung_up = on_hangup, False
        self._detach: Callable[[], object] | None = None
        self._before: dict[int, Any] = {}

    @property
    def ended(self) -> bool:
        return bool(self.number)

    @property
    def name(self) -> str:
        """The name of the signal that ended the command; empty if there was none."""
        return signal.Signals(self.number).name if self.number else ""

    @property
    def exit_code(self) -> int:
        """128 + the number of the signal; 0 if there was none."""
        return 128 + self.number if self.number else 0

    def save_first(self, detach: Callable[[], object]) -> None:
        """From now on the command saves before a signal ends it; `detach` is called on a hangup."""
        self._detach = detach
        if self._hung_up:
            detach()

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._on_hangup == "continue":
            silence()
            self._hung_up = True
            if self._detach is not None:
                self._detach()
        elif number == signal.SIGINT and (self.number == number or self._detach is None):
            raise KeyboardInterrupt
        elif self._detach is None:
            raise SystemExit(128 + number)
        else:
            self.number = number
