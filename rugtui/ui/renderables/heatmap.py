"""A matrix as half-block cells: two pixels a character, one colour above the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int8
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.ui.renderables.palette import HALF_LEVELS, Palette, ink

UPPER_HALF = "▀"
QUANTILE = 0.99
"""Of the off-diagonal |pixels| at which the colour scale ends: the diagonal saturates."""


def off_diagonal_scale(
    pixels: Float[np.ndarray, "height width"], top: int, left: int, bottom: int, right: int
) -> float:
    """The value at which the colours end: a quantile of |pixels| off the diagonal of W.

    top … right is the window of W that the pixels show. Where every pixel lies on the diagonal,
    or all off it are zero, the largest |pixel| (1 for an all-zero picture).
    """
    height, width = pixels.shape
    rows = _edges(top, bottom, height)
    columns = _edges(left, right, width)
    crossing = (rows[:-1, None] < columns[None, 1:]) & (columns[None, :-1] < rows[1:, None])
    sizes = np.abs(pixels[~crossing & np.isfinite(pixels)])
    scale = float(np.quantile(sizes, QUANTILE)) if sizes.size else 0.0
    if scale <= 0:
        finite = np.abs(pixels[np.isfinite(pixels)])
        scale = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return scale


def quantise(
    pixels: Float[np.ndarray, "height width"], scale: float
) -> Int8[np.ndarray, "height width"]:
    """Levels −HALF_LEVELS … HALF_LEVELS; NaN is level 0."""
    steps = np.rint(np.nan_to_num(pixels, nan=0.0) * (HALF_LEVELS / scale))
    return np.clip(steps, -HALF_LEVELS, HALF_LEVELS).astype(np.int8)


def stretch(
    levels: Int8[np.ndarray, "height width"], height: int, width: int
) -> Int8[np.ndarray, "tall wide"]:
    """Nearest-neighbour enlargement to at least the size given, by whole factors where it can."""
    rows = np.arange(height) * levels.shape[0] // height
    columns = np.arange(width) * levels.shape[1] // width
    return levels[np.ix_(rows, columns)]


def heatmap(levels: Int8[np.ndarray, "height width"], palette: Palette) -> list[Strip]:
    """Half-block strips, ⌈height / 2⌉ of them; equal neighbours are merged into runs."""
    if levels.shape[0] % 2:
        levels = np.vstack([levels, np.zeros_like(levels[:1])])
    pairs = (levels[0::2].astype(np.int16) + HALF_LEVELS) * (2 * HALF_LEVELS + 1) + (
        levels[1::2] + HALF_LEVELS
    )
    styles = pair_styles(palette)
    return [_merged(row, styles) for row in pairs]


@lru_cache(maxsize=8)
def pair_styles(palette: Palette) -> Sequence[Style]:
    """The style of every (upper, lower) pair of levels, at index upper · 17 + lower."""
    colours = [palette.level(level) for level in range(-HALF_LEVELS, HALF_LEVELS + 1)]
    return [ink(upper, False, lower) for upper in colours for lower in colours]


def _merged(row: np.ndarray, styles: Sequence[Style]) -> Strip:
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    lengths = np.diff(starts, append=row.size)
    runs = zip(row[starts].tolist(), lengths.tolist(), strict=True)
    return Strip([Segment(UPPER_HALF * n, styles[pair]) for pair, n in runs], row.size)


def _edges(first: int, last: int, blocks: int) -> np.ndarray:
    return first + np.arange(blocks + 1) * (last - first) // blocks
