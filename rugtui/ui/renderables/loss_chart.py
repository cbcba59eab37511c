"""The loss against steps: training faint, smoothed and held out over it, the levels of theory."""

from __future__ import annotations

import math

import numpy as np

from rugtui.session.frame import Frame
from rugtui.session.history import HistoryView
from rugtui.ui.renderables.canvas import Pen
from rugtui.ui.renderables.chart import Chart, Curve
from rugtui.ui.renderables.levels import Level
from rugtui.ui.renderables.palette import Palette


def loss_chart(frame: Frame, smoothed: np.ndarray, palette: Palette) -> Chart:
    """The chart of a Frame's history; `smoothed` has a value for each of its results."""
    history = frame.history
    steps = history.column("step")
    known = np.flatnonzero(np.isfinite(history.column("heldout")))
    return Chart(
        curves=(
            Curve("train", steps, history.column("loss"), Pen(palette.faint, "."), under=True),
            Curve("smoothed", steps, smoothed, Pen(palette.smooth, "*")),
            Curve(
                "held out",
                steps[known],
                history.column("heldout")[known],
                Pen(palette.heldout, "o"),
                "points",
                history.column("heldout_standard_error")[known],
            ),
        ),
        levels=tuple(levels(frame, palette)),
        marks=history.marks,
    )


def levels(frame: Frame, palette: Palette) -> list[Level]:
    """The horizontal lines, most important first; each from the step on at which its p began."""
    known = frame.levels
    if known is None:
        return []
    since = p_since(frame.history, known.p)
    lines = [
        Level("L*", known.loss, palette.optimum, since=since),
        Level("linear", known.linear, palette.bound, True, since),
    ]
    if frame.trained.statistics is not None:
        lines.append(Level("exact(W)", frame.trained.statistics.exact, palette.exact, True, since))
    if frame.shown == "rug" and frame.rug is not None and math.isfinite(frame.rug.loss):
        lines.append(Level("rug", frame.rug.loss, palette.gaussian, True, since))
    lines.append(Level("elementwise", known.elementwise, palette.bound, True, since))
    return lines


def p_since(history: HistoryView, p: float) -> float:
    """The step after which p did not change any more: before it, the levels were others."""
    other = np.flatnonzero(history.column("p") != p)
    other = other[np.isfinite(history.column("p")[other])]
    if not other.size:
        return -math.inf
    return float(history.column("step")[other[-1]])
