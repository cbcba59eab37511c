"""A map over (r, p): a coloured cell for each pair, with r upwards and p to the right."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int8
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.models.base import block_edges
from rugtui.reports.figure import ColourRange, MapPanel
from rugtui.tui.charts.lines import Piece, fit, line
from rugtui.tui.charts.palette import (
    BLANK,
    CURSOR,
    HALF_LEVELS,
    MISSING,
    Palette,
    ink,
    map_palette,
    rising_palette,
)
from rugtui.tui.heatmap.heatmap import heatmap, outline, pixel_rows_per_line

GUTTER = 7
"""Columns for r on the left."""
ROOMY = 12
"""Rows from which one names the axes."""
LEAST = GUTTER + 8, 5
SHORT = GUTTER - 1
"""Maximum characters of a number."""


def levels_of(values: Float[np.ndarray, "r p"], span: ColourRange) -> Int8[np.ndarray, "r p"]:
    """From −HALF_LEVELS to HALF_LEVELS along the span; BLANK without a value."""
    known = np.isfinite(values)
    safe = np.where(known, values, span.low)
    ends = np.array([span.low, span.high])
    if span.log:
        safe, ends = np.log(safe), np.log(ends)
    share = (safe - ends[0]) / (ends[1] - ends[0])
    levels = np.rint((2 * np.clip(share, 0, 1) - 1) * HALF_LEVELS)
    return np.where(known, levels, BLANK).astype(np.int8)


@dataclass(frozen=True, slots=True)
class MapLayout:
    """The visible cells of a map, and the pixels where each begins. Cells fill the pane, so their
    sizes may differ by a pixel."""

    top: int
    left: int
    down: tuple[int, ...]
    """First pixel of each row of cells, from the greatest r on, and the end of the last row."""
    across: tuple[int, ...]

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        width: int,
        height: int,
        palette: Palette,
        cursor: tuple[int, int] | None = None,
    ) -> MapLayout:
        """All cells, as large as possible; if there are too many, those around the cursor."""
        tall = max((height - foot(height)) * pixel_rows_per_line(palette), 1)
        wide = max(width - GUTTER, 1)
        rows, columns = min(shape[0], tall), min(shape[1], wide)
        i, k = cursor or (0, 0)
        return cls(
            top=min(max(i - rows // 2, 0), shape[0] - rows),
            left=min(max(k - columns // 2, 0), shape[1] - columns),
            down=tuple(block_edges(0, tall, rows).tolist()),
            across=tuple(block_edges(0, wide, columns).tolist()),
        )

    @property
    def rows(self) -> int:
        return len(self.down) - 1

    @property
    def columns(self) -> int:
        return len(self.across) - 1

    def at(self, row: int, column: int, palette: Palette) -> tuple[int, int] | None:
        """The cell (i of r, k of p) at a position of the pane."""
        y, x = row * pixel_rows_per_line(palette), column - GUTTER
        if not (0 <= y < self.down[-1] and 0 <= x < self.across[-1]):
            return None
        i = self.rows - bisect_right(self.down, y)
        return self.top + i, self.left + bisect_right(self.across, x) - 1

    def middle(self, i: int, k: int, palette: Palette) -> tuple[int, int] | None:
        """The position in the middle of a cell; None if it is not shown, or shares all its
        characters with other cells."""
        row, column = self.rows - 1 - (i - self.top), k - self.left
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        (begin, end), (left, right) = self.down[row : row + 2], self.across[column : column + 2]
        tall = pixel_rows_per_line(palette)
        y = (begin + end - tall) // 2 // tall
        y += y * tall < begin
        if (y + 1) * tall > end:
            return None
        return y, GUTTER + (left + right - 1) // 2


def foot(height: int) -> int:
    """Rows below the cells: p, the names of the axes if there is room, and the colour scale."""
    return 3 if height >= ROOMY else 2


def map_strips(
    seen: MapPanel,
    cursor: tuple[int, int] | None,
    palette: Palette,
    width: int,
    height: int,
    marks: Mapping[tuple[int, int], Piece] | None = None,
) -> list[Strip]:
    """Exactly `height` strips of `width` cells; `marks` are characters in the middle of cells."""
    faint = palette.style("faint")
    if not seen.values.size or width < LEAST[0] or height < LEAST[1]:
        return fit([line([("There is nothing to map yet.", faint)], width)], width, height)
    span = ColourRange.of(seen)
    own = rising_palette(palette) if seen.middle is None else map_palette(palette)
    room = MapLayout.of(seen.values.shape, width, height, palette, cursor)
    picture = heatmap(_pixels(seen, span, room, cursor, own), own)
    labels = _labels(seen, room, len(picture), palette)
    strips = [
        Strip([*line([(label.rjust(GUTTER - 1) + " ", faint)], GUTTER), *strip]).adjust_cell_length(
            width
        )
        for label, strip in zip(labels, picture, strict=True)
    ]
    for cell, mark in (marks or {}).items():
        place = room.middle(*cell, palette) if cell != cursor else None
        if place is not None and place[0] < len(strips):
            strips[place[0]] = _marked(strips[place[0]], place[1], *mark)
    is_roomy = foot(height) == 3
    strips.append(line([(_p_labels(seen, room, width, "" if is_roomy else "p"), faint)], width))
    if is_roomy:
        strips.append(line([(f"{'r':>{GUTTER - 1}} against p".ljust(width), faint)], width))
    body = fit(strips, width, height - 1)
    return [*body, _legend(seen, span, own, width)]


def _pixels(
    seen: MapPanel,
    span: ColourRange,
    room: MapLayout,
    cursor: tuple[int, int] | None,
    palette: Palette,
) -> Int8[np.ndarray, "h w"]:
    """The levels of the visible cells; those without a value are hatched."""
    rows = slice(room.top, room.top + room.rows)
    columns = slice(room.left, room.left + room.columns)
    levels = levels_of(seen.values[rows, columns], span)[::-1]
    pixels = levels.repeat(np.diff(room.down), 0).repeat(np.diff(room.across), 1)
    ruled = pixels[:: pixel_rows_per_line(palette)]
    ruled[ruled == BLANK] = MISSING
    if cursor is not None:
        i, k = room.rows - 1 - (cursor[0] - room.top), cursor[1] - room.left
        (y0, y1), (x0, x1) = room.down[i : i + 2], room.across[k : k + 2]
        if palette.glyphs is None:
            outline(pixels, (y0, y1), (x0, x1))
        else:
            pixels[_inner(y0, y1), _inner(x0, x1)] = CURSOR
    return pixels


def _marked(strip: Strip, column: int, character: str, style: Style) -> Strip:
    """The strip with a character on the colour of a cell."""
    before, there, after = strip.divide([column, column + 1, strip.cell_length])
    under = next(iter(there)).style or Style.null()
    return Strip.join([before, Strip([Segment(character, under + style)]), after])


def _inner(begin: int, end: int) -> slice:
    margin = (end - begin - 1) // 3
    return slice(begin + margin, end - margin)


def _labels(seen: MapPanel, room: MapLayout, strips: int, palette: Palette) -> list[str]:
    """r beside the rows of cells, as many as fit."""
    labels = [""] * strips
    per_strip = pixel_rows_per_line(palette)
    free = strips
    for i in range(room.rows):
        begin, end = room.down[room.rows - 1 - i : room.rows + 1 - i]
        place = min((begin + end - 1) // 2 // per_strip, strips - 1)
        if place < free - (1 if i and room.rows > strips / 2 else 0):
            labels[place], free = short(float(seen.r[room.top + i])), place
    return labels


def _p_labels(seen: MapPanel, room: MapLayout, width: int, name: str) -> str:
    """p below the columns, as many as fit."""
    text, end = f"{name:>{GUTTER - 1}} ", GUTTER - 1
    for k in range(room.columns):
        label = short(float(seen.p[room.left + k]))
        first, last = room.across[k : k + 2]
        begin = GUTTER + first + max((last - first - len(label)) // 2, 0)
        if begin > end and begin + len(label) <= width:
            text = text.ljust(begin) + label
            end = begin + len(label) + 1
    return text


def _legend(seen: MapPanel, span: ColourRange, palette: Palette, width: int) -> Strip:
    """The colour scale, as detailed as it fits."""
    faint, text = palette.style("faint"), palette.style("text")
    if not np.isfinite(seen.values).any():
        return line([(f"{seen.label}  ", text), ("no values yet", faint)], width)
    low = ("under " if span.below else "") + short(span.low)
    high = ("over " if span.above else "") + short(span.high)
    middle = "" if seen.middle is None else f" {short(seen.middle)} "
    missing = [] if np.isfinite(seen.values).all() else _missing(palette)
    for label, step, scale, rest in (
        (seen.label, 1, " (log)" * span.log, missing),
        (seen.label, 1, "", missing),
        (seen.title, 1, "", missing),
        (seen.title, 2, "", missing),
        (seen.title, 2, "", []),
        ("", 2, "", []),
    ):
        lower, upper = (
            _ramp(palette, levels)
            for levels in (
                range(-HALF_LEVELS, 1 if not middle else 0, step),
                range(HALF_LEVELS, 0, -step),
            )
        )
        pieces: list[Piece] = [
            (f"{label}  " if label else "", text),
            (f"{low} ", faint),
            *lower,
            *(_ramp(palette, range(1)) if middle else []),
            (middle, faint),
            *reversed(upper),
            (f" {high}{scale}", faint),
            *rest,
        ]
        if sum(len(piece) for piece, _ in pieces) <= width:
            break
    return line(pieces, width)


def _missing(palette: Palette) -> list[Piece]:
    """The legend for cells without a value."""
    faint = palette.style("faint")
    look = ("▀▀", palette.style("grid")) if palette.glyphs is None else ("??", faint)
    return [("   ", faint), look, (" not computed", faint)]


def _ramp(palette: Palette, levels: range) -> list[Piece]:
    if palette.glyphs is None:
        return [("█", ink(palette.level(level))) for level in levels]
    return [(palette.glyphs.level(level), palette.style("text")) for level in levels]


def short(value: float) -> str:
    """Two or three digits in at most six characters: 0.05, 0.0078, 1.2e-5, 12k."""
    if not math.isfinite(value):
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
        return text if len(text) <= SHORT else f"{value:.{SHORT - 2 - (value < 0)}f}"
    text = numbers.short_exponent(f"{value:.1e}")
    return text if len(text) <= SHORT else numbers.short_exponent(f"{value:.0e}")
