"""Reads both formats of torch.save without unpickling anything, and finds arrays in their content.

The content is what the pickle would build: dictionaries, lists, modules, objects. Arrays are named
by their path in it, and tensors are read on request.
"""

from __future__ import annotations

import io
import math
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from rugtui.models.base import require_memory
from rugtui.models.weight_files.archive import BrokenFileError, open_archive, read_member
from rugtui.models.weight_files.pickle_reader import (
    NOT_TEXT,
    Name,
    Opaque,
    PickledArray,
    Storage,
    TensorView,
    interpret,
)

MAX_PICKLE = 16 << 20
"""Limit on a pickle, in bytes."""
OLD_MAGIC = 0x1950A86A20F9469CFC6C
"""The first number in files of torch.save before 1.6 (torch/serialization.py)."""
MAX_NAMES, MAX_NAME_LENGTH, MAX_FACTS = 20_000, 200, 5_000
OF_MODULES = ("_parameters", "_buffers", "_modules")
"""The attributes of torch.nn.Module that its state_dict contains."""

MODEL = re.compile("(?i)model|net|module|state|weights|sae|autoencoder")

Read = Callable[[Storage], bytearray]
"""The bytes of a storage."""


def torch_archive(path: Path, names: list[str]) -> tuple[Any, Read]:
    """Content and reader of a zip archive, as torch.save and TorchScript write it today. Raises
    WeightsError, BrokenFileError, OSError."""
    programs = sorted((name for name in names if name.endswith("data.pkl")), key=len)
    folder = programs[0].removesuffix("data.pkl")

    def read(storage: Storage) -> bytearray:
        with open_archive(path) as archive:
            return read_member(path, archive, f"{folder}data/{storage.key}", path.stat().st_size)

    with open_archive(path) as archive:
        order = folder + "byteorder"
        if order in names and read_member(path, archive, order, 16) != b"little":
            raise BrokenFileError("its numbers are big-endian")
        program = read_member(path, archive, programs[0], MAX_PICKLE)
    return interpret(io.BytesIO(program)), read


def old_torch_file(
    path: Path, file: IO[bytes], reopen: Callable[[], IO[bytes]]
) -> tuple[Any, Read]:
    """Content and reader of the older format, and of plain pickles, which lack its first number.

    The older format is five pickles (magic, version, machine, content, keys), then each key's
    length and bytes.
    """
    head = io.BytesIO(file.read(MAX_PICKLE))
    first = interpret(head)
    if first != OLD_MAGIC:
        return first, _packed_only
    storages: dict[str, Storage] = {}
    _, _, content, keys = (interpret(head, storages) for _ in range(4))
    start = head.tell()
    if not isinstance(keys, list):
        raise BrokenFileError("it does not list its numbers")

    def read(storage: Storage) -> bytearray:
        with reopen() as file:
            file.seek(start)
            for key in keys:
                if key not in storages:
                    raise BrokenFileError(f"it lists numbers {key!r} that nothing uses")
                width = getattr(torch, storages[key].dtype).itemsize
                length = int.from_bytes(file.read(8), "little") * width
                if key == storage.key:
                    require_memory(2 * length, f"{key} in {path}")
                    return bytearray(file.read(length))
                if length >= 1 << 62:
                    break
                file.seek(length, io.SEEK_CUR)
        raise BrokenFileError(f"its numbers {storage.key!r} are missing")

    return content, read


def _packed_only(storage: Storage) -> bytearray:
    raise BrokenFileError("it refers to numbers that it does not contain")


def tensor(path: Path, name: str, view: TensorView, read: Read) -> Tensor:
    """The numbers of a view. Raises BrokenFileError if it reaches beyond its storage."""
    storage = view.storage
    assert storage is not None
    if storage.packed:  # a tensor in a plain pickle contains a whole file
        packed = storage.packed
        inner, read = old_torch_file(path, io.BytesIO(packed), lambda: io.BytesIO(packed))
        if not isinstance(inner, Storage) or inner.packed:
            raise BrokenFileError(f"the numbers of {name} are not stored as torch stores them")
        storage = inner
    dtype = getattr(torch, storage.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise BrokenFileError(f"{name} has numbers of an unknown kind: {storage.dtype}")
    size = math.prod(view.shape)
    last = view.offset + sum(
        (n - 1) * step for n, step in zip(view.shape, view.stride, strict=True)
    )
    content = read(storage)
    if size and (last + 1) * dtype.itemsize > len(content):
        raise BrokenFileError(f"{name} reaches beyond the numbers that are there")
    if not size:
        return torch.empty(view.shape, dtype=dtype)
    if size >= 1 << 62:
        raise BrokenFileError(f"{name} claims {size:,} numbers")
    # A view may claim more numbers than its storage has: a stride of 0 costs the file nothing.
    require_memory(8 * size, f"{name} in {path}, {view.shape},")
    usable = len(content) // dtype.itemsize * dtype.itemsize
    numbers = torch.frombuffer(memoryview(content)[:usable], dtype=dtype)
    return numbers.as_strided(view.shape, view.stride, view.offset)


@dataclass(slots=True)
class Found:
    """What was found, by name. `hidden` is Python that leads to an object that only its own code
    can read, preferably one named like a model."""

    arrays: dict[str, tuple[TensorView | PickledArray, str]] = field(default_factory=dict)
    """Each with the name of its container."""
    objects: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    hidden: str = ""


def arrays_in(content: Any) -> Found:
    """Everything in the content, the least nested first: state_dict.W_in, and so on.

    An object that occurs several times counts once; otherwise nested repetition would take forever.
    An object of an unknown class is searched like a dictionary of its attributes, items and
    arguments.
    """
    found, hidden = Found(), []
    seen: set[int] = set()
    left: deque[tuple[str, str, Any, str]] = deque([("", "", content, "")])
    while left:
        name, group, one, access = left.popleft()
        if isinstance(one, TensorView | PickledArray):
            unique = name or "array"
            while unique in found.arrays:  # keys such as "0" and 0
                unique += "'"
            found.arrays[unique] = one, group
        elif isinstance(one, dict | list | tuple | Opaque):
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, Opaque):
                found.objects[name] = one.what
                if not (one.items or one.elements or one.state):
                    hidden.append(access)
            for key, value, step in _children(one):
                inner = f"{name}.{key}" if name and key else name or key
                if len(inner) < MAX_NAME_LENGTH:
                    left.append((inner, name, value, access + step))
        elif name and len(found.facts) < MAX_FACTS:
            found.facts.setdefault(name, one.path if isinstance(one, Name) else one)
        if len(left) + len(found.arrays) > MAX_NAMES:
            raise BrokenFileError(f"there are more than {MAX_NAMES:,} names in it")
    models = [access for access in hidden if MODEL.search(access)]
    found.hidden = next(iter(models or hidden), "")
    return found


def _children(one: Any) -> Iterator[tuple[str, Any, str]]:
    """(name, value, Python that leads there) for each part of a container."""
    if isinstance(one, dict):
        for key, value in one.items():
            if _is_searched(value):
                text, python = _key_of(key)
                yield text, value, f"[{python}]"
    elif isinstance(one, list | tuple):
        for index, value in enumerate(one):
            if isinstance(value, TensorView | PickledArray | dict | list | tuple | Opaque):
                yield str(index), value, f"[{index}]"
    elif isinstance(one, Opaque):
        yield from _attributes(one)
        yield from _children(one.items)
        yield from _children(one.elements)
        yield from _children(one.arguments)


def _attributes(one: Opaque) -> Iterator[tuple[str, Any, str]]:
    """Parameters, buffers and submodules under the names that they have in a state_dict."""
    states = one.state if isinstance(one.state, tuple) else (one.state,)
    for state in states:
        if isinstance(state, list):  # a dataclass with slots
            yield from _children(state)
        if not isinstance(state, dict):
            continue
        for key, value in state.items():
            if key in OF_MODULES and isinstance(value, dict):
                for text, inner, step in _children(value):
                    yield text, inner, f".{key}{step}"
            elif _is_searched(value):
                yield key, value, f".{key}"


def _is_searched(value: Any) -> bool:
    kinds = TensorView | PickledArray | dict | list | tuple | Opaque | Name | str | int | float
    return isinstance(value, kinds) and value is not True and value is not False


def _key_of(key: str) -> tuple[str, str]:
    """The name of a key, and its Python."""
    if key.startswith(NOT_TEXT):
        return key[1:], key[1:]
    return key, repr(key)
