"""On which line a TOML file says what: tomllib tells values, but not their places."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

Place = tuple[str, ...]
"""A table, or a table and a name in it."""


def statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement: its first line, its text and what it says by itself.

    A statement ends with the first line at which it can be parsed; one that nothing ends is left
    out.
    """
    begun: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        begun.append(line)
        piece = "\n".join(begun)
        try:
            said = tomllib.loads(piece)
        except (ValueError, RecursionError):
            continue
        yield number - len(begun) + 1, piece, said
        begun.clear()


def places(text: str) -> dict[Place, int]:
    """The line of each table's and each name's first mention, in a text that is TOML."""
    found: dict[Place, int] = {}
    table: Place = ()
    for line, piece, said in statements(text):
        if piece.lstrip().startswith("["):
            table = _first(said)
            found.setdefault(table, line)
            continue
        for name, value in said.items():
            place = (*table, name)
            found.setdefault(place, line)
            if not table and isinstance(value, dict):  # table.name = …, or table = {name = …}
                for inner in value:
                    found.setdefault((name, inner), line)
    return found


def complete(text: str, before: int | None = None) -> tuple[str, int]:
    """The whole statements at the beginning, up to a line, and the line on which they end."""
    lines = text.split("\n")
    ends = [0]
    for line, piece, _ in statements("\n".join(lines[: before and before - 1])):
        ends.append(line + piece.count("\n"))
    good = "\n".join(lines[: ends[-1]])
    try:
        tomllib.loads(good)
    except (ValueError, RecursionError):  # the last is right by itself, but not after the others
        return "\n".join(lines[: ends[-2]]), ends[-2] + 1
    return good, ends[-1] + 1


def _first(said: dict[str, Any]) -> Place:
    """The name of the table that a header alone opens, and of the one in it, if any."""
    place: list[str] = []
    inner: Any = said
    while isinstance(inner, dict) and inner:
        name, inner = next(iter(inner.items()))
        place.append(name)
    return tuple(place)
