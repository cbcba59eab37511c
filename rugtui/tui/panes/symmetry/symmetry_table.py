"""Symmetry and its breaking: numbers with their trends, and the law of the interference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.strip import Strip

from rugtui.live.frame import Frame, Reading
from rugtui.tui.charts import numbers
from rugtui.tui.charts.lines import blank, fit, line
from rugtui.tui.charts.palette import ASCII, Palette
from rugtui.tui.charts.placeholder import instead, said_alone
from rugtui.tui.panes.symmetry.bars import histogram, sparkline

if TYPE_CHECKING:
    from rugtui.analysis.statistics import Statistics

NAME, VALUE, SPREAD = 13, 9, 11
LEAST_HISTOGRAM = 4
"""Rows below which the histogram is left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a name, a number, perhaps its spread over rows."""

    name: str
    value: Callable[[Statistics], float]
    spread: Callable[[Statistics], float] | None = None


ROWS = (
    Row("diagonal a", lambda s: s.diagonal_mean, lambda s: s.diagonal_spread),
    Row("bias b + μ", lambda s: s.bias_mean, lambda s: s.bias_spread),
    Row("noise σ", lambda s: s.noise_mean, lambda s: s.noise_spread),
    Row("skew of W", lambda s: s.skew),
    Row("interferers", lambda s: s.interferers),
    Row("KS to normal", lambda s: s.kolmogorov_smirnov),
    Row("Lyapunov", lambda s: s.lyapunov),
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
    strips = [_row(row, now, reading.trend, palette, width) for row in ROWS]
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
    row: Row, now: Statistics, trend: tuple[Statistics, ...], palette: Palette, width: int
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
