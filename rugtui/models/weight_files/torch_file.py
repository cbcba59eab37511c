"""Reads both formats of torch.save without unpickling anything. Tensors are read on request."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from rugtui.models.base import require_memory
from rugtui.models.weight_files.archive import BrokenFileError, open_archive, read_member
from rugtui.models.weight_files.pickle_reader import Storage, TensorView, follow

PICKLE_MOST = 16 << 20
"""Limit on a pickle, in bytes."""
OLD_MAGIC = 0x1950A86A20F9469CFC6C
"""The first number in files of torch.save before 1.6 (torch/serialization.py)."""

Read = Callable[[Storage], bytearray]
"""The bytes of a storage."""


def torch_archive(path: Path, names: list[str]) -> tuple[Any, Read]:
    """Content and reader of a zip archive, as torch.save and TorchScript write it today.

    Raises WeightsError, BrokenFileError, OSError.
    """
    programs = sorted((name for name in names if name.endswith("data.pkl")), key=len)
    folder = programs[0].removesuffix("data.pkl")

    def read(storage: Storage) -> bytearray:
        with open_archive(path) as archive:
            return read_member(path, archive, f"{folder}data/{storage.key}", path.stat().st_size)

    with open_archive(path) as archive:
        order = folder + "byteorder"
        if order in names and read_member(path, archive, order, 16) != b"little":
            raise BrokenFileError("its numbers are big-endian")
        program = read_member(path, archive, programs[0], PICKLE_MOST)
    return follow(io.BytesIO(program)), read


def old_torch_file(
    path: Path, file: IO[bytes], reopen: Callable[[], IO[bytes]]
) -> tuple[Any, Read]:
    """Content and reader of the older format, and of plain pickles, which lack its first number.

    The older format is five pickles (magic, version, machine, content, keys), then each key's
    length and bytes.
    """
    head = io.BytesIO(file.read(PICKLE_MOST))
    first = follow(head)
    if first != OLD_MAGIC:
        return first, _packed_only
    storages: dict[str, Storage] = {}
    _, _, content, keys = (follow(head, storages) for _ in range(4))
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
