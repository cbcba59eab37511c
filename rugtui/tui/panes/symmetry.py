"""The symmetry pane: how the weights deviate from a permutation-symmetric optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from rich.style import Style
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.analysis.glossary import SYMMETRY
from rugtui.live.frame import Frame, Reading
from rugtui.tui.charts.lines import (
    Piece,
    blank,
    fit,
    line,
    only_text,
    paragraph,
    placeholder,
    selected_line,
)
from rugtui.tui.charts.palette import ASCII, Palette
from rugtui.tui.keys import bindings
from rugtui.tui.panes.pane import NAME, TablePane, TableRow, rows_that_fit

if TYPE_CHECKING:
    from rugtui.analysis.statistics import Statistics
    from rugtui.theory.levels import Levels

EIGHTHS = " ▁▂▃▄▅▆▇█"
LOW = EIGHTHS[1:-1]
"""Characters of a sparkline. Full blocks are left out: they would touch the line above."""
ASCII_EIGHTHS = "  ..::==#"
ASCII_LOW = "_.-=*"
DOT, ASCII_DOT = "•", "o"

VALUE, SPREAD, SYMMETRIC = 9, 11, 11
LEAST_CURVE = 12
"""Columns of a trend below which the value of a symmetric model is left out for it."""
LEAST_HISTOGRAM = 3
"""Rows below which the histogram is left out."""


@dataclass(frozen=True, slots=True)
class SymmetryRow:
    """A statistic, with its spread over rows and its value at the symmetric optimum."""

    key: str
    """The field of `Statistics`; in `analysis.glossary.SYMMETRY` too."""
    symmetric: float | str | None = None
    """Its value in a symmetric model: a number, or the field of `Levels`."""
    rank: int = 0
    """Where there is no room, the highest rank is left out first."""
    in_percent: bool = False
    none_at_0: bool = False
    """Whether 0 means that there is nothing to measure, such as no lopsided pair."""

    def value(self, known: Statistics) -> float:
        value = getattr(known, self.key)
        return math.nan if self.none_at_0 and not value else value

    def spread(self, known: Statistics) -> float | None:
        """Its standard deviation over rows; None where there is none."""
        name, mean, _ = self.key.partition("_mean")
        return getattr(known, f"{name}_spread", None) if mean else None

    def symmetric_at(self, levels: Levels | None) -> float:
        """Its value in a symmetric model; NaN if unknown."""
        if levels is None or self.symmetric is None:
            return math.nan
        at = self.symmetric
        return getattr(levels, at) if isinstance(at, str) else at

    def text(self, value: float, digits: int = 4) -> str:
        if not math.isfinite(value):
            return "-"
        return f"{100 * value:.0f} %" if self.in_percent else numbers.figure(value, digits)


SYMMETRY_ROWS = (
    SymmetryRow("diagonal_mean", "a"),
    SymmetryRow("bias_mean", "b"),
    SymmetryRow("noise_mean", "sigma"),
    SymmetryRow("skew", 0.0),
    SymmetryRow("interferers", rank=1),
    SymmetryRow("kolmogorov_smirnov", 0.0, rank=1),
    SymmetryRow("lyapunov", 0.0, rank=3),
    SymmetryRow("pairs_share", 0.0, in_percent=True),
    SymmetryRow("lopsidedness", rank=4, none_at_0=True),
    SymmetryRow("singles_share", 0.0, rank=2, in_percent=True),
    SymmetryRow("abandoned_share", 0.0, rank=2, in_percent=True),
    SymmetryRow("partners", 0.0, rank=4),
    SymmetryRow("partner_mean", rank=5, none_at_0=True),
    SymmetryRow("partner_norm_share", 0.0, rank=5, in_percent=True),
)
LEAST_SHOWN = sum(row.rank < 2 for row in SYMMETRY_ROWS)
"""The histogram is drawn only if this many rows fit too."""


def waiting(frame: Frame) -> str:
    """What the pane says while there are no statistics."""
    if frame.step == 0 and frame.shown == "trained" and frame.phase != "opened":
        return placeholder(frame, "Statistics follow the first steps.")
    return f"Computing statistics of the {frame.shown} weights …"


def symmetry_table(
    frame: Frame, palette: Palette, width: int, height: int, selected: str = ""
) -> list[Strip]:
    """The statistics of section 8, their trends and their values in a symmetric model; below them,
    if there is room, the distribution of ν/σ as bars and the normal one as dots."""
    reading, now = frame.reading, frame.reading.statistics
    if now is None:
        return only_text(waiting(frame), palette, width, height)
    below: list[Strip] = []
    if selected:
        chosen = next(row for row in SYMMETRY_ROWS if row.key == selected)
        term = SYMMETRY[chosen.key]
        text = f"{term.name} {chosen.text(chosen.value(now))}: {term.about}"
        below = paragraph(text, palette.style("text"), width, 3)
    strips = [_heading(reading, palette, width)] if height > LEAST_SHOWN + 1 else []
    spare = height - len(below) - max(LEAST_HISTOGRAM, height // 4) - 4
    rows = rows_that_fit(SYMMETRY_ROWS, max(spare, LEAST_SHOWN), selected)
    strips += [_row(row, frame, row.key == selected, palette, width) for row in rows]
    strips.append(_source(frame, palette, width))
    room = height - len(strips) - 2 - len(below)
    if room >= LEAST_HISTOGRAM:
        strips.append(blank(width))
        bar, dot = palette.style("trained"), palette.style("gaussian")
        masses, normal = now.histogram, now.gaussian_histogram
        strips += histogram(
            masses, normal, bar, dot, width, room, ascii_only=palette.glyphs == ASCII
        )
        key = "bars: interference, dots: normal" if width >= 42 else "bars: noise, dots: normal"
        axis = "−4σ" + key.center(width - 6) + "+4σ"
        strips.append(line([(axis, palette.style("faint"))], width))
    return fit([*strips[: max(height - len(below), 0)], *below], width, height)


def _columns(width: int) -> tuple[bool, bool, int]:
    """Whether there is room for the spreads and for a symmetric model's values, and the columns of
    the trends."""
    spread = width >= NAME + VALUE + SPREAD + LEAST_CURVE
    rest = max(width - NAME - VALUE - SPREAD * spread - 1, 0)
    symmetric = rest >= SYMMETRIC + LEAST_CURVE
    return spread, symmetric, rest - SYMMETRIC * symmetric


def _heading(reading: Reading, palette: Palette, width: int) -> Strip:
    spread, symmetric, room = _columns(width)
    trend = ""
    if len(reading.trend_at) > 1:
        since, now = numbers.count(reading.trend_at[0]), numbers.count(reading.trend_at[-1])
        head = f"step {since}"
        head = head if len(head) + len(now) + 4 <= room else since
        trend = f"{head}{now:>{max(room - 3 - len(head), len(now) + 1)}} L*"
    text = (
        " " * (NAME + VALUE)
        + f" {'± rows':<{SPREAD}}" * spread
        + f"{'symmetric':<{SYMMETRIC}}" * symmetric
        + trend[:room]
    )
    return line([(text, palette.style("faint"))], width)


def _row(row: SymmetryRow, frame: Frame, selected: bool, palette: Palette, width: int) -> Strip:
    reading, now = frame.reading, frame.reading.statistics
    assert now is not None
    has_spread, has_symmetric, room = _columns(width)
    around = row.spread(now) if has_spread else None
    spread = "" if around is None else f"± {numbers.figure(around, 2)}"
    at = row.symmetric_at(frame.levels)
    symmetric = row.text(at, 3) if has_symmetric and math.isfinite(at) else ""
    curve = mark = ""
    if len(reading.trend) > 1 and room > 3:  # a rug's statistics do not change
        values, ascii_only = [row.value(one) for one in reading.trend], palette.glyphs == ASCII
        curve = sparkline(values, reading.trend_at, room - 3, at, ascii_only=ascii_only)
        if math.isfinite(at):  # the symmetric model on the sparkline's scale
            beside = sparkline([*values, at], range(len(values) + 1), 99, ascii_only=ascii_only)
            mark = f" {beside[-1]}"
    pieces = [
        (f"{SYMMETRY[row.key].name:<{NAME}}", palette.style("text")),
        (f"{row.text(row.value(now)):>{VALUE}}", palette.style("text", bold=True)),
        (f" {spread:<{SPREAD * has_spread}}", palette.style("faint")),
        (f"{symmetric:<{SYMMETRIC * has_symmetric}}", palette.style("optimum")),
        (curve, palette.style("smooth")),
        (mark, palette.style("optimum")),
    ]
    return selected_line(pieces, palette.style("text"), width) if selected else line(pieces, width)


def _source(frame: Frame, palette: Palette, width: int) -> Strip:
    """The step and the rows that the numbers are of and, while training goes on, their age."""
    reading = frame.reading
    now = reading.statistics
    assert now is not None
    rows = f"{now.rows} rows" if now.rows < now.n_sparse else "all rows"
    parts = [f"at step {reading.measured_at:,}", f"from {rows}"]
    if frame.shown == "trained" and frame.phase == "training" and reading.measured_at < frame.step:
        parts.insert(1, f"{reading.age:.0f} s ago")
    while len(", ".join(parts)) > width and len(parts) > 1:
        parts.pop()
    return line([(", ".join(parts), palette.style("faint"))], width)


def sparkline(
    values: Sequence[float],
    steps: Sequence[int],
    width: int,
    beside: float = math.nan,
    *,
    ascii_only: bool = False,
) -> str:
    """Values at ascending steps in `width` cells, which are even in log(1 + step). The scale spans
    the values and `beside`; a gap is a space."""
    known = np.asarray(values, dtype=float)
    if not np.isfinite(known).any() or width < 1:
        return " " * width
    at = np.log1p(np.asarray(steps, dtype=float))
    columns = np.linspace(at[0], at[-1], width) if len(at) > 1 else np.full(1, at[0])
    shown = known[np.searchsorted(at, columns + 1e-9, side="right") - 1]
    low, high = np.fmin(np.nanmin(known), beside), np.fmax(np.nanmax(known), beside)
    share = np.zeros_like(shown) if high == low else (shown - low) / (high - low)
    levels = ASCII_LOW if ascii_only else LOW
    return "".join(
        levels[round(float(s) * (len(levels) - 1))] if np.isfinite(v) else " "
        for v, s in zip(shown, np.nan_to_num(share), strict=True)
    ).ljust(width)


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
    """Masses as bars under a curve of dots, with the bins spread over the width."""
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


class SymmetryPane(TablePane):
    BINDINGS = bindings("symmetry")
    _of: Statistics | None = None
    _also: tuple[object, ...] = ()
    _drawn: Sequence[Strip] = ()

    def rows(self) -> list[TableRow]:
        now = self.frame and self.frame.reading.statistics
        return [
            TableRow(row.key, term.name, row.text(row.value(now)) if now else "", term.about)
            for row in SYMMETRY_ROWS
            for term in (SYMMETRY[row.key],)
        ]

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        """Redraws only what differs, because Frames are more frequent than statistics."""
        reading = frame.reading
        moves = frame.phase == "training" and reading.measured_at < frame.step
        measured = len(reading.trend), reading.measured_at, moves and f"{reading.age:.0f}"
        also = *measured, waiting(frame), frame.levels, palette, width, height, self.selected
        if reading.statistics is not self._of or also != self._also:
            self._of, self._also = reading.statistics, also
            self._drawn = symmetry_table(frame, palette, width, height, self.selected)
        return list(self._drawn)
