"""Writing files so that a reader sees the old one or the new one, never a half."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

PRIVATE_FOLDER = 0o700


def make_folder(path: Path) -> Path:
    """Create a folder that only its user may enter, and what is missing above it."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write aside, sync, rename, sync the folder: a crash leaves the old file or the new one.

    The file is readable by its user alone (mkstemp makes it 0600). Raises OSError, and then
    leaves nothing behind.
    """
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).rename(path)
    except OSError:
        Path(aside).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write facts as JSON, NaN and infinity as null. Raises OSError."""
    text = json.dumps(plain(facts), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text.encode() + b"\n")


def plain(value: Any) -> Any:
    """The same value in what JSON has: no NaN, no infinity, no tuple, no path."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
