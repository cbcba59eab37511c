"""The symmetry pane: what a permutation-symmetric optimum would not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from rich.style import Style
from textual.strip import Strip

from rugtui.live.frame import Frame, Reading
from rugtui.tui.charts import numbers
from rugtui.tui.charts.lines import Piece, blank, fit, instead, line, said_alone
from rugtui.tui.charts.palette import ASCII, Palette
from rugtui.tui.panes.pane import Pane

if TYPE_CHECKING:
    from rugtui.analysis.statistics import Statistics

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


NAME, VALUE, SPREAD = 13, 9, 11
LEAST_HISTOGRAM = 4
"""Rows below which the histogram is left out."""


@dataclass(frozen=True, slots=True)
class SymmetryRow:
    """One line: a name, a number, perhaps its spread over rows."""

    name: str
    value: Callable[[Statistics], float]
    spread: Callable[[Statistics], float] | None = None


SYMMETRY_ROWS = (
    SymmetryRow("diagonal a", lambda s: s.diagonal_mean, lambda s: s.diagonal_spread),
    SymmetryRow("bias b + μ", lambda s: s.bias_mean, lambda s: s.bias_spread),
    SymmetryRow("noise σ", lambda s: s.noise_mean, lambda s: s.noise_spread),
    SymmetryRow("skew of W", lambda s: s.skew),
    SymmetryRow("interferers", lambda s: s.interferers),
    SymmetryRow("KS to normal", lambda s: s.kolmogorov_smirnov),
    SymmetryRow("Lyapunov", lambda s: s.lyapunov),
)


def waiting(frame: Frame) -> str:
    """What there is to say while there are no statistics."""
    if frame.step == 0 and frame.shown == "trained" and frame.phase != "opened":
        return instead(frame, "statistics come with the first steps")
    return f"statistics of the {frame.shown} weights are being taken"


def symmetry_table(
    reading: Reading, waits: str, palette: Palette, width: int, height: int
) -> list[Strip]:
    """The statistics of section 8 with their trends, and below them, where there is room, the law
    of ν/σ as bars with the Gaussian as dots; `waits` is said while there are none."""
    now = reading.statistics
    if now is None:
        return said_alone(waits, palette, width, height)
    strips = [_row(row, now, reading.trend, palette, width) for row in SYMMETRY_ROWS]
    strips.append(_age(reading, palette, width))
    room = height - len(strips) - 2
    if room >= LEAST_HISTOGRAM:
        strips.append(blank(width))
        bar, dot = palette.style("trained"), palette.style("gaussian")
        masses, law = now.histogram, now.gaussian_histogram
        strips += histogram(masses, law, bar, dot, width, room, ascii_only=palette.glyphs == ASCII)
        axis = "−4σ" + "ν, bars; Gaussian, dots".center(width - 6) + "+4σ"
        strips.append(line([(axis, palette.style("faint"))], width))
    return fit(strips, width, height)


def _row(
    row: SymmetryRow, now: Statistics, trend: tuple[Statistics, ...], palette: Palette, width: int
) -> Strip:
    fixed = NAME + VALUE + SPREAD + 1
    spread = f"± {numbers.figure(row.spread(now), 2)}" if row.spread and width >= fixed - 1 else ""
    values, room = [row.value(one) for one in trend], max(width - fixed, 0)
    curve = sparkline(values, room, ascii_only=palette.glyphs == ASCII)
    return line(
        [
            (f"{row.name:<{NAME}}", palette.style("text")),
            (f"{numbers.figure(row.value(now)):>{VALUE}}", palette.style("text", bold=True)),
            (f" {spread:<{SPREAD}}", palette.style("faint")),
            (curve, palette.style("smooth")),
        ],
        width,
    )


def _age(reading: Reading, palette: Palette, width: int) -> Strip:
    now = reading.statistics
    assert now is not None
    rows = f"{now.rows} rows" if now.rows < now.n_sparse else "all rows"
    told = [f"at step {reading.measured_at:,}", f"{reading.age:.0f} s ago", f"law of {rows}"]
    while len(", ".join(told)) > width and len(told) > 1:
        told.pop()
    return line([(", ".join(told), palette.style("faint"))], width)


class SymmetryPane(Pane):
    _of: Statistics | None = None
    _also: tuple[object, ...] = ()
    _drawn: Sequence[Strip] = ()

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        """Again only where it comes out different: statistics are few, and Frames are many."""
        reading, waits = frame.reading, waiting(frame)
        measured = len(reading.trend), reading.measured_at, f"{reading.age:.0f}", waits
        also = *measured, palette, width, height
        if reading.statistics is not self._of or also != self._also:
            self._of, self._also = reading.statistics, also
            self._drawn = symmetry_table(reading, waits, palette, width, height)
        return list(self._drawn)
