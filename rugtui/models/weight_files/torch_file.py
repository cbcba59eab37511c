"""Tensors by name out of what torch.save wrote. Nothing is unpickled, and of a tensor nothing is
read before somebody asks for it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.memory import require_memory
from rugtui.models.weight_files.archive import open_archive, read_member
from rugtui.models.weight_files.described import Described, Storage, tensors_in
from rugtui.models.weight_files.pickle_reader import follow

PICKLE_MOST = 16 << 20
"""Bytes of a pickle that are followed."""
OLD_MAGIC = 0x1950A86A20F9469CFC6C
"""What torch.save began files with before 1.6 (torch/serialization.py)."""

Choose = Callable[[list[str]], dict[str, str]]
Read = Callable[[Storage], bytearray]
"""The bytes of a storage."""


def read_torch_file(path: Path, choose: Choose) -> dict[str, Tensor]:
    """The tensors that `choose` picks from the names in a file, by role.

    Raises NeedsCodeError, WeightsError, OSError; ValueError and its like for what is not whole.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return _chosen(path, *_old_format(path, file), choose)
    with open_archive(path) as archive:
        names = archive.namelist()
        (program,) = (name for name in names if name.endswith("/data.pkl"))
        folder = program.removesuffix("data.pkl")
        order = folder + "byteorder"
        if order in names and read_member(path, archive, order, 16) != b"little":
            raise ValueError("its numbers begin with their highest byte")
        content = follow(io.BytesIO(read_member(path, archive, program, PICKLE_MOST)))

        def read(storage: Storage) -> bytearray:
            size = path.stat().st_size
            return read_member(path, archive, f"{folder}data/{storage.key}", size)

        return _chosen(path, content, read, choose)


def _old_format(path: Path, file: IO[bytes]) -> tuple[object, Read]:
    """Five pickles (magic, version, machine, content, keys), then each key's length and bytes."""
    head = io.BytesIO(file.read(PICKLE_MOST))
    if follow(head) != OLD_MAGIC:
        raise ValueError("it does not begin as files of torch.save do")
    storages: dict[str, Storage] = {}
    _, _, content, keys = (follow(head, storages) for _ in range(4))
    start = head.tell()

    def read(storage: Storage) -> bytearray:
        file.seek(start)
        for key in keys:
            length = int.from_bytes(file.read(8), "little") * storages[key].dtype.itemsize
            if key == storage.key:
                require_memory(2 * length, f"{key} in {path}")
                return bytearray(file.read(length))
            file.seek(length, io.SEEK_CUR)
        raise LookupError(f"its numbers {storage.key!r} are missing")

    return content, read


def _chosen(path: Path, content: object, read: Read, choose: Choose) -> dict[str, Tensor]:
    there = tensors_in(content)
    chosen = choose(list(there))
    return {role: _tensor(path, name, there[name], read) for role, name in chosen.items()}


def _tensor(path: Path, name: str, wanted: Described, read: Read) -> Tensor:
    storage = wanted.storage
    if storage is None or wanted.odd:
        raise WeightsError(f"{name} in {path} must hold plain numbers, but it is {wanted.odd}.")
    content = read(storage)
    numbers = torch.frombuffer(content, dtype=storage.dtype) if content else torch.empty(0)
    # torch refuses views that reach beyond the numbers that are there.
    return numbers.as_strided(wanted.shape, wanted.stride, wanted.offset)
