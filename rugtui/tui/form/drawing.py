"""A form drawn: a line for each setting, with its draft and the beginning of what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rich.style import Style
from textual.strip import Strip

from rugtui.tui.charts.lines import Piece, line

Tone = Literal["said", "changed", "wrong"]
STYLES = "name", "value", "choice", "said", "changed", "wrong"
MARKS: dict[Tone, str] = {"said": "  ", "changed": "* ", "wrong": "! "}
"""For those who do not see the tones' colours."""
NAME, VALUE = 14, 20
WIDE = 58
"""Columns from which a line has room for what is said."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as a form shows it."""

    name: str
    text: str
    said: str
    """What is wrong, what was before, or else what the setting is."""
    tone: Tone = "said"
    choices: tuple[str, ...] = ()
    whole: str = ""
    """All that is to be said where there is room for it, if that is more."""


def value_cells(width: int) -> tuple[int, int]:
    """First column of the drafts, and how many they have: all that is left in a narrow form."""
    first = len(MARKS["said"]) + NAME
    return first, VALUE if width >= WIDE else max(width - first, 1)


def form_row(
    row: Row, at_work: bool, style: Callable[[str], Style], width: int, ascii_only: bool
) -> Strip:
    """One line of `width` cells; `style` has STYLES by name.

    A row at work shows where its draft is one of several.
    """
    _, room = value_cells(width)
    tone = style(row.tone)
    pieces: list[Piece] = [
        (MARKS[row.tone], tone),
        (row.name.ljust(NAME), style("name")),
    ]
    if row.choices and at_work:
        left, right = "<>" if ascii_only else "‹›"
        chosen = f"{left} {row.text} {right}"
        pieces += [(chosen[:room], style("choice")), (" " * (room - len(chosen)), style("value"))]
    else:
        pieces.append((cut(row.text, room - 1, ascii_only).ljust(room), style("value")))
    if width >= WIDE:
        rest = width - sum(len(text) for text, _ in pieces)
        pieces.append((cut(row.said, rest, ascii_only).ljust(rest), tone))
    return line(pieces, width)


def cut(text: str, width: int, ascii_only: bool) -> str:
    """Text in so many cells; where it is cut short, it says so."""
    if len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + ("~" if ascii_only else "…")
