"""Writes to the terminal in a thread, and measures how long each write takes."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections import deque
from typing import NamedTuple


class Write(NamedTuple):
    """A write to the terminal."""

    size: int
    """In bytes."""
    seconds: float
    ended: float
    """On the monotonic clock."""


class TerminalOutput:
    """Writes in order, in a thread, so that the caller never waits for the terminal.

    Once the terminal is gone, output is discarded.
    """

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        """Characters that `encoding` lacks become question marks."""
        self.descriptor, self._encoding = descriptor, encoding
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.sent = self.written = 0
        """Bytes handed over so far, and those of them that the terminal has taken."""
        self.writes: deque[Write] = deque(maxlen=64)

    def write(self, text: str) -> None:
        data = text.encode(self._encoding, errors="replace")
        if not data:
            return
        self.sent += len(data)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
            self._thread.start()
        self._queue.put(data)

    @property
    def behind(self) -> bool:
        """Whether the terminal has not yet taken everything that was sent."""
        return self.sent > self.written

    def discard(self) -> None:
        """Drop everything that has not been written yet."""
        try:
            while (data := self._queue.get_nowait()) is not None:
                self.sent -= len(data)
        except queue.Empty:
            pass

    def close(self, patience: float) -> None:
        """End the thread, after waiting at most `patience` seconds for the remaining output."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(patience)

    def _run(self) -> None:
        gone = False
        while (data := self._queue.get()) is not None:
            began = time.monotonic()
            try:
                if not gone:
                    write_all(self.descriptor, data)
            except OSError:
                gone = True
            ended = time.monotonic()
            self.writes.append(Write(len(data), ended - began, ended))
            self.written += len(data)


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, also to a terminal that another program made non-blocking.

    Raises OSError when the terminal is gone.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
