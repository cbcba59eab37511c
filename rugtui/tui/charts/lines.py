"""Lines of styled text as strips of an exact width, and readouts of named values in such lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.palette import ASCII, RGB, Palette, ink

Piece = tuple[str, Style]
REVERSED = Style(reverse=True)


def line(pieces: Sequence[Piece], width: int) -> Strip:
    """Pieces of text, cut or filled to the width."""
    return Strip([Segment(text, style) for text, style in pieces if text]).adjust_cell_length(
        width, Style.null()
    )


def selected_line(pieces: Sequence[Piece], style: Style, width: int) -> Strip:
    """The same in one style and reversed, for the selected row."""
    return line([("".join(text for text, _ in pieces).ljust(width), style + REVERSED)], width)


def blank(width: int) -> Strip:
    """Empty cells. They have a style, because filters (NO_COLOR's) ask every segment for one."""
    return Strip([Segment(" " * width, Style.null())], width)


def papered(strip: Strip, paper: Color) -> Strip:
    """The strip with a background where it has none.

    Otherwise the terminal's would show, on which the theme's text may not be legible. Spaces and
    equal styles are merged with what precedes them: every change of style costs bytes.
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
    """Text wrapped to the width, in at most `most` lines; an ellipsis where it is cut."""
    if most == 0:
        return []
    parts = textwrap.wrap(text, max(width, 1), max_lines=most, placeholder=" …")
    return [line([(part, style)], width) for part in parts]


def sentences(text: str, style: Style, width: int, most: int) -> list[Strip]:
    """Text wrapped to the width; as many whole sentences as fit into `most` lines."""
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


SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Fact:
    """A named value in a readout; where there is no room, the highest rank is left out first."""

    rank: int
    name: str
    value: str
    colour: str | RGB = "text"
    """A colour of its own, or the palette's name of one."""

    @property
    def text(self) -> str:
        return f"{self.name} {self.value}".strip()


def facts_text(facts: Sequence[Fact]) -> str:
    return SEPARATOR.join(fact.text for fact in facts)


def facts_line(facts: Sequence[Fact], palette: Palette, width: int) -> Strip:
    """Names faint, values in their colours."""
    faint, pieces = palette.style("faint"), []
    for fact in facts:
        style = palette.style(fact.colour) if isinstance(fact.colour, str) else ink(fact.colour)
        pieces += [
            (SEPARATOR if pieces else "", faint),
            (f"{fact.name} " if fact.name else "", faint),
        ]
        pieces.append((cut(fact.value, width - len(fact.name) - 1, palette.glyphs == ASCII), style))
    return line(pieces, width)


def laid_out(facts: Sequence[Fact], width: int, lines: int) -> list[list[Fact]]:
    """The facts that fit into so many lines, in order; the first always fits."""
    kept: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: fact.rank):
        longer = [one for one in facts if one in kept or one is fact]
        if not kept or len(_broken(longer, width)) <= lines:
            kept = longer
    return _broken(kept, width)


def _broken(facts: Sequence[Fact], width: int) -> list[list[Fact]]:
    """Facts in lines of at most this width, each line as full as it gets."""
    lines: list[list[Fact]] = [[]]
    for fact in facts:
        if lines[-1] and len(facts_text([*lines[-1], fact])) > width:
            lines.append([])
        lines[-1].append(fact)
    return lines


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


def placeholder(frame: Frame, awaited: str) -> str:
    """`awaited` if it is still to come, otherwise a sentence that says why it is not."""
    return awaited if len(frame.history) else NOTHING_COMES.get(frame.phase, awaited)


def only_text(text: str, palette: Palette, width: int, height: int) -> list[Strip]:
    """A pane with this text and nothing else."""
    return fit(paragraph(text, palette.style("faint"), width, height), width, height)
