"""Terminals with less: no colours at all, or no characters but ASCII.

Both are filters over whatever any widget drew, Textual's own included, so that no corner is
forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color as Ink
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

APART = 0.3
"""Brightness between a background and the screen's from which on it is a mark, not a shade."""
FAINT = 0.55
"""Contrast of brightness below which text is meant to stand back."""


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


LIKE_IT = str.maketrans(
    {
        **dict.fromkeys("─━═▔▁┈╌▀▄⎯", "-"),
        **dict.fromkeys("│┃║▏▕▌▐┆╎▎▍▊▉▋", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("█▓▇▆▅", "#"),
        **dict.fromkeys("▒░▃▂", ":"),
        **dict.fromkeys("–—−‐‑", "-"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("≤‹←", "<"),
        **dict.fromkeys("≥›→", ">"),
        "≈": "~",
        "±": "~",
        "…": "~",
        "×": "x",
        "·": "-",
        "•": "*",
        "●": "o",
        "≡": "=",
        "◆": "@",
        "↑": "^",
        "↓": "v",
        "√": "V",
        "∞": "8",
        "²": "2",
        "³": "3",
        "½": "2",
        "ᵀ": "T",
        "α": "a",
        "β": "b",
        "μ": "m",
        "ν": "v",
        "σ": "s",
        "Σ": "S",
        "π": "p",
        "†": "+",
        "\N{NO-BREAK SPACE}": " ",
    }
)
"""Of the same width; what is not here becomes a question mark."""


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


CONSOLE = "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓≡·±×²³"
"""Beyond ASCII what fonts of Linux's own console have: of a few hundred characters none is braille,
a round corner or an eighth of a block."""
_CORNERS = str.maketrans("╭╮╰╯", "┌┐└┘")
_LIKE_ON_CONSOLE = {key: value for key, value in LIKE_IT.items() if chr(key) not in CONSOLE}


def on_console(text: str) -> str:
    """The text in as many cells, of characters that Linux's console has."""
    if text.isascii():
        return text
    text = text.translate(_CORNERS).translate(_LIKE_ON_CONSOLE)
    return "".join(one if one in CONSOLE else in_ascii(one) for one in text)


def in_ascii(text: str) -> str:
    """The text in as many ASCII characters as it takes cells.

    ± is two characters where a space beside it can be spared: ~ alone would be read as "about".
    """
    if text.isascii():
        return text
    text = text.replace("± ", "+-").replace(" ±", "+-").translate(LIKE_IT)
    return "".join(one if one.isascii() else "?" * cell_len(one) for one in text)
