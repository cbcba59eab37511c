"""Names that pickles of tensors may use, and tensors as such pickles describe them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

TENSORS_MOST, NAME_MOST = 20_000, 200

DTYPES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16,
    "BFloat16": torch.bfloat16, "Long": torch.int64, "Int": torch.int32, "Short": torch.int16,
    "Char": torch.int8, "Byte": torch.uint8, "Bool": torch.bool, "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128, "Untyped": torch.uint8,
}  # fmt: skip
HARMLESS = re.compile(
    r"torch\.((storage\.|cuda\.)?\w+Storage|_utils\._rebuild_\w+|_tensor\._rebuild_from_type_v2"
    r"|Tensor|nn\.parameter\.Parameter|Size|device|serialization\._get_layout"
    r"|bool|b?float\w+|u?int\d+|complex\d+|q\w+|per_\w+)"
    r"|collections\.(OrderedDict|Counter)|datetime\.timedelta|_codecs\.encode"
    r"|(builtins|__builtin__)\.(set|complex|bytearray)"
)
"""Names in files of tensors and settings; they are not called either."""


class NeedsCodeError(Exception):
    """What is pickled are objects: only their own code could say what is in them."""


@dataclass(frozen=True, slots=True)
class Name:
    """A function, a class or a type, by its full name."""

    path: str


@dataclass(frozen=True, slots=True)
class Storage:
    """A row of numbers that lies elsewhere."""

    key: str
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Described:
    """A tensor: a view of a storage. `odd` names what weights have no use for (sparse, meta …)."""

    storage: Storage | None = None
    offset: int = 0
    shape: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    odd: str = ""


class Opaque:
    """A value that is of no use here: a set, a date, a device."""


def tensors_in(content: object) -> dict[str, Described]:
    """Tensors of dictionaries in dictionaries under dotted names: state_dict.W_in, and so on.

    A dictionary that is there several times counts once: each may hold the next one twice.
    """
    found: dict[str, Described] = {}
    seen: set[int] = set()
    left = [("", content)]
    while left:
        name, one = left.pop()
        if isinstance(one, Described):
            found[name] = one
        elif isinstance(one, dict) and id(one) not in seen:
            seen.add(id(one))
            dot = "." if name else ""
            left += [
                (name + dot + key, value)
                for key, value in one.items()
                if isinstance(value, dict | Described) and len(name) + len(key) < NAME_MOST
            ]
        if len(left) + len(found) > TENSORS_MOST:
            raise ValueError(f"there are more than {TENSORS_MOST:,} names in it")
    return found


def fill(container: object, items: list[Any]) -> None:
    """Into a list or a dictionary; keys are as text, since whole numbers can be made to collide."""
    if isinstance(container, list):
        container += items
    elif isinstance(container, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str | int):
                container[str(key)] = value
    elif not isinstance(container, Opaque):
        raise TypeError("its pickle fills what holds nothing")


def name(module: str, name: str) -> Name:
    path = f"{module}.{name}"
    if not HARMLESS.fullmatch(path):
        raise NeedsCodeError(path)
    return Name(path)


def storage(known: Any) -> Storage:
    """From what torch.save writes where a storage belongs; a view of one is of torch before 0.4."""
    kind, type_, key, _, _, *view = known
    if kind != "storage" or any(view):
        raise NeedsCodeError(f"{kind}")
    name = type_.path.rpartition(".")[2].removesuffix("Storage")
    if name not in DTYPES:
        raise ValueError(f"it holds numbers of an unknown kind: {name}")
    return Storage(str(key), DTYPES[name])


def built(function: Any, arguments: Any) -> Any:
    """What a call would return, in a time that does not depend on its arguments."""
    match function.path.rpartition(".")[2]:
        case "OrderedDict":
            if arguments:  # of Python 2
                raise NeedsCodeError(function.path)
            return {}
        case "_rebuild_tensor" | "_rebuild_tensor_v2":
            storage, offset, shape, stride, *rest = arguments
            odd = "conjugated or negated" if any(map(bool, rest[2:])) else ""
            return Described(storage, offset, shape, stride, odd)
        case "_rebuild_tensor_v3":
            storage, offset, shape, stride, _, _, dtype, *rest = arguments
            found = getattr(torch, dtype.path.removeprefix("torch."))
            odd = "conjugated or negated" if any(map(bool, rest)) else ""
            return Described(Storage(storage.key, found), offset, shape, stride, odd)
        case "_rebuild_parameter" | "_rebuild_parameter_with_state":
            return arguments[0]
        case "_rebuild_from_type_v2" if arguments[0] != function:
            return built(arguments[0], arguments[2])
        case name if name.startswith("_rebuild_"):
            return Described(odd=name.removeprefix("_rebuild_").replace("_", " "))
        case _:
            return Opaque()
