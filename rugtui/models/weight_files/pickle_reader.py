"""What a pickle of tensors would build, found without running anything.

A pickle is a program for a machine with a stack, which may call any function by its name. Here the
program is followed over text, numbers, lists, dictionaries and descriptions of tensors alone:
nothing is called. A program that names anything else needs code to tell what it means.
"""

from __future__ import annotations

import io
import pickletools
from typing import Any

from rugtui.models.weight_files.described import Opaque, Storage, built, fill, name, storage

OPERATIONS_MOST = 1_000_000
"""A tensor takes some 30, a number one."""
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
PLAIN = (
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINBYTES",
    "SHORT_BINBYTES",
)
"""Operations that put their own argument on the stack."""


def follow(program: io.BytesIO, storages: dict[str, Storage] | None = None) -> Any:
    """What one pickle would build; the file then stands behind it.

    Dictionaries have text as keys, others are left out; `storages` gets all that occur. Raises
    NeedsCodeError, and ValueError, LookupError, TypeError or AttributeError for a program that
    torch.save did not write.
    """
    stack: list[Any] = []
    below: list[list[Any]] = []
    memo: dict[int, Any] = {}
    for count, (operation, argument, _) in enumerate(pickletools.genops(program)):
        if count > OPERATIONS_MOST:
            raise ValueError(f"its pickle has more than {OPERATIONS_MOST:,} operations")
        match code := operation.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case "MARK":
                below.append(stack)
                stack = []
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_SET":
                stack.append(Opaque())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                size = int(code[-1])
                stack[-size:] = [tuple(stack[-size:])]
            case "TUPLE" | "APPENDS" | "SETITEMS" | "ADDITEMS":
                items, stack = stack, below.pop()
                if code == "TUPLE":
                    stack.append(tuple(items))
                else:
                    fill(stack[-1], items)
            case "APPEND":
                fill(stack[-2], [stack.pop()])
            case "SETITEM":
                items = [stack.pop(-2), stack.pop()]
                fill(stack[-1], items)
            case "BINPUT" | "LONG_BINPUT":
                memo[int(argument or 0)] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[int(argument or 0)])
            case "GLOBAL":
                stack.append(name(*str(argument).split(" ")))
            case "STACK_GLOBAL":
                stack.append(name(stack.pop(-2), stack.pop()))
            case "REDUCE" | "NEWOBJ":
                arguments = stack.pop()
                stack.append(built(stack.pop(), arguments))
            case "BUILD":  # attributes of a dictionary or a tensor
                stack.pop()
            case "BINPERSID":
                one = storage(stack.pop())
                stack.append(one)
                if storages is not None:
                    storages[one.key] = one
            case _ if code in CONSTANTS:
                stack.append(CONSTANTS[code])
            case _ if code in PLAIN:
                stack.append(argument)
            case _:
                raise ValueError(
                    f"its pickle has an operation that torch.save does not use: {code}"
                )
    raise ValueError("its pickle has no end")
