"""The contents of a file: its arrays by name, and the facts beside them.

The format is recognized by the content, not the name: .npz, .npy, .safetensors, torch.save (both
formats), pickles. Nothing is unpickled, sizes are checked before memory is allocated, and arrays
are read on request.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import require_memory
from rugtui.models.weight_files import SUFFIXES
from rugtui.models.weight_files.archive import (
    COMPRESSION_FREE,
    MAX_COMPRESSION,
    BrokenFileError,
    open_archive,
    read_member,
    read_start,
    require_packing,
    require_plausible,
    utf8_path,
)
from rugtui.models.weight_files.pickle_reader import TensorView
from rugtui.models.weight_files.torch_file import (
    Read,
    arrays_in,
    old_torch_file,
    tensor,
    torch_archive,
)

NPY_MAGIC = b"\x93NUMPY"
MAX_NPY_HEADER = 16 << 10
"""Limit on the header of an array in an .npz, in bytes; NumPy writes 128 for arrays of numbers."""
MAX_SAFETENSORS_HEADER = 8 << 20
"""Limit on the header of a .safetensors file, in bytes: 100,000 arrays."""
OBJECTS = "an array of Python objects"
MAX_TEXT = 1 << 20
"""Limit on a text in an .npz, in bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An array in a file. `read` returns its numbers in their own precision."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Tensor]
    group: str = ""
    """Name of the innermost dictionary or object that contains it; empty at the root."""
    unreadable: str = ""
    """Why its numbers cannot be read; empty if they can."""
    same_as: Any = None
    """Equal for two names of the same numbers."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in a file, by name."""

    path: Path
    arrays: dict[str, Entry]
    objects: dict[str, str] = field(default_factory=dict)
    """Objects that only their own code can read: the names of their classes."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Numbers and texts beside the arrays."""
    conversion: str = ""
    """Python that converts the file to a readable one, for users who trust it."""


def open_contents(path: Path) -> Contents:
    """The contents of a file. Raises WeightsError, in one sentence, for anything wrong with it."""
    if path.is_dir():
        raise WeightsError(f"{path} is a folder: name a file of weights in it.")
    if not path.exists():
        raise WeightsError(f"There is no file {path}.")
    if not path.is_file():
        raise WeightsError(f"{path} is not a regular file.")
    with errors_explained(path):
        return _reader(path)(path)


@contextlib.contextmanager
def errors_explained(path: Path) -> Iterator[None]:
    """Turns errors in a file's content into a WeightsError; bugs keep their traceback."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except BrokenFileError as error:
        suffix = path.suffix if path.suffix.lower() in SUFFIXES else "weights"
        reason = (str(error).strip().splitlines() or ["it ends too soon"])[0].rstrip(".")
        raise WeightsError(
            f"{path} is not a whole {suffix} file: {reason}; copy or save it again."
        ) from error


def _reader(path: Path) -> Callable[[Path], Contents]:
    with path.open("rb") as file:
        first = file.read(16)
    if first.startswith(b"PK"):
        return _read_archive
    if first.startswith(NPY_MAGIC):
        return _read_npy
    if first[4:9] == b"\0\0\0\0{":
        return _read_safetensors
    if first[:1] in (b"\x80", b"(", b"}", b"]", b"c"):
        return _read_pickle
    if path.suffix.lower() in SUFFIXES and first:
        raise BrokenFileError("it does not begin like one")
    raise WeightsError(
        f"Weights are read from {', '.join(SUFFIXES)} and the like, but {path} "
        + ("is empty." if not first else "begins like none of them.")
    )


def _read_archive(path: Path) -> Contents:
    with open_archive(path) as archive:
        names = archive.namelist()
        if any(name.endswith(".npy") for name in names):
            return _read_npz(path, archive, names)
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return _from_pickle(path, *torch_archive(path, names))
    if not names:
        raise BrokenFileError("it holds nothing")
    raise WeightsError(f"{path} is a zip archive, but neither of NumPy nor of PyTorch.")


def _read_pickle(path: Path) -> Contents:
    with path.open("rb") as file:
        return _from_pickle(path, *old_torch_file(path, file, lambda: path.open("rb")))


def _from_pickle(path: Path, content: Any, read: Read) -> Contents:
    found = arrays_in(content)
    arrays = {}
    for name, (one, group) in found.arrays.items():
        if isinstance(one, TensorView):
            dtype = one.storage.dtype if one.storage else ""
            get = functools.partial(tensor, path, name, one, read)
            same = (one.storage, one.offset, one.shape, one.stride)
            arrays[name] = Entry(one.shape, dtype, get, group, one.unreadable, same)
        else:
            head = _Header(one.shape, "|O" if one.dtype is None else one.dtype.str, one.fortran, 0)
            get = functools.partial(head.numbers, name, one.content)
            arrays[name] = Entry(one.shape, str(one.dtype), get, group, head.unreadable, id(one))
    conversion = (
        f"import torch; m = torch.load({str(path)!r}, map_location='cpu', weights_only=False)"
        f"{found.hidden}; m = m.state_dict() if hasattr(m, 'state_dict') else m; "
        "torch.save({k: v.to_dense() for k, v in m.items() if torch.is_tensor(v)}, 'safe.pt')"
    )
    return Contents(path, arrays, found.objects, found.facts, conversion)


def _read_npz(path: Path, archive: zipfile.ZipFile, names: list[str]) -> Contents:
    arrays, facts = {}, {}
    for member in names:
        if not member.endswith(".npy"):
            continue
        name, known = member.removesuffix(".npy"), archive.getinfo(member)
        require_packing(known)
        head = _header(bytes(read_start(archive, known, MAX_NPY_HEADER)), known.file_size, name)
        get = functools.partial(_npz_member, path, member, head)
        arrays[name] = Entry(head.shape, head.descr, get, "", head.unreadable, name)
        if head.descr[1:2] == "U" and head.shape == () and known.file_size < MAX_TEXT:
            text = bytes(read_member(path, archive, member, MAX_TEXT))[head.start :]
            order = "be" if head.descr[0] == ">" else "le"
            facts[name] = text.decode(f"utf-32-{order}", "replace").rstrip("\0")
    conversion = (
        "import numpy as np; np.savez('safe.npz', **{k: np.asarray(v.tolist(), 'f4') for k, v in "
        f"np.load({str(path)!r}, allow_pickle=True).items() if v.dtype.kind in 'Ofiu'}})"
    )
    return Contents(path, arrays, {}, facts | _own_settings(facts.get("settings")), conversion)


def _npz_member(path: Path, member: str, head: _Header) -> Tensor:
    with open_archive(path) as archive:
        require_plausible(path, archive.getinfo(member))
        most = path.stat().st_size * MAX_COMPRESSION + COMPRESSION_FREE
        content = read_member(path, archive, member, most)
    return head.numbers(member, content)


def _read_npy(path: Path) -> Contents:
    with path.open("rb") as file:
        head = _header(file.read(MAX_NPY_HEADER), path.stat().st_size, path.name)

    def get() -> Tensor:
        require_memory(2 * path.stat().st_size, str(path))
        return head.numbers(path.name, path.read_bytes())

    return Contents(path, {"array": Entry(head.shape, head.descr, get, unreadable=head.unreadable)})


@dataclass(frozen=True, slots=True)
class _Header:
    """What describes an array in NumPy's format; `start` is the offset of its numbers."""

    shape: tuple[int, ...]
    descr: str
    fortran: bool
    start: int

    @property
    def dtype(self) -> np.dtype | None:
        plain = re.fullmatch(r"[<>|=]([fiu][1248]|b1)", self.descr)
        return np.dtype(self.descr) if plain and self.descr[1:] != "f1" else None

    @property
    def unreadable(self) -> str:
        if self.dtype is not None:
            return ""
        return OBJECTS if self.descr == "|O" else f"of type {self.descr}"

    def numbers(self, name: str, content: bytes | bytearray) -> Tensor:
        dtype = self.dtype
        assert dtype is not None  # otherwise its Entry is unreadable
        if math.prod(self.shape) * dtype.itemsize != len(content) - self.start:
            raise BrokenFileError(f"{name} should hold {math.prod(self.shape)} numbers")
        numbers = np.frombuffer(content, dtype, offset=self.start)
        numbers = numbers.reshape(self.shape, order="F" if self.fortran else "C")
        small = dtype.kind == "f" and dtype.itemsize <= 4
        kind = np.bool_ if dtype.kind == "b" else np.float32 if small else np.float64
        return torch.from_numpy(numbers.astype(kind))


def _header(head: bytes, size: int, name: str) -> _Header:
    """Raises BrokenFileError, also if the size does not match the header.

    The header is matched against the form in which NumPy and others write it, not evaluated: a
    literal could be nested without end.
    """
    width = {1: 2, 2: 4, 3: 4}.get(head[6] if head.startswith(NPY_MAGIC) and len(head) > 6 else 0)
    if width is None:
        raise BrokenFileError(f"{name} in it does not begin like an array")
    start = 8 + width + int.from_bytes(head[8 : 8 + width], "little")
    text = head[8 + width : start].decode("latin1")
    parts = [
        re.search(pattern, text)
        for pattern in (
            r"'descr':\s*('[^']{1,20}'|\[)",
            r"'fortran_order':\s*(True|False)",
            r"'shape':\s*\(([\d,\sL]{0,200})\)",
        )
    ]
    if start > len(head) or not all(parts):
        raise BrokenFileError(f"the header of {name} in it is not as NumPy writes it")
    descr, order, shape = (part.group(1) for part in parts if part)
    sizes = tuple(int(one) for one in re.findall(r"\d{1,19}", shape))
    found = _Header(sizes, descr.strip("'") if descr != "[" else "records", order == "True", start)
    if found.dtype is not None and math.prod(sizes) * found.dtype.itemsize != size - start:
        raise BrokenFileError(
            f"{name} should hold {math.prod(sizes) * found.dtype.itemsize} bytes of numbers"
        )
    return found


def _read_safetensors(path: Path) -> Contents:
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > MAX_SAFETENSORS_HEADER:
        raise BrokenFileError(
            f"its header has {header:,} bytes, but {MAX_SAFETENSORS_HEADER:,} at most are read"
        )
    # The library checks that the offsets tile the file: no array is larger than the file.
    require_memory(path.stat().st_size, str(path))
    arrays = {}
    with _safetensors(path) as file:
        facts = dict(file.metadata() or {})
        for name in sorted(file.keys()):
            get, known = functools.partial(_safetensor, path, name), file.get_slice(name)
            arrays[name] = Entry(tuple(known.get_shape()), known.get_dtype(), get, same_as=name)
    return Contents(path, arrays, {}, facts | _own_settings(facts.get("facts")))


def _safetensor(path: Path, name: str) -> Tensor:
    with _safetensors(path) as file:
        return file.get_tensor(name)


@contextlib.contextmanager
def _safetensors(path: Path) -> Iterator[Any]:
    with path.open("rb") as opened:
        try:
            with safe_open(utf8_path(path, opened.fileno()), framework="pt") as file:
                yield file
        except SafetensorError as error:
            raise BrokenFileError(str(error)) from error


def _own_settings(text: str | None) -> dict[str, Any]:
    """The settings beside the weights in a file that rugtui wrote."""
    try:
        known = json.loads(text or "{}")
    except ValueError:
        return {}
    known = known.get("settings", known) if isinstance(known, dict) else {}
    names = ("p", "activation", "k", "magnitude")
    return {f"settings.{name}": known[name] for name in names if name in known}
