"""Lines of styled text as strips of an exact width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Piece = tuple[str, Style]


def line(pieces: Sequence[Piece], width: int) -> Strip:
    """Pieces of text, cut or filled to the width."""
    return Strip([Segment(text, style) for text, style in pieces if text]).adjust_cell_length(
        width, Style.null()
    )


def blank(width: int) -> Strip:
    """Empty cells. They have a style, because filters (NO_COLOR's) ask every segment for one."""
    return Strip([Segment(" " * width, Style.null())], width)


def paragraph(text: str, style: Style, width: int) -> list[Strip]:
    """Text wrapped to the width."""
    return [line([(part, style)], width) for part in textwrap.wrap(text, max(width, 1))]


def fit(strips: Sequence[Strip], width: int, height: int) -> list[Strip]:
    """Exactly `height` strips: the first ones, then empty ones."""
    return [*strips[:height], *[blank(width)] * (height - len(strips))]
