"""Files: the user's folders, atomic writes, appended lines with a checksum each, and reads that
reject damaged or hostile files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import secrets
import shutil
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rugtui.errors import DamagedError, UsageError

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
JSON_MOST = 1 << 20
"""Upper limit of the JSON files that rugtui writes, in bytes."""
SEAL = "sha256"
"""The key of the digest in a JSON file."""
ASIDE = ".aside"
"""The suffix of temporary files."""


def state_folder() -> Path:
    """Where runs, sweeps and studies are saved by default. Raises UsageError."""
    return _folder("XDG_STATE_HOME")


def config_folder() -> Path:
    """Where the config file is. Raises UsageError."""
    return _folder("XDG_CONFIG_HOME")


def _folder(variable: str) -> Path:
    import platformdirs

    is_state = variable == "XDG_STATE_HOME"
    find = platformdirs.user_state_dir if is_state else platformdirs.user_config_dir
    try:
        return Path(find("rugtui", appauthor=False))
    except RuntimeError as error:  # neither a variable nor the system knows a home
        kept = "runs are kept" if is_state else "the config file is"
        raise UsageError(
            f"This user has no home directory, where {kept}: set HOME or {variable} to an absolute "
            "path" + (", or name a folder (--into, --out)." if is_state else ".")
        ) from error


def ignored_variables() -> list[str]:
    """Warnings about XDG variables with relative paths, which the standard says to ignore."""
    return [
        f"{name} is ignored: it must be an absolute path, but it is {value!r}."
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")
        if (value := os.environ.get(name, "").strip()) and not os.path.isabs(value)
    ]


def is_private(path: Path) -> bool:
    """Whether a path is in the state folder, which is for this user alone; elsewhere the umask
    decides who may read."""
    try:
        private = os.path.realpath(state_folder())
    except UsageError:
        return False
    return os.path.commonpath([private, os.path.realpath(path)]) == private


def file_mode(path: Path) -> int:
    """The mode of a new file: private in the state folder, elsewhere subject to the umask."""
    return PRIVATE_FILE if is_private(path) else 0o666


def folder_mode(path: Path) -> int:
    """The mode of a new folder, like `file_mode`."""
    return PRIVATE_FOLDER if is_private(path) else 0o777


def make_folder(path: Path) -> Path:
    """Create a folder and its missing parents, private in the state folder. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(mode=folder_mode(path), exist_ok=True)
    return path


def _aside(path: Path) -> Path:
    """A temporary path in the same folder, for an incomplete file."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{ASIDE}")


def write_whole(path: Path, *content: Any, durable: bool = True) -> None:
    """Write a temporary file, sync it, rename it and sync the folder: a crash leaves the old file
    or the new one.

    `content` is bytes or any buffers. Without `durable` nothing is synced, which is faster, but a
    crash of the machine may leave a file that fails its digest. Raises an OSError that names
    `path`, after removing the temporary file.
    """
    aside = _aside(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with naming(path):
        handle = os.open(aside, flags, file_mode(path))
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in content:
                    file.write(piece)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to write into, which replaces `path` when the block ends; after an error,
    `path` is unchanged. Raises an OSError that names `path`."""
    with naming(path):
        aside = _aside(path)
        aside.mkdir(mode=folder_mode(path))
        replaced = aside.with_name(f"{aside.name}.old{ASIDE}")
        try:
            yield aside
            there = path.exists()
            if there:
                path.rename(replaced)
            try:
                aside.rename(path)
            except OSError:
                if there:
                    replaced.rename(path)
                raise
        finally:
            for left in (aside, replaced):
                shutil.rmtree(left, ignore_errors=True)
        sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files left by a process that was killed while writing. Raises OSError."""
    for path in folder.glob(f".*{ASIDE}"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make an OSError inside the block name `path` instead of the temporary file or nothing."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises OSError, DamagedError."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise DamagedError(path, f"it has {size:,} bytes, but rugtui writes at most {most:,}")
        return file.read(most)


def open_plain(path: Path) -> Any:
    """Open a regular file for reading bytes; a pipe or a device might block, or never end.

    Raises OSError, DamagedError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DamagedError(path, "it is not a regular file")
    return os.fdopen(handle, "rb")


def last_lines(path: Path, most: int) -> list[str]:
    """The whole lines in the last `most` bytes of a regular file. Raises OSError, DamagedError."""
    with open_plain(path) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - most, 0))
        text = file.read().decode(errors="replace").removesuffix("\n")
    return text.split("\n")[end > most :]


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write facts as JSON, NaN and infinity as null, with a digest. Raises OSError."""
    facts = plain(facts)
    write_whole(path, dump({**facts, SEAL: _digest(facts)}, indent=2).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any]:
    """Facts that `write_json` wrote. Raises OSError, DamagedError."""
    facts = parse(path, read_bytes(path, JSON_MOST))
    if facts.pop(SEAL, None) != _digest(facts):
        raise DamagedError(path, "its digest does not match its content")
    return facts


def parse(path: Path, text: bytes | str) -> dict[str, Any]:
    """The JSON object in `path`, with or without a digest. Raises DamagedError."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, "it is not valid JSON") from error
    if not isinstance(facts, dict):
        raise DamagedError(path, "it is not a JSON object")
    return facts


def dump(facts: dict[str, Any], *, indent: int | None = None) -> str:
    return json.dumps(facts, indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """The same value in JSON's types; NaN and infinity become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(facts: dict[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def jsonl_line(facts: dict[str, Any]) -> bytes:
    """A line of JSON Lines: `facts`, not empty and in JSON's types, with their checksum."""
    body = json.dumps(facts, separators=(",", ":"), ensure_ascii=True)[:-1]
    return f'{body},"crc":"{_crc(body.encode())}"}}\n'.encode()


def read_jsonl_line(line: bytes) -> dict[str, Any] | None:
    """The facts in a line; None if it is incomplete or damaged."""
    body, comma, seal = line.rpartition(b',"crc":"')
    if not comma or seal != f'{_crc(body)}"}}\n'.encode():
        return None
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def append_at(path: Path, content: bytes, at: int) -> int:
    """Write `content` at byte `at`, truncate the file after it, and sync; returns the new end.

    So a retry overwrites an append that a full disk cut short. Raises OSError.
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


def _crc(body: bytes) -> str:
    return f"{zlib.crc32(body):08x}"
