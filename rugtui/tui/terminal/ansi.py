"""Colours and attributes as a terminal is told them: SGR codes, taken apart and put together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

PLAIN = "\x1b[0m"


class Look(NamedTuple):
    """SGR codes by what they set; empty where that is as in plain text."""

    attributes: str
    ink: str
    paper: str


@lru_cache(maxsize=8192)
def parted(codes: str) -> Look:
    """Attributes, ink and paper of what sets them from plain; the later of two counts."""
    attributes, ink, paper = list[str](), "", ""
    for code in colours_whole(iter(codes.split(";") if codes else ())):
        value = int(code.split(";")[0] or 0)
        if 30 <= value <= 39 or 90 <= value <= 97:
            ink = code
        elif 40 <= value <= 49 or 100 <= value <= 107:
            paper = code
        else:
            attributes.append(code)
    return Look(";".join(attributes), ink, paper)


def colours_whole(numbers: Iterator[str]) -> Iterator[str]:
    """Codes one by one: those of 256 and of all colours are several numbers."""
    for number in numbers:
        if number in ("38", "48"):
            kind = next(numbers, "5")
            rest = [next(numbers, "0") for _ in range(3 if kind == "2" else 1)]
            yield ";".join((number, kind, *rest))
        else:
            yield number


@lru_cache(maxsize=8192)
def recoloured(before: str, after: str) -> str:
    """The shortest way from one look to another: what stays is not said again."""
    old, new = parted(before), parted(after)
    kept = old.attributes == new.attributes
    if kept and (new.ink or not old.ink) and (new.paper or not old.paper):
        changed = [code for code, was in zip(new[1:], old[1:], strict=True) if code != was]
        return f"\x1b[{';'.join(changed)}m" if changed else ""
    return f"\x1b[{';'.join(filter(None, ['0' if before else '', *new]))}m"


def erases_in_colour() -> bool:
    """Whether this terminal is known to erase in the colour that is set ("bce"), and cells by
    number."""
    try:
        import curses
    except ImportError:  # some builds of Python do without
        return False
    try:
        curses.setupterm()
    except curses.error:
        return False  # it is not known at all
    return curses.tigetflag("bce") == 1 and curses.tigetstr("ech") is not None
