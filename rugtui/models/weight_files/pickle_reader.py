"""Finds out what a pickle would build without executing anything.

A pickle is a program for a stack machine that may call any function by name. Here it is interpreted
on text, numbers, lists, dictionaries and descriptions of arrays; nothing is imported or called.
Everything else becomes an `Opaque`, which keeps the arguments, so that arrays inside objects of
unknown classes are found.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rugtui.models.weight_files.archive import BrokenFileError

MAX_OPERATIONS = 1_000_000
"""A tensor takes about 30, a number one."""
NOT_TEXT = "\0"
"""Prefix of a dictionary key that is not text, followed by its repr: integers can be made to
collide, and tuples to take forever to hash."""
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
"""Operations that put their own argument on the stack."""


@dataclass(frozen=True, slots=True)
class Name:
    """The full name of a function, class or type."""

    path: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers stored outside the pickle; in a plain pickle `packed` is a file of torch.save."""

    key: str
    dtype: str
    """PyTorch's name, as in torch.float32; empty if `packed` contains it."""
    packed: bytes = b""


@dataclass(frozen=True, slots=True)
class TensorView:
    """A view of a storage. `unreadable` says why it cannot be weights (sparse, meta, …)."""

    storage: Storage | None = None
    offset: int = 0
    shape: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    unreadable: str = ""


@dataclass(slots=True, eq=False)
class PickledArray:
    """A NumPy array whose numbers are in the pickle itself."""

    shape: tuple[int, ...] = ()
    dtype: np.dtype | None = None
    fortran: bool = False
    content: bytes = b""


@dataclass(slots=True, eq=False)
class Opaque:
    """An object of an unknown class, or the result of an unknown function."""

    what: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: dict[str, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)


def interpret(program: io.BytesIO, storages: dict[str, Storage] | None = None) -> Any:
    """What one pickle would build; leaves `program` at its end, and adds to `storages`. Raises
    BrokenFileError for a program that no pickler writes, or one without end."""
    machine = _Machine({} if storages is None else storages)
    operations = pickletools.genops(program)
    for _ in range(MAX_OPERATIONS):
        try:
            operation, argument, _ = next(operations)
        except (ValueError, StopIteration) as error:
            raise BrokenFileError(f"its pickle ends too soon: {error}") from error
        if operation.name == "STOP":
            return machine.pop()
        machine.step(operation.name, argument)
    raise BrokenFileError(f"its pickle has more than {MAX_OPERATIONS:,} operations")


class _Machine:
    def __init__(self, storages: dict[str, Storage]) -> None:
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages = storages

    def pop(self) -> Any:
        if not self.stack:
            raise BrokenFileError("its pickle takes from an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise BrokenFileError("its pickle reads from an empty stack")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        if not self.marked:
            raise BrokenFileError("its pickle has no mark where it needs one")
        items, self.stack = self.stack, self.marked.pop()
        return items

    def step(self, code: str, argument: Any) -> None:
        """One operation, as `pickle` documents it (pickletools.opcodes)."""
        push = self.stack.append
        match code:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                self.marked.append(self.stack)
                self.stack = []
            case "POP":
                self.pop() if self.stack else self.since_mark()
            case "POP_MARK":
                self.since_mark()
            case "DUP":
                push(self.top())
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                push({"DICT": {}, "LIST": [], "TUPLE": ()}[code.removeprefix("EMPTY_")])
            case "EMPTY_SET":
                push(Opaque("builtins.set"))
            case "FROZENSET":
                elements = self.since_mark()
                self.stack.append(Opaque("builtins.frozenset", elements=elements))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple([self.pop() for _ in range(int(code[-1]))][::-1]))
            case "TUPLE" | "LIST" | "DICT":
                items = self.since_mark()
                made: Any = {"TUPLE": tuple(items), "LIST": items, "DICT": {}}[code]
                if code == "DICT":
                    _fill(made, items)
                self.stack.append(made)
            case "APPENDS" | "SETITEMS" | "ADDITEMS" | "APPEND" | "SETITEM":
                number = {"APPEND": 1, "SETITEM": 2}.get(code)
                items = [self.pop() for _ in range(number)][::-1] if number else self.since_mark()
                _fill(self.top(), items)
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self.memo[int(argument)] = self.top()
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.top()
            case "BINGET" | "LONG_BINGET" | "GET":
                if int(argument) not in self.memo:
                    raise BrokenFileError("its pickle refers to something that it did not build")
                push(self.memo[int(argument)])
            case "GLOBAL":
                push(Name(str(argument).replace(" ", ".")))
            case "STACK_GLOBAL":
                last, module = self.pop(), self.pop()
                push(Name(f"{_text(module)}.{_text(last)}"))
            case "REDUCE" | "NEWOBJ":
                arguments = self.pop()
                push(_built(self.pop(), arguments))
            case "NEWOBJ_EX":
                keywords, arguments = self.pop(), self.pop()
                made = _built(self.pop(), arguments)
                if isinstance(made, Opaque) and isinstance(keywords, dict):
                    made.items |= keywords
                push(made)
            case "INST":
                items = self.since_mark()
                self.stack.append(_built(Name(str(argument).replace(" ", ".")), tuple(items)))
            case "OBJ":
                function, *items = self.since_mark() or [None]
                self.stack.append(_built(function, tuple(items)))
            case "BUILD":
                state = self.pop()
                _set_state(self.top(), state)
            case "BINPERSID" | "PERSID":
                push(self._persistent(argument if code == "PERSID" else self.pop()))
            case _ if code in CONSTANTS:
                push(CONSTANTS[code])
            case _ if code in LITERALS:
                push(argument)
            case _:
                raise BrokenFileError(f"its pickle has an operation that is not read: {code}")

    def _persistent(self, known: Any) -> Storage | Opaque:
        """Persistent ids of torch.save: storages and, before version 0.4, classes."""
        match known:
            case ("storage", Name(path), str() | int() as key, _, _, *view) if not any(view):
                name = path.rpartition(".")[2].removesuffix("Storage")
                dtype = DTYPES.get(name)
                if dtype is None:
                    raise BrokenFileError(f"it holds numbers of an unknown kind: {name}")
                found = Storage(str(key), dtype)
                self.storages[found.key] = found
                return found
            case ("module", Name() as kind, *_):
                return Opaque(kind.path)
            case _:
                return Opaque("persistent object")


DTYPES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128", "Untyped": "uint8",
}  # fmt: skip


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BrokenFileError("its pickle has a name that is not text")
    return value


def _fill(container: Any, items: list[Any]) -> None:
    """Add items to a list, a dictionary, or an object that is like one."""
    if isinstance(container, list):
        container += items
    elif isinstance(container, Opaque) and container.what in ("builtins.set", "builtins.list"):
        container.elements += items
    elif isinstance(container, dict | Opaque):
        into = container if isinstance(container, dict) else container.items
        if len(items) % 2:
            if isinstance(container, dict):
                raise BrokenFileError("its pickle has a key without a value")
            container.elements += items
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            into[_key(key, len(into))] = value
    else:
        raise BrokenFileError("its pickle adds items to something that has none")


def _key(key: Any, count: int) -> str:
    if isinstance(key, str):
        return key
    parts = key if type(key) is tuple and len(key) <= 8 else (key,)
    if all(
        type(part) in (str, float, bool, type(None)) or (type(part) is int and abs(part) < 2**64)
        for part in parts
    ):
        return NOT_TEXT + repr(key)
    return f"{NOT_TEXT}<{count}>"


def _built(function: Any, arguments: Any) -> Any:
    """What a call would return, without depending on the size of its arguments."""
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        what = function.what if isinstance(function, Opaque) else "an object"
        return Opaque(what, arguments if isinstance(arguments, tuple) else ())
    match function.path.rpartition(".")[2], arguments:
        case "OrderedDict" | "defaultdict", () | (_,):
            made: dict[str, Any] = {}
            for pair in arguments[0] if arguments and isinstance(arguments[0], list) else ():
                _fill(made, list(pair) if isinstance(pair, list | tuple) else [pair])
            return made
        case "_rebuild_tensor" | "_rebuild_tensor_v2", (
            Storage() as storage, int() as offset, tuple() as shape, tuple() as stride, *rest
        ):  # fmt: skip
            return _view(storage, offset, shape, stride, unreadable=any(map(bool, rest[2:])))
        case "_rebuild_tensor_v3", (
            Storage() as storage, int() as offset, tuple() as shape, tuple() as stride,
            _, _, Name(dtype), *rest,
        ):  # fmt: skip
            storage = Storage(storage.key, dtype.removeprefix("torch."), storage.packed)
            return _view(storage, offset, shape, stride, unreadable=any(map(bool, rest)))
        case "_rebuild_parameter" | "_rebuild_parameter_with_state", (TensorView() as view, *_):
            return view
        case "_rebuild_from_type_v2", (Name() as rebuild, _, tuple() as known, *_) if (
            rebuild != function
        ):
            return _built(rebuild, known)
        case name, _ if name.startswith("_rebuild_") and function.path.startswith("torch."):
            return TensorView(unreadable=name.removeprefix("_rebuild_").replace("_", " "))
        case "_load_from_bytes", (bytes() as packed,):
            return Storage("", "", packed)
        case "encode", (str() as text, "latin1"):  # bytes, in protocols that have none
            return text.encode("latin1", "replace")
        case "dtype", (str() as name, *_) if function.path.startswith("numpy."):
            return Opaque("numpy.dtype", (name,))
        case "_reconstruct", (Name("numpy.ndarray"), *_):
            return PickledArray()
        case "_frombuffer", (bytes() | bytearray() as content, kind, tuple() as shape, order):
            made_array = PickledArray()
            _set_state(made_array, (1, shape, kind, order == "F", bytes(content)))
            return made_array
        case "scalar", (kind, bytes() as content) if function.path.startswith("numpy."):
            dtype = _numpy_dtype(kind)
            if dtype is not None and len(content) == dtype.itemsize:
                return np.frombuffer(content, dtype)[0].item()
            return Opaque(function.path)
        case "_reconstructor", (Name(path), *_):
            return Opaque(path)
        case _:
            return Opaque(function.path, arguments)


def _view(
    storage: Storage,
    offset: int,
    shape: tuple[Any, ...],
    stride: tuple[Any, ...],
    *,
    unreadable: bool,
) -> TensorView:
    numbers = (offset, *shape, *stride)
    if len(shape) != len(stride) or any(type(one) is not int or one < 0 for one in numbers):
        raise BrokenFileError("it has a tensor of an impossible shape")
    return TensorView(storage, offset, shape, stride, "conjugated or negated" if unreadable else "")


def _set_state(target: Any, state: Any) -> None:
    """Keep the state of an object or array; that of a dictionary or tensor is not needed."""
    match target, state:
        case Opaque(), _:
            target.state = state
        case PickledArray(), (_, tuple() as shape, kind, fortran, bytes() as content):
            if any(type(one) is not int or one < 0 for one in shape):
                raise BrokenFileError("it has an array of an impossible shape")
            target.shape, target.fortran, target.content = shape, bool(fortran), content
            target.dtype = _numpy_dtype(kind)
        case _:
            pass


def _numpy_dtype(known: Any) -> np.dtype | None:
    """The dtype if it is one of plain numbers; otherwise None."""
    match known:
        case Opaque("numpy.dtype", (str() as name,), state) if (
            name[:1] in "fiub" and name[1:].isdecimal() and int(name[1:]) in (1, 2, 4, 8)
        ):
            order = state[1] if isinstance(state, tuple) and len(state) > 1 else "="
            order = order if order in ("<", ">") else "="
            return np.dtype(f"{order}{name}") if name != "f1" else None
        case _:
            return None
