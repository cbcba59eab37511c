"""Small charts out of block characters: sparklines, and a histogram over a curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from rich.style import Style
from textual.strip import Strip

from rugtui.tui.charts.lines import Piece, line

EIGHTHS = " ▁▂▃▄▅▆▇█"
LOW = EIGHTHS[1:-1]
"""For sparklines: full blocks would run into those of the line above."""


ASCII_EIGHTHS = "  ..::==#"
ASCII_LOW = "_.-=*"
DOT, ASCII_DOT = "•", "o"


def sparkline(values: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """The last `width` values between their own least and greatest, oldest first; a gap is a
    space."""
    shown = np.asarray(values[-width:], dtype=float)
    known = shown[np.isfinite(shown)]
    if not known.size:
        return " " * width
    low, high = known.min(), known.max()
    share = np.zeros_like(shown) if high == low else (shown - low) / (high - low)
    levels = ASCII_LOW if ascii_only else LOW
    text = "".join(
        levels[round(float(s) * (len(levels) - 1))] if np.isfinite(v) else " "
        for v, s in zip(shown, np.nan_to_num(share), strict=True)
    )
    return text.ljust(width)


def histogram(
    masses: Float[np.ndarray, " bins"],
    curve: Float[np.ndarray, " bins"],
    bar: Style,
    dot: Style,
    width: int,
    height: int,
    *,
    ascii_only: bool = False,
) -> list[Strip]:
    """Masses as bars with a curve of dots over them, the bins spread over the width."""
    columns = np.arange(width) * len(masses) // width
    top = max(float(masses.max()), float(curve.max()), 1e-300)
    filled = np.rint(masses[columns] / top * height * 8).astype(int)
    dotted = np.clip(np.rint(curve[columns] / top * height - 0.5).astype(int), 0, height - 1)
    blocks, point = (ASCII_EIGHTHS, ASCII_DOT) if ascii_only else (EIGHTHS, DOT)
    strips = []
    for row in range(height - 1, -1, -1):
        pieces: list[Piece] = []
        for column in range(width):
            eighths = int(np.clip(filled[column] - 8 * row, 0, 8))
            on_curve = dotted[column] == row and curve[columns[column]] > top / (16 * height)
            if on_curve:
                full = eighths == 8 and not ascii_only
                over = Style(color=dot.color, bgcolor=bar.color if full else None)
                pieces.append((point, over))
            else:
                pieces.append((blocks[eighths], bar))
        strips.append(line(pieces, width))
    return strips
