"""A real pseudo-terminal: run a program on it, type, and wait for what the screen shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

# As login does: makes the terminal that of a new session, and runs the program there.
LOGIN = "import os, sys; os.login_tty(int(sys.argv[1])); os.execvp(sys.argv[2], sys.argv[2:])"

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B"}


class Terminal:
    """A program on a pty of its own. Leaving the `with` block kills what is left of it."""

    portion = 65536
    """Bytes that are read at a time, at most."""

    def __init__(
        self, command: list[str], columns: int = 120, rows: int = 40, **environment: str
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""
        self.closed = False
        self.fd, inside = pty.openpty()
        set_size(self.fd, columns, rows)  # before the program can ask
        fixed = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        inherited = os.environ | fixed | environment
        for size in ("COLUMNS", "LINES"):  # they overrule the terminal; test runners set them
            inherited.pop(size, None)
        # Not pty.fork: compute libraries may wait at a fork for threads of other tests, for ever.
        self.process = subprocess.Popen(
            [sys.executable, "-ISc", LOGIN, str(inside), *command],
            env=inherited,
            pass_fds=[inside],
            start_new_session=True,
        )
        os.close(inside)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def status(self) -> int | None:
        """The exit status, None while the program runs; minus the signal that killed it."""
        return self.process.poll()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(20)
        if not self.closed:
            os.close(self.fd)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        set_size(self.fd, columns, rows)

    def type(self, *keys: str) -> None:
        for key in keys:
            os.write(self.fd, KEYS.get(key, key).encode())

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        os.close(self.fd)
        self.closed = True

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def wait_for(self, wanted: str | Callable[[str], bool], seconds: float = 60) -> str:
        """Read until the screen shows `wanted`; fails with the screen as it is."""
        shows = wanted if callable(wanted) else lambda text: wanted in text
        deadline = time.monotonic() + seconds
        while not shows(self.text):
            if self.closed or time.monotonic() > deadline:
                raise AssertionError(f"never saw {wanted!r}; the screen:\n{self.text}")
            self._read(0.2)
        return self.text

    def wait_for_exit(self, seconds: float = 60) -> int:
        """Read until the program ends; its exit status."""
        deadline = time.monotonic() + seconds
        while (status := self.status) is None:
            if self.closed:
                time.sleep(0.05)
            else:
                self._read(0.05)
            if time.monotonic() > deadline:
                raise AssertionError(f"still running; the screen:\n{self.text}")
        return status

    def listen(self, seconds: float) -> int:
        """Read for so long; how many bytes came."""
        end, before = time.monotonic() + seconds, len(self.output)
        while (left := end - time.monotonic()) > 0 and not self.closed:
            self._read(left)
        return len(self.output) - before

    @property
    def is_restored(self) -> bool:
        return is_restored(self.output, self.fd)

    def _read(self, wait: float) -> None:
        if not select.select([self.fd], [], [], wait)[0]:
            return
        try:
            data = os.read(self.fd, self.portion)
        except OSError:  # Linux: the other side is gone
            data = b""
        if not data:
            self.closed = True
            return
        self.output += data
        self.look_at(data)

    def look_at(self, data: bytes) -> None:
        """What the screen shows after these bytes."""
        self._stream.feed(data)


def is_restored(output: bytes, terminal: int) -> bool:
    """Whether a program left the main screen, with a cursor, without mouse reports and bracketed
    paste, and a terminal that echoes and edits lines."""
    last = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", output))
    off = all(last.get(mode, b"l") == b"l" for mode in (b"1049", b"1000", b"1003", b"2004"))
    flags = termios.tcgetattr(terminal)[3]
    edits = bool(flags & termios.ECHO and flags & termios.ICANON)
    return off and last.get(b"25", b"h") == b"h" and edits


def set_size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def private_home(path: Path) -> dict[str, str]:
    """Environment in which a program keeps its state and settings below `path`."""
    return {"XDG_STATE_HOME": str(path / "state"), "XDG_CONFIG_HOME": str(path / "config")}
