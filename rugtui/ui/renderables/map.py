"""A map over (r, p): a cell of colour for each pair, r upwards and p to the right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int8
from textual.strip import Strip

from rugtui.figures.plate import Map
from rugtui.ui.renderables.heatmap import heatmap, rows_a_strip
from rugtui.ui.renderables.lines import Piece, fit, line
from rugtui.ui.renderables.palette import (
    BLANK,
    CURSOR,
    HALF_LEVELS,
    Palette,
    ink,
    rising_palette,
)

GUTTER, FOOT = 7, 3
"""Columns for r on the left; rows for p, for what p is, and for the colours below."""
LEAST = GUTTER + 8, FOOT + 3


@dataclass(frozen=True, slots=True)
class Colouring:
    """From values to levels −HALF_LEVELS … HALF_LEVELS: `low` and `high` are at the two ends."""

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, seen: Map) -> Colouring:
        """Colours part at the middle where there is one, or else span the values."""
        known = seen.values[np.isfinite(seen.values)]
        log = seen.log and bool((known > 0).all()) and known.size > 0
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        if seen.middle is not None and log:
            reach = max(high / seen.middle, seen.middle / low, 1.01)
            return cls(seen.middle / reach, seen.middle * reach, True)
        if seen.middle is not None:
            reach = max(high - seen.middle, seen.middle - low, 1e-12)
            return cls(seen.middle - reach, seen.middle + reach, False)
        return cls(low, high if high > low else low + (abs(low) or 1.0), log)

    def levels(self, values: Float[np.ndarray, "r p"]) -> Int8[np.ndarray, "r p"]:
        """BLANK where there is no value."""
        known = np.isfinite(values)
        safe = np.where(known, values, self.low)
        ends = np.array([self.low, self.high])
        if self.log:
            safe, ends = np.log(safe), np.log(ends)
        share = (safe - ends[0]) / (ends[1] - ends[0])
        levels = np.rint((2 * np.clip(share, 0, 1) - 1) * HALF_LEVELS)
        return np.where(known, levels, BLANK).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Room:
    """Which cells of a map have room, and how many pixels each is wide and high."""

    top: int
    left: int
    rows: int
    columns: int
    wide: int
    tall: int

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        width: int,
        height: int,
        palette: Palette,
        cursor: tuple[int, int] | None = None,
    ) -> Room:
        """All cells as large as can be; where there are too many, those around the cursor."""
        tall = max((height - FOOT) * rows_a_strip(palette), 1)
        wide = max(width - GUTTER, 1)
        rows, columns = min(shape[0], tall), min(shape[1], wide)
        i, k = cursor or (0, 0)
        return cls(
            top=min(max(i - rows // 2, 0), shape[0] - rows),
            left=min(max(k - columns // 2, 0), shape[1] - columns),
            rows=rows,
            columns=columns,
            wide=max(wide // max(columns, 1), 1),
            tall=max(tall // max(rows, 1), 1),
        )

    def at(self, row: int, column: int, palette: Palette) -> tuple[int, int] | None:
        """The cell (i of r, k of p) that a place of the pane shows."""
        i = self.rows - 1 - row * rows_a_strip(palette) // self.tall
        k = (column - GUTTER) // self.wide
        inside = 0 <= i < self.rows and 0 <= k < self.columns
        return (self.top + i, self.left + k) if inside else None


def map_strips(
    seen: Map, cursor: tuple[int, int] | None, palette: Palette, width: int, height: int
) -> list[Strip]:
    """Exactly `height` strips of `width` cells."""
    faint = palette.style("faint")
    if not seen.values.size or width < LEAST[0] or height < LEAST[1]:
        return fit([line([("nothing to map yet", faint)], width)], width, height)
    colouring = Colouring.of(seen)
    own = palette if seen.middle is not None else rising_palette(palette)
    room = Room.of(seen.values.shape, width, height, palette, cursor)
    picture = heatmap(_pixels(seen, colouring, room, cursor, palette), own)
    labels = _labels(seen, room, len(picture), palette)
    strips = [
        Strip([*line([(label.rjust(GUTTER - 1) + " ", faint)], GUTTER), *strip]).adjust_cell_length(
            width
        )
        for label, strip in zip(labels, picture, strict=True)
    ]
    strips.append(line([(_p_labels(seen, room, width), faint)], width))
    strips.append(line([(f"{'r':>{GUTTER - 1}} against p →".ljust(width), faint)], width))
    body = fit(strips, width, height - 1)
    return [*body, _legend(seen, colouring, own, width)]


def _pixels(
    seen: Map,
    colouring: Colouring,
    room: Room,
    cursor: tuple[int, int] | None,
    palette: Palette,
) -> Int8[np.ndarray, "h w"]:
    rows = slice(room.top, room.top + room.rows)
    columns = slice(room.left, room.left + room.columns)
    levels = colouring.levels(seen.values[rows, columns])[::-1]
    pixels = levels.repeat(room.tall, 0).repeat(room.wide, 1)
    if cursor is not None:
        i, k = room.rows - 1 - (cursor[0] - room.top), cursor[1] - room.left
        y, x = i * room.tall, k * room.wide
        # Where cells are large the cursor is their middle, so that their colour still shows.
        down, across = (room.tall - 1) // 3, (room.wide - 1) // 3
        pixels[y + down : y + room.tall - down, x + across : x + room.wide - across] = CURSOR
    return pixels


def _labels(seen: Map, room: Room, strips: int, palette: Palette) -> list[str]:
    """r beside the rows of cells, as many as there are lines."""
    labels = [""] * strips
    per_strip = rows_a_strip(palette)
    free = strips
    for i in range(room.rows):
        middle = (room.rows - 1 - i) * room.tall + (room.tall - 1) / 2
        place = min(int(middle / per_strip), strips - 1)
        if place < free - (1 if i and room.rows > strips / 2 else 0):
            labels[place], free = short(float(seen.r[room.top + i])), place
    return labels


def _p_labels(seen: Map, room: Room, width: int) -> str:
    """p below the columns, as many as do not run together."""
    text, end = " " * GUTTER, GUTTER - 1
    for k in range(room.columns):
        label = short(float(seen.p[room.left + k]))
        begin = GUTTER + k * room.wide + max((room.wide - len(label)) // 2, 0)
        if begin > end and begin + len(label) <= width:
            text = text.ljust(begin) + label
            end = begin + len(label) + 1
    return text


def _legend(seen: Map, colouring: Colouring, palette: Palette, width: int) -> Strip:
    """What the colours stand for."""
    faint, text = palette.style("faint"), palette.style("text")
    shown = range(-HALF_LEVELS, HALF_LEVELS + 1)
    ramp: list[Piece]
    if palette.glyphs is None:
        ramp = [("█", ink(palette.level(level))) for level in shown]
    else:
        ramp = [("".join(palette.glyphs.level(level) for level in shown), text)]
    middle = "" if seen.middle is None else f"  {short(seen.middle)} in the middle"
    scale = " (log)" if colouring.log else ""
    pieces: list[Piece] = [
        (f"{seen.label}  ", text),
        (f"{short(colouring.low)} ", faint),
        *ramp,
        (f" {short(colouring.high)}{scale}{middle}", faint),
    ]
    return line(pieces, width)


def short(value: float) -> str:
    """Two or three digits, in at most six characters where that can be: 0.05, 1.2e-5, 12k."""
    if not math.isfinite(value):
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
