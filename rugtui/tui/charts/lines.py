"""Lines of styled text as strips of an exact width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.palette import Palette

Piece = tuple[str, Style]
REVERSED = Style(reverse=True)


def line(pieces: Sequence[Piece], width: int) -> Strip:
    """Pieces of text, cut or filled to the width."""
    return Strip([Segment(text, style) for text, style in pieces if text]).adjust_cell_length(
        width, Style.null()
    )


def selected_line(pieces: Sequence[Piece], style: Style, width: int) -> Strip:
    """The same in reverse and in one style, as the row that a cursor is on."""
    return line([("".join(text for text, _ in pieces).ljust(width), style + REVERSED)], width)


def blank(width: int) -> Strip:
    """Empty cells. They have a style, because filters (NO_COLOR's) ask every segment for one."""
    return Strip([Segment(" " * width, Style.null())], width)


def papered(strip: Strip, paper: Color) -> Strip:
    """The strip with a background where it has none of its own.

    Without one a cell has the terminal's, which the theme's ink may not be legible on. Spaces and
    equal styles join what is before them: every change of style costs bytes.
    """
    papered: list[Segment] = []
    for segment in strip:
        text, style, _ = segment
        if style is not None and style.bgcolor is not None:
            papered.append(segment)  # the cells of a picture, thousands of them
            continue
        style = _on(paper, style or Style.null())
        if papered and _continues(papered[-1].style, style, text):
            papered[-1] = Segment(papered[-1].text + text, papered[-1].style)
        else:
            papered.append(Segment(text, style))
    return Strip(papered, strip.cell_length)


@lru_cache(maxsize=1024)
def _on(paper: Color, style: Style) -> Style:
    return style + Style(bgcolor=paper)


def _continues(before: Style | None, style: Style, text: str) -> bool:
    """Whether text of a style looks the same in the style before it."""
    if before is style or before is None:
        return before is style
    plain = not (before.reverse or style.reverse or before.underline or style.underline)
    return plain and text.isspace() and before.bgcolor == style.bgcolor


def paragraph(text: str, style: Style, width: int, most: int | None = None) -> list[Strip]:
    """Text wrapped to the width; of more than `most` lines the first, and that there is more."""
    parts = (
        [] if most == 0 else textwrap.wrap(text, max(width, 1), max_lines=most, placeholder=" …")
    )
    return [line([(part, style)], width) for part in parts]


def sentences(text: str, style: Style, width: int, most: int) -> list[Strip]:
    """Text wrapped to the width; where it has more than `most` lines, the first whole sentences."""
    ends = [at + 1 for at in range(len(text)) if text.startswith(". ", at)]
    for end in reversed(ends):
        whole = paragraph(text, style, width)
        if len(whole) <= most:
            return whole
        text = f"{text[:end]} …"
    return paragraph(text, style, width, most)


def cut(text: str, width: int, ascii_only: bool) -> str:
    """Text in at most `width` cells, with an ellipsis if it is cut."""
    if len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + ("~" if ascii_only else "…")


def fit(strips: Sequence[Strip], width: int, height: int) -> list[Strip]:
    """Exactly `height` strips: the first ones, then empty ones."""
    return [*strips[:height], *[blank(width)] * (height - len(strips))]


NOTHING_COMES = {
    "failed": "Training stopped before its first result.",
    "paused": "Paused before the first result.",
    "done": "The run ended before its first result.",
    "finished": "The run ended before its first result.",
    "crashed": "The process that trained this run ended before it saved a result.",
    "gone": "The folder of the run was deleted before its first result.",
    "damaged": "No result of this run can be read.",
}
"""By phase, why something does not appear by itself."""


def instead(frame: Frame, awaited: str) -> str:
    """`awaited` if it is still to come, otherwise a sentence that says why it is not."""
    return awaited if len(frame.history) else NOTHING_COMES.get(frame.phase, awaited)


def said_alone(text: str, palette: Palette, width: int, height: int) -> list[Strip]:
    """A pane that says nothing else."""
    return fit(paragraph(text, palette.style("faint"), width, height), width, height)
