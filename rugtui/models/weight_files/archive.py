"""Reads zip archives that may be malicious, within limits of memory; and file names."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from rugtui.errors import WeightsError
from rugtui.models.base import require_memory

MAX_DIRECTORY = 4 << 20
"""Limit on an archive's directory, in bytes: about 50,000 arrays; in memory each byte takes ten."""
MAX_COMPRESSION, COMPRESSION_FREE = 100, 64 << 20
"""Limit on the compression ratio of members above COMPRESSION_FREE bytes: weights hardly
compress."""


class BrokenFileError(Exception):
    """A file is truncated, altered, or not in the format of its first bytes."""


@contextlib.contextmanager
def zip_errors_explained() -> Iterator[None]:
    """Turns what zipfile raises for damaged archives into BrokenFileError."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        struct.error,
        ValueError,  # impossible times, offsets and names
    ) as error:
        raise BrokenFileError(str(error) or "it ends too soon") from error
    except RuntimeError as error:  # which zipfile raises if a password is needed
        if "encrypted" not in str(error):
            raise
        raise BrokenFileError("it is encrypted") from error


class _Guarded(io.BufferedReader):
    """Refuses to read more at once than `most`: a zip file may claim a huge directory."""

    most: int | None = MAX_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise BrokenFileError(f"its directory has {size:,} bytes, not {self.most:,} at most")
        return super().read(size)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Raises OSError, BrokenFileError."""
    with _Guarded(io.FileIO(path)) as file:
        with zip_errors_explained():
            archive = zipfile.ZipFile(file)
        file.most = None
        with archive:
            yield archive


def read_member(path: Path, archive: zipfile.ZipFile, name: str, most: int) -> bytearray:
    """A member of at most `most` bytes, unpacked. Raises WeightsError if memory is short,
    BrokenFileError for a member that is missing, truncated, or packed in an unusual way."""
    known = member(archive, name)
    size = known.file_size
    if size > most:
        raise BrokenFileError(f"{name} in it has {size:,} bytes, but {most:,} at most are read")
    require_plausible(path, known)
    require_memory(2 * size, f"{name} in {path}")
    content = read_start(archive, known, size)
    if len(content) != size:
        raise BrokenFileError(f"{name} in it should have {size:,} bytes, but has {len(content):,}")
    return content


def member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError as error:
        raise BrokenFileError(f"{name!r} in it is missing") from error


def read_start(archive: zipfile.ZipFile, known: zipfile.ZipInfo, size: int) -> bytearray:
    """The first `size` bytes of a member, or all if there are fewer."""
    # Always with a size: otherwise zipfile unpacks up to 2 GiB before it checks the member's size.
    with zip_errors_explained(), archive.open(known) as file:
        return bytearray(file.read(size))


def require_plausible(path: Path, known: zipfile.ZipInfo) -> None:
    """Refuse a member with an implausible compression ratio before it is unpacked. Raises
    WeightsError, and BrokenFileError for ways to pack that zipfile unpacks without a bound."""
    require_packing(known)
    if known.file_size > max(COMPRESSION_FREE, MAX_COMPRESSION * known.compress_size):
        raise WeightsError(
            f"{known.filename} in {path} would grow from {known.compress_size:,} to "
            f"{known.file_size:,} bytes, and weights do not; if you trust it: "
            f"np.savez('safe.npz', **np.load({path.name!r}))"
        )


def require_packing(known: zipfile.ZipInfo) -> None:
    """Raises BrokenFileError for ways to compress that zipfile unpacks without a bound."""
    if known.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BrokenFileError(
            f"{known.filename} in it is packed in a way that NumPy and torch do not use"
        )


def split_selectors(path: str | Path) -> tuple[Path, list[str]]:
    """Split FILE#SELECTOR#… into the path of an existing file, and its selectors."""
    text, selectors = str(path), []
    while "#" in text and not Path(text).exists():
        text, _, last = text.rpartition("#")
        selectors.insert(0, last)
    return (Path(text), selectors) if Path(text).is_file() else (Path(path), [])


def utf8_path(path: Path, handle: int) -> str:
    """A path for safetensors, which needs UTF-8; other names go by their open file."""
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError:
        return f"/dev/fd/{handle}"
    return str(path)
