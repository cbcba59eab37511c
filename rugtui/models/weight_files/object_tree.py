"""Finds arrays by dotted name in the content of a pickle: dictionaries, lists, modules, objects."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rugtui.models.weight_files.archive import BrokenFileError
from rugtui.models.weight_files.pickle_reader import (
    NOT_TEXT,
    Name,
    Opaque,
    PickledArray,
    TensorView,
)

NAMES_MOST, NAME_MOST, FACTS_MOST = 20_000, 200, 5_000
OF_MODULES = ("_parameters", "_buffers", "_modules")
"""The attributes of torch.nn.Module that its state_dict contains."""

MODEL = re.compile("(?i)model|net|module|state|weights|sae|autoencoder")


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
                if len(inner) < NAME_MOST:
                    left.append((inner, name, value, access + step))
        elif name and len(found.facts) < FACTS_MOST:
            found.facts.setdefault(name, one.path if isinstance(one, Name) else one)
        if len(left) + len(found.arrays) > NAMES_MOST:
            raise BrokenFileError(f"there are more than {NAMES_MOST:,} names in it")
    models = [access for access in hidden if MODEL.search(access)]
    found.hidden = next(iter(models or hidden), "")
    return found


def _children(one: Any) -> Iterator[tuple[str, Any, str]]:
    """(name, value, Python that leads there) for each part of a container."""
    if isinstance(one, dict):
        for key, value in one.items():
            if _worth(value):
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
            elif _worth(value):
                yield key, value, f".{key}"


def _worth(value: Any) -> bool:
    kinds = TensorView | PickledArray | dict | list | tuple | Opaque | Name | str | int | float
    return isinstance(value, kinds) and value is not True and value is not False


def _key_of(key: str) -> tuple[str, str]:
    """The name of a key, and its Python."""
    if key.startswith(NOT_TEXT):
        return key[1:], key[1:]
    return key, repr(key)
