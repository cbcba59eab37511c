"""Arrays by name out of .npz, .safetensors and .pt, without trusting the file.

Nothing is unpickled, sizes are read from headers before memory is taken, and every fault of a file
is one WeightsError. A caller says which arrays it wants once it has seen their names.
"""

from __future__ import annotations

import lzma
import math
import pickle
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.weights.memory import require_memory

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
    lzma.LZMAError,
)
"""What the libraries below are seen to raise on files that are cut short, altered or made to harm:
the restricted unpickler and the parsers run into the wrong type sooner than into a check."""


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
            f"{path} is no whole {path.suffix} file: {_first_line(error)}."
        ) from error


def _read_npz(path: Path, choose: Choose) -> dict[str, Tensor]:
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        names = [name.removesuffix(".npy") for name in members]
        return {
            role: torch.from_numpy(_member(path, archive, name))
            for role, name in choose(names).items()
        }


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of an .npz: its header first, and its numbers if they are as many as it says."""
    known = archive.getinfo(name + ".npy")
    with archive.open(known) as file:
        shape, fortran, dtype = _npy_header(file)
        if dtype.hasobject:
            raise WeightsError(
                f"{name} in {path} holds Python objects, which could run code when read; if you "
                f"trust it: np.savez('safe.npz', **{{k: np.asarray(v.tolist(), 'f4') "
                f"for k, v in np.load({path.name!r}, allow_pickle=True).items()}})"
            )
        size = math.prod(shape) * dtype.itemsize
        if size != known.file_size - file.tell():
            raise ValueError(f"{name} should hold {size} bytes of numbers")
        require_memory(2 * size, f"{name} in {path}")
        numbers = np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")
    if dtype.kind not in "fiu":
        raise WeightsError(f"{name} in {path} must hold real numbers, but they are {dtype}.")
    return numbers.astype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"version {version} of the array format is unknown")


def _read_safetensors(path: Path, choose: Choose) -> dict[str, Tensor]:
    # The library checks that the header's offsets tile the file: no array is larger than it is.
    require_memory(path.stat().st_size, str(path))
    with safe_open(path, framework="pt") as file:
        return {role: file.get_tensor(name) for role, name in choose(list(file.keys())).items()}


def _read_pt(path: Path, choose: Choose) -> dict[str, Tensor]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            require_memory(sum(known.file_size for known in archive.infolist()), str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats; they are read or refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors, which could run code when read; if you trust it: "
            f"m = torch.load({path.name!r}, weights_only=False); torch.save({{k: v for k, v in "
            "getattr(m, 'state_dict', lambda: m)().items() if torch.is_tensor(v)}, 'safe.pt')"
        ) from error
    tensors = dict(_tensors("", content))
    return {role: tensors[name] for role, name in choose(list(tensors)).items()}


def _tensors(prefix: str, content: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors of nested dictionaries under dotted names: state_dict.W_in, and so on."""
    if isinstance(content, Mapping):
        for key, inner in content.items():
            yield from _tensors(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(content, Tensor):
        yield prefix, content.detach()


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
