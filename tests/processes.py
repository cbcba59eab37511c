"""Programs that tests start: none outlives its test, and waiting for one is bounded."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the block lasts, and is killed if it has not ended by then.

    Popen's own `with` would wait for it: a test that fails inside would never end.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Poll until another process has made the condition true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
