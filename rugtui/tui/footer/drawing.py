"""The line of keys that work now: as many as have room, the last ones always."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from textual.strip import Strip

from rugtui.tui.charts.lines import Piece, line

LAST = 2
"""Keys at the end that stay where there is no room for all: help, and the way out."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A key as the line shows it, its word, and the key to press for it."""

    shown: str
    word: str
    key: str

    @property
    def width(self) -> int:
        """With the space that parts it from the next."""
        return len(self.shown) + len(self.word) + 2


def fitting(hints: Sequence[Hint], width: int, stay: int = LAST) -> list[Hint]:
    """The hints that have room, in order: first come, but the last ones, that stay, before all."""
    last = list(hints[-stay:])
    room = width - sum(hint.width for hint in last)
    first: list[Hint] = []
    for hint in hints[:-stay]:
        room -= hint.width
        if room < 0:
            break
        first.append(hint)
    return first + last


def key_bar(
    hints: Sequence[Hint], keys: Style, words: Style, width: int, stay: int = LAST
) -> Strip:
    """One strip of `width` cells."""
    pieces: list[Piece] = []
    for hint in fitting(hints, width, stay):
        pieces += [(hint.shown, keys), (f" {hint.word} ", words)]
    used = sum(len(text) for text, _ in pieces)
    return line([*pieces, (" " * (width - used), words)], width)


def hint_at(hints: Sequence[Hint], x: int, width: int, stay: int = LAST) -> Hint | None:
    """The hint whose cells hold column x."""
    for hint in fitting(hints, width, stay):
        if x < hint.width:
            return hint
        x -= hint.width
    return None
