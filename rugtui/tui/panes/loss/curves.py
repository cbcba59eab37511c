"""The loss against steps: training faint, smoothed and held out over it, the levels of theory."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rugtui.analysis import numbers
from rugtui.analysis.verdict import has_levels, measured_for
from rugtui.live.frame import Frame
from rugtui.live.history import HistoryView
from rugtui.tui.charts.canvas import Pen
from rugtui.tui.charts.chart import Chart, Curve, Level
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.loss.readout import Fact
from rugtui.tui.panes.loss.series import Derived

if TYPE_CHECKING:
    from rugtui.theory.levels import LevelCurves


def loss_chart(
    frame: Frame, derived: Derived, palette: Palette, behind: tuple[Curve, ...] = ()
) -> Chart:
    """The chart of a Frame's history, over those of other runs."""
    history = frame.history
    steps, known = history.column("step"), derived.heldout
    return Chart(
        curves=(
            Curve("train", steps, history.column("loss"), Pen(palette.faint, "."), under=True),
            Curve("smoothed", steps, derived.smoothed, Pen(palette.smooth, "*"), thick=True),
            Curve(
                "held out",
                steps[known],
                history.column("heldout")[known],
                Pen(palette.heldout, "o"),
                "points",
                history.column("heldout_standard_error")[known],
            ),
            *exact_of(frame, palette),
        ),
        levels=tuple(levels(frame, palette)),
        marks=history.marks,
        behind=behind,
    )


def exact_of(frame: Frame, palette: Palette) -> list[Curve]:
    """The exact loss of trained weights, each at the step whose weights they were: it is no level.

    Where the rug is shown, W is the rug's in the other panes, and these are named otherwise.
    """
    trained = frame.trained
    if not trained.trend or not measured_for(frame.settings):
        return []
    name = "exact(W)" if frame.shown == "trained" else "trained W"
    if trained.trend_at[-1] != frame.step and frame.shown == "trained":
        name = f"exact @{numbers.count(trained.trend_at[-1])}"
    steps = np.array(trained.trend_at, float)
    exact = np.array([one.exact for one in trained.trend])
    error = np.array([one.exact_standard_error for one in trained.trend])
    return [Curve(name, steps, exact, Pen(palette.exact, "x"), "points", error, named=True)]


def levels(frame: Frame, palette: Palette) -> list[Level]:
    """The horizontal lines, most important first; each from the step on at which its p began."""
    known = frame.levels
    if known is None or not has_levels(frame.settings):
        return []
    since = p_since(frame.history, known.p)
    lines = [
        Level("L*", known.loss, palette.optimum, since=since),
        *past_optima(frame, palette),
        Level("linear", known.linear, palette.bound, True, since),
    ]
    if below := frame.structured:
        lines.append(Level("L_end", below.loss_end, palette.end, True, since))
        lines.append(Level("L_pairs", below.loss_pairs, palette.pairs, True, since))
    if frame.shown == "rug" and frame.rug is not None and math.isfinite(frame.rug.loss):
        lines.append(Level("rug", frame.rug.loss, palette.gaussian, True, since))
    lines.append(Level("elementwise", known.elementwise, palette.elementwise, True, since))
    return lines


def past_optima(frame: Frame, palette: Palette) -> list[Level]:
    """L* at earlier p, each over the steps trained at that p."""
    history, optima = frame.history, dict(frame.past_optima)
    steps, now = history.column("step"), p_since(history, frame.levels.p if frame.levels else 0.0)
    found = []
    for begin, end in pairwise([0, *history.breaks.tolist(), len(history)]):
        p = float(history.column("p")[begin]) if end else math.nan
        if p in optima and steps[end - 1] <= now:
            since = float(steps[begin - 1]) if begin else -math.inf
            found.append(
                Level("", optima[p], palette.optimum, since=since, until=float(steps[end - 1]))
            )
    return found


def p_since(history: HistoryView, p: float) -> float:
    """The step after which p did not change any more: before it, the levels were others."""
    trained_at = history.column("p")
    other = np.flatnonzero(trained_at != p)
    other = other[np.isfinite(trained_at[other])]
    return float(history.column("step")[other[-1]]) if other.size else -math.inf


def theory_chart(
    frame: Frame, sweep: LevelCurves, here: float, palette: Palette, behind: tuple[Curve, ...] = ()
) -> Chart:
    """`here` is the run's own r or p; its points are what was measured of the weights there, and
    `behind` are the points of other runs."""
    lines = (
        ("L*", sweep.optimum, palette.optimum, "*"),
        ("L_end", sweep.end, palette.end, "e"),
        ("L_pairs", sweep.pairs, palette.pairs, ":"),
        ("linear", sweep.linear, palette.bound, "="),
        ("elementwise", sweep.elementwise, palette.elementwise, "-"),
        ("oracle", sweep.oracle, palette.faint, "."),
    )
    curves = [
        Curve(name, sweep.x, y, Pen(colour, letter), named=True)
        for name, y, colour, letter in reversed(lines)
        if not np.isnan(y).all()  # what lies below L* is not known for all magnitudes
    ]
    if frame.rug is not None:
        curves.append(_point("rug", here, frame.rug.loss, Pen(palette.gaussian, "R")))
    curves.append(_point("run", here, frame.trained.loss, Pen(palette.smooth, "@")))
    return Chart(tuple(curves), behind=behind, home=here)


def theory_facts(
    frame: Frame, sweep: LevelCurves, name: str, index: int, here: float
) -> list[Fact]:
    """The lines at one r or p; at the run's own, its loss beside them."""
    x = float(sweep.x[index])
    known = [
        Fact(0, name, f"{x:.4g}"),
        Fact(1, "L*", numbers.loss(float(sweep.optimum[index])), "optimum"),
        Fact(2, "L_end", numbers.loss(float(sweep.end[index])), "end"),
        Fact(6, "L_pairs", numbers.loss(float(sweep.pairs[index])), "pairs"),
        Fact(3, "linear", numbers.loss(float(sweep.linear[index])), "bound"),
        Fact(4, "elementwise", numbers.loss(float(sweep.elementwise[index])), "elementwise"),
        Fact(5, "oracle", numbers.loss(float(sweep.oracle[index])), "faint"),
    ]
    known = [fact for fact in known if fact.value != numbers.loss(math.nan)]
    if x == here and math.isfinite(frame.trained.loss):
        known.insert(1, Fact(2, "run", numbers.loss(frame.trained.loss), "smooth"))
    return known


def _point(name: str, x: float, y: float, pen: Pen) -> Curve:
    return Curve(name, np.array([x]), np.array([y]), pen, kind="dot")
