"""Levels as characters: two per cell as coloured half blocks, or one per cell as a glyph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Int8
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.tui.charts.palette import BLANK, CURSOR, DIAGONAL, HALF_LEVELS, Palette, ink

UPPER_HALF, LOWER_HALF = "▀", "▄"
COUNT = HALF_LEVELS + BLANK + 1
"""Levels −HALF_LEVELS … BLANK."""


def resampled(
    levels: Int8[np.ndarray, "h w"], tall: int, wide: int
) -> Int8[np.ndarray, "tall wide"]:
    """The levels repeated in both directions, as evenly as whole pixels allow, in a new array."""
    rows = np.arange(tall) * levels.shape[0] // tall
    columns = np.arange(wide) * levels.shape[1] // wide
    return levels[rows[:, None], columns]


def heatmap(levels: Int8[np.ndarray, "height width"], palette: Palette) -> list[Strip]:
    """Levels as strips, with equal neighbours merged into runs: ⌈height / 2⌉ strips in colours,
    `height` with a palette of glyphs."""
    if palette.glyphs is not None:
        return [_lettered(row, palette) for row in levels]
    if levels.shape[0] % 2:
        levels = np.vstack([levels, np.full_like(levels[:1], BLANK)])
    upper, lower = levels[0::2].astype(np.int16), levels[1::2].astype(np.int16)
    pairs = (upper + HALF_LEVELS) * COUNT + lower + HALF_LEVELS
    cells = pair_cells(palette)
    return [_merged(row, cells) for row in pairs]


def outline(
    canvas: Int8[np.ndarray, "h w"], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Draw an outline around rows and columns first … last − 1, in two colours so that it is
    visible on any."""
    (y0, y1), (x0, x1) = rows, columns
    edge = [(k, m) for k in range(y0 - 1, y1 + 1) for m in (x0 - 1, x1)]
    edge += [(k, m) for k in (y0 - 1, y1) for m in range(x0, x1)]
    for k, m in edge:
        if 0 <= k < canvas.shape[0] and 0 <= m < canvas.shape[1]:
            corner = k in (y0 - 1, y1) and m in (x0 - 1, x1)
            canvas[k, m] = DIAGONAL if corner else CURSOR


def pixel_rows_per_line(palette: Palette) -> int:
    """Rows of levels per strip of `heatmap`."""
    return 2 if palette.glyphs is None else 1


@lru_cache(maxsize=8)
def pair_cells(palette: Palette) -> Sequence[tuple[str, Style]]:
    """Character and style of every (upper, lower) pair of levels, at upper · COUNT + lower."""
    colours = [palette.level(level) for level in range(-HALF_LEVELS, BLANK)]
    cells: list[tuple[str, Style]] = []
    for upper in colours:
        cells += [(UPPER_HALF, ink(upper, False, lower)) for lower in colours]
        cells.append((UPPER_HALF, ink(upper)))
    cells += [(LOWER_HALF, ink(lower)) for lower in colours]
    cells.append((" ", Style.null()))
    return cells


@lru_cache(maxsize=8)
def glyph_cells(palette: Palette) -> Sequence[str]:
    """The character of every level, at level + HALF_LEVELS."""
    assert palette.glyphs is not None
    return [palette.glyphs.level(level) for level in range(-HALF_LEVELS, BLANK + 1)]


def _lettered(row: np.ndarray, palette: Palette) -> Strip:
    """A row of glyphs in one style, the cursor reversed."""
    letters = glyph_cells(palette)
    plain = palette.style("text")
    styles = plain, plain + Style(reverse=True)
    marked = (row == CURSOR).astype(np.int8)
    starts = np.flatnonzero(np.diff(marked, prepend=-1))
    ends = [*starts[1:].tolist(), row.size]
    text = "".join(letters[int(k)] for k in row + HALF_LEVELS)
    return Strip(
        [Segment(text[a:b], styles[marked[a]]) for a, b in zip(starts.tolist(), ends, strict=True)],
        row.size,
    )


def _merged(row: np.ndarray, cells: Sequence[tuple[str, Style]]) -> Strip:
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    lengths = np.diff(starts, append=row.size)
    runs = zip(row[starts].tolist(), lengths.tolist(), strict=True)
    return Strip([Segment(cells[k][0] * n, cells[k][1]) for k, n in runs], row.size)
