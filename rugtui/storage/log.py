"""log.txt: the events of a run, as sentences for people."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from rugtui.errors import DamagedError
from rugtui.storage.files import file_mode, naming, open_plain

NAME = "log.txt"
STAMP = "%Y-%m-%d %H:%M:%S"
TAIL = 4096
"""The last line is searched in so many bytes at the end: a result in JSON has 600."""


def log(run: Path, text: str) -> None:
    """Add a line. Raises OSError."""
    # Non-blocking, because a pipe of this name would wait for a reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(run / NAME, flags, file_mode(run))
    try:
        line = f"{time.strftime(STAMP)} [{os.getpid()}] {text}\n"
        left = line.encode(errors="backslashreplace")
        with naming(run / NAME):
            while left:  # an almost full disk may write only a part
                left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def last_logged(run: Path) -> float:
    """The time of the last line, in seconds since 1970; 0 if there is none."""
    try:
        with open_plain(run / NAME) as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TAIL, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except (OSError, DamagedError):
        return 0.0
    for line in reversed(lines):
        with contextlib.suppress(ValueError, OverflowError):
            return time.mktime(time.strptime(" ".join(line.split(" ")[:2]), STAMP))
    return 0.0
