"""log.txt: what happened to a run, in sentences, for people."""

from __future__ import annotations

import os
import time
from pathlib import Path

from rugtui.storage.files import PRIVATE_FILE, naming

NAME = "log.txt"


def log(run: Path, text: str) -> None:
    """Add a line. Raises OSError."""
    # A pipe in its place would otherwise wait for a reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(run / NAME, flags, PRIVATE_FILE)
    try:
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] {text}\n"
        left = line.encode(errors="backslashreplace")
        with naming(run / NAME):
            while left:  # a disk that is almost full takes a part
                left = left[os.write(handle, left) :]
    finally:
        os.close(handle)
