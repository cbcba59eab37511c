"""Terminals with less: no colours at all, or no characters but ASCII; and none that is harmed.

All are filters over whatever any widget drew, Textual's own included, so that no corner is
forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rich.color import Color as Ink
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

APART = 0.3
"""Brightness between a background and the screen's from which on it is a mark, not a shade."""
FAINT = 0.55
"""Contrast of brightness below which text is meant to stand back."""


class Harmless(LineFilter):
    """Nothing that a terminal would obey, such as the escape sequences in a file's name. What is
    left out takes no cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(text.isprintable() for text, _, _ in segments):
            return segments
        return [
            Segment(text if control else "".join(filter(str.isprintable, text)), style, control)
            for text, style, control in segments
        ]


class Uncoloured(LineFilter):
    """Attributes for colours: what stands out is reversed, what stands back is dim."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style and _uncoloured(style, background), control)
            for text, style, control in segments
        ]


@lru_cache(maxsize=4096)
def _uncoloured(style: Style, background: Color) -> Style:
    screen = background.brightness
    ink, paper = _brightness(style.color, 1 - screen), _brightness(style.bgcolor, screen)
    if style.reverse:
        ink, paper = paper, ink
    marked, faint = abs(paper - screen) > APART, abs(ink - paper) < FAINT
    kept = style.without_color + Style.from_meta(style.meta)  # what a click on it means
    return kept + Style(reverse=marked, dim=faint and not marked)


def _brightness(colour: Ink | None, default: float) -> float:
    if colour is None or colour.is_default:
        return default
    return Color.from_rich_color(colour).brightness


class Respelled(LineFilter):
    """Text in other characters, one for one."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        super().__init__()
        self._spell = spell

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text if control else self._spell(text), style, control)
            for text, style, control in segments
        ]
