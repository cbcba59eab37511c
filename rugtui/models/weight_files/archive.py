"""Files of people who may mean harm: any name, no more memory than the content is said to take."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rugtui.errors import WeightsError
from rugtui.models.memory import require_memory

DIRECTORY_MOST = 4 << 20
"""Bytes of an archive's directory, about 50,000 arrays; in memory each byte takes ten."""
GROWS_MOST, SMALL = 100, 64 << 20
"""What weights may grow when unpacked, unless they stay small: trained ones hardly shrink."""


class _Guarded(io.BufferedReader):
    """A file that does not give so much at once as a directory without end would ask for."""

    most: int | None = DIRECTORY_MOST

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise zipfile.BadZipFile(f"its directory has {size:,} bytes, not {self.most:,} at most")
        return super().read(size)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Raises OSError, BadZipFile."""
    with _Guarded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
        file.most = None
        yield archive


def read_member(path: Path, archive: zipfile.ZipFile, name: str, most: int) -> bytearray:
    """A member of at most `most` bytes, unpacked.

    Raises WeightsError where memory does not do, KeyError where there is no such member, ValueError
    for members that nobody writes, BadZipFile.
    """
    known = archive.getinfo(name)
    size = known.file_size
    if size > most:
        raise ValueError(f"{name} in it has {size:,} bytes, but {most:,} at most are read")
    require_plausible(path, known)
    require_memory(2 * size, f"{name} in {path}")
    with archive.open(known) as file:
        # Never without a size: zipfile would unpack 2 GiB before it looks how many were promised.
        content = bytearray(file.read(size))
    if len(content) != size:
        raise ValueError(f"{name} in it should have {size:,} bytes, but has {len(content):,}")
    return content


def require_plausible(path: Path, known: zipfile.ZipInfo) -> None:
    """Refuse, before it is unpacked, what unpacks to far more than it is.

    Raises WeightsError, and ValueError for ways to pack that zipfile unpacks without a bound.
    """
    if known.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{known.filename} in it is packed in a way that NumPy and torch do not")
    if known.file_size > max(SMALL, GROWS_MOST * known.compress_size):
        raise WeightsError(
            f"{known.filename} in {path} would grow from {known.compress_size:,} to "
            f"{known.file_size:,} bytes, and weights do not; if you trust it: "
            f"np.savez('safe.npz', **np.load({path.name!r}))"
        )


def in_utf8(path: Path, handle: int) -> str:
    """A path as safetensors takes it; where the name is no UTF-8, by the open file of it."""
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError:
        return f"/dev/fd/{handle}"
    return str(path)
