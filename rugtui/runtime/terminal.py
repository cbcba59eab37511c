"""A program that outlives its terminal: noticing that it went, and saying nothing to it since."""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import threading
from typing import TextIO


def silence() -> None:
    """Discard what is still written to a terminal that is gone: it would be an error.

    Output that goes to a file or a pipe is kept.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        try:
            goes_to_terminal = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        except OSError:  # closed
            goes_to_terminal = True
        if goes_to_terminal:
            os.dup2(nowhere, descriptor)
    os.close(nowhere)


def watch_for_hangup(descriptor: int) -> None:
    """Have this process get a SIGHUP when the terminal of `descriptor` is closed.

    The kernel sends one to session leaders alone, and shells to their jobs, unless they were told
    not to (`disown`).
    """
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are always reported, input is not asked for

    def wait() -> None:
        poll.poll()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGHUP)

    threading.Thread(target=wait, name="hangup", daemon=True).start()


class ResilientOutput:
    """A text stream; when its reader is gone, nothing is said any more, and nothing fails."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.encoding = self._stream.encoding
        self.isatty, self.fileno = self._stream.isatty, self._stream.fileno

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._close()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._close()

    def _close(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
