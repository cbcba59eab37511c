"""Arrays by name out of .npz, .safetensors and .pt, without trusting the file.

Nothing is unpickled, sizes are read from headers before memory is taken, and every fault of a file
is one WeightsError. A caller says which arrays it wants once it has seen their names.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.memory import require_memory
from rugtui.models.weight_files.archive import (
    GROWS_MOST,
    SMALL,
    in_utf8,
    open_archive,
    read_member,
    require_plausible,
)
from rugtui.models.weight_files.described import NeedsCodeError
from rugtui.models.weight_files.torch_file import read_torch_file

Choose = Callable[[list[str]], dict[str, str]]
"""From the names in a file to {role: name} of the arrays to read; may raise WeightsError."""

BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    SafetensorError,
    RuntimeError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    struct.error,
    zlib.error,
)
"""What the libraries below are seen to raise on files that are cut short, altered or made to harm:
parsers run into the wrong type sooner than into a check."""
HEADER_MOST = 16 << 10
"""Bytes of an array's header in an .npz; NumPy writes 128 for arrays of numbers."""
HEADERS_MOST = 8 << 20
"""Bytes of a .safetensors header: 100,000 arrays."""
NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: Path, choose: Choose) -> dict[str, Tensor]:
    """The arrays that `choose` picks, by role, no less precise than it is. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(_why_no_file(path))
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise WeightsError(
            f"Weights are read from {', '.join(sorted(READERS))}, but {path} is none of them."
        )
    try:
        return reader(path, choose)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except BROKEN as error:
        raise WeightsError(
            f"{path} is no whole {path.suffix} file: {_first_line(error)}; copy or save it again."
        ) from error


def _read_npz(path: Path, choose: Choose) -> dict[str, Tensor]:
    with open_archive(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        chosen = choose([name.removesuffix(".npy") for name in members])
        for name in chosen.values():  # all of them before any is unpacked
            _npy_header(path, archive, name)
        return {
            role: torch.from_numpy(_member(path, archive, name)) for role, name in chosen.items()
        }


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    shape, fortran, dtype, start = _npy_header(path, archive, name)
    content = read_member(path, archive, name + ".npy", path.stat().st_size * GROWS_MOST + SMALL)
    numbers = np.frombuffer(content, dtype, offset=start)
    numbers = numbers.reshape(shape, order="F" if fortran else "C")
    return numbers.astype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def _npy_header(
    path: Path, archive: zipfile.ZipFile, name: str
) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order, type and place of the numbers of one array, if they are as many as it says."""
    known = archive.getinfo(name + ".npy")
    require_plausible(path, known)
    with archive.open(known) as file:
        head = io.BytesIO(file.read(HEADER_MOST))
    version = np.lib.format.read_magic(head)
    if version not in NPY_HEADERS:
        raise ValueError(f"version {version} of the array format is unknown")
    shape, fortran, dtype = NPY_HEADERS[version](head)
    if dtype.hasobject:
        raise WeightsError(
            f"{name} in {path} holds Python objects, which could run code when read; if you "
            f"trust it: np.savez('safe.npz', **{{k: np.asarray(v.tolist(), 'f4') "
            f"for k, v in np.load({path.name!r}, allow_pickle=True).items()}})"
        )
    size = math.prod(shape) * dtype.itemsize
    if size != known.file_size - head.tell():
        raise ValueError(f"{name} should hold {size} bytes of numbers")
    if dtype.kind not in "fiu":
        raise WeightsError(f"{name} in {path} must hold real numbers, but they are {dtype}.")
    return shape, fortran, dtype, head.tell()


def _read_safetensors(path: Path, choose: Choose) -> dict[str, Tensor]:
    with path.open("rb") as opened:
        return _from_safetensors(path, opened, choose)


def _from_safetensors(path: Path, opened: IO[bytes], choose: Choose) -> dict[str, Tensor]:
    header = int.from_bytes(opened.read(8), "little")
    if header > HEADERS_MOST:
        raise ValueError(f"its header has {header:,} bytes, but {HEADERS_MOST:,} at most are read")
    # The library checks that the header's offsets tile the file: no array is larger than it is.
    require_memory(path.stat().st_size, str(path))
    with safe_open(in_utf8(path, opened.fileno()), framework="pt") as file:
        return {role: file.get_tensor(name) for role, name in choose(list(file.keys())).items()}


def _read_pt(path: Path, choose: Choose) -> dict[str, Tensor]:
    try:
        return read_torch_file(path, choose)
    except NeedsCodeError as error:
        raise WeightsError(
            f"{path} holds more than tensors, which could run code when read; if you trust it: "
            f"m = torch.load({path.name!r}, weights_only=False); torch.save({{k: v for k, v in "
            "getattr(m, 'state_dict', lambda: m)().items() if torch.is_tensor(v)}, 'safe.pt')"
        ) from error


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder: name a file of weights in it."
    if path.exists():
        return f"{path} is no regular file."
    return f"There is no file {path}."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


READERS = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": _read_pt,
    ".pth": _read_pt,
}
