"""Line filters: for terminals with fewer colours or characters, and against control characters.

They apply to everything that any widget draws, Textual's own included.
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
"""Difference in brightness from the screen's background from which on a background is a mark."""
FAINT = 0.55
"""Difference in brightness from its background below which text is shown dim."""


class WithoutControl(LineFilter):
    """Removes control characters, such as escape sequences in a file's name; they take no cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(text.isprintable() for text, _, _ in segments):
            return segments
        return [
            Segment(text if control else "".join(filter(str.isprintable, text)), style, control)
            for text, style, control in segments
        ]


class Uncoloured(LineFilter):
    """Replaces colours by attributes: a marked background is reversed, faint text is dim."""

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
    kept = style.without_color + Style.from_meta(style.meta)  # which has the actions of clicks
    return kept + Style(reverse=marked, dim=faint and not marked)


def _brightness(colour: Ink | None, default: float) -> float:
    if colour is None or colour.is_default:
        return default
    return Color.from_rich_color(colour).brightness


class Respelled(LineFilter):
    """Replaces characters by others, one for one."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        super().__init__()
        self._spell = spell

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text if control else self._spell(text), style, control)
            for text, style, control in segments
        ]
