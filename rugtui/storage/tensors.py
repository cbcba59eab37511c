"""Tensors and facts in one safetensors file, with a digest over both.

The header is read without torch, so that listing runs is quick, and a hostile file is rejected
before its content is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rugtui.errors import DamagedError, RunError
from rugtui.models.weight_files.archive import utf8_path
from rugtui.storage.files import open_plain

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
"""Version of the content of run.json, history.jsonl, checkpoints and snapshots."""
HEADER_MOST = 1 << 20
"""Upper limit of the headers that rugtui writes, in bytes."""
DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "bfloat16": "BF16",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "uint8": "U8",
    "bool": "BOOL",
}
"""PyTorch's names of types, and safetensors'."""


def pack(tensors: dict[str, Tensor], facts: dict[str, Any]) -> bytes:
    """The content of a file with these tensors, and `facts` and digests in its metadata."""
    return b"".join(pieces(tensors, facts))


def pieces(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Iterator[Any]:
    """The content of `pack` in pieces, without copying tensors; safetensors itself copies all
    twice."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, **facts})
    digests = {"facts_sha256": _digest(text, {}), "sha256": _digest(text, tensors)}
    header: dict[str, Any] = {"__metadata__": {"facts": text, **digests}}
    # the order that safetensors uses, in which every tensor is aligned
    ordered = sorted(tensors.items(), key=lambda named: (-named[1].element_size(), named[0]))
    place = 0
    for name, tensor in ordered:
        header[name] = {
            "dtype": DTYPES[str(tensor.dtype).removeprefix("torch.")],
            "shape": list(tensor.shape),
            "data_offsets": [place, place := place + tensor.nbytes],
        }
    content = json.dumps(header).encode()
    content += b" " * (-len(content) % 8)
    yield len(content).to_bytes(8, "little") + content
    for _, tensor in ordered:
        yield _raw(tensor)


def read_facts(path: Path) -> dict[str, Any]:
    """Only the facts of a file, checked by a digest of their own and the file's length, so that a
    list of runs need not read all weights.

    Raises OSError, DamagedError, and RunError if a newer rugtui wrote the file.
    """
    metadata = _metadata(path)
    text = metadata.get("facts")
    if not isinstance(text, str) or metadata.get("facts_sha256") != _digest(text, {}):
        raise DamagedError(path, "the digest does not match its metadata")
    facts = json.loads(text)
    refuse_newer(path, facts)
    return facts


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All of a file, checked by its digest. Raises OSError, DamagedError, RunError."""
    from safetensors import SafetensorError, safe_open

    facts = read_facts(path)
    try:
        with open_plain(path) as opened, safe_open(utf8_path(path, opened.fileno()), "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedError(path, "it is not a safetensors file") from error
    if metadata["sha256"] != _digest(metadata["facts"], tensors):
        raise DamagedError(path, "its digest does not match its content")
    return tensors, facts


def refuse_newer(path: Path, facts: dict[str, Any]) -> None:
    """Raises RunError if a newer rugtui wrote the facts, DamagedError if they have no version."""
    version = facts.get("format")
    if type(version) is not int:
        raise DamagedError(path, "it does not say which version of rugtui wrote it")
    if version > FORMAT:
        raise RunError(
            f"{str(path)!r} was written by a newer rugtui (format {version}; this one knows "
            f"{FORMAT}): update rugtui to read it."
        )


def _metadata(path: Path) -> dict[str, Any]:
    """The metadata of a safetensors file, which is 8 bytes of length, a JSON header of that length,
    and the tensors."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(HEADER_MOST, size - 8):
            raise DamagedError(path, "it is not a safetensors file, or it is truncated")
        try:
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__")
            end = max((one["data_offsets"][1] for one in header.values()), default=0)
            whole = 8 + length + end == size
            metadata.get("facts")
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise DamagedError(path, "it is not a safetensors file written by rugtui") from error
    if not whole:
        raise DamagedError(path, "it is truncated")
    return metadata


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 of the facts and of the name, type, shape and bytes of every tensor."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_raw(tensor))
    return digest.hexdigest()


def _raw(tensor: Tensor) -> Any:
    import torch

    return tensor.reshape(-1).view(torch.uint8).numpy()
