"""JSON Lines with a checksum in each line, for append-only files."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

from rugtui.storage.files import file_mode, naming


def line(facts: dict[str, Any]) -> bytes:
    """`facts` (not empty, JSON values only) with their checksum and a newline."""
    body = json.dumps(facts, separators=(",", ":"), ensure_ascii=True)[:-1]
    return f'{body},"crc":"{_checksum(body.encode())}"}}\n'.encode()


def opened(line: bytes) -> dict[str, Any] | None:
    """The facts in a line; None if it is incomplete or damaged."""
    body, comma, seal = line.rpartition(b',"crc":"')
    if not comma or seal != f'{_checksum(body)}"}}\n'.encode():
        return None
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def append(path: Path, content: bytes, at: int) -> int:
    """Write `content` at byte `at`, truncate what follows, and sync; returns the new end.

    So a retry overwrites an append that failed half way (a full disk). Raises OSError.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, file_mode(path))
    try:
        with naming(path):
            os.ftruncate(handle, at)
            os.lseek(handle, at, os.SEEK_SET)
            written = 0
            while written < len(content):
                written += os.write(handle, content[written:])
            os.fsync(handle)
    finally:
        os.close(handle)
    return at + len(content)


def _checksum(body: bytes) -> str:
    return f"{zlib.crc32(body):08x}"
