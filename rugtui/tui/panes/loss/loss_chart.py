"""The loss against steps: training faint, smoothed and held out over it, the levels of theory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from rugtui.analysis.verdict import comparable, unweighed
from rugtui.live.frame import Frame
from rugtui.live.history import HistoryView
from rugtui.tui.charts.canvas import Pen
from rugtui.tui.charts.chart import Chart, Curve
from rugtui.tui.charts.growing import Known
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.loss.levels import Level
from rugtui.tui.panes.loss.smooth import Smoother, smoothed


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """What was worked out of a history's columns."""

    smoothed: Float[np.ndarray, " results"]
    heldout: Int[np.ndarray, " known"]
    """Indices of the results that have a held-out loss."""


class Deriver:
    """Works it out for one Frame after another; only what is new costs time."""

    def __init__(self) -> None:
        self._smoother, self._known = Smoother(), Known()

    def __call__(self, history: HistoryView, span: int) -> Derived:
        """`span` results go into an average."""
        loss = history.column("loss")
        known = self._known(history.column("heldout"), loss)
        return Derived(smoothed(history, span, self._smoother), known)


def loss_chart(
    frame: Frame, derived: Derived, palette: Palette, behind: tuple[Curve, ...] = ()
) -> Chart:
    """The chart of a Frame's history, over those of other runs."""
    history = frame.history
    steps, known = history.column("step"), derived.heldout
    return Chart(
        curves=(
            Curve("train", steps, history.column("loss"), Pen(palette.faint, "."), under=True),
            Curve("smoothed", steps, derived.smoothed, Pen(palette.smooth, "*")),
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
    if not trained.trend or not comparable(frame.settings):
        return []
    name = "exact(W)" if frame.shown == "trained" else "trained W"
    steps = np.array(trained.trend_at, float)
    exact = np.array([one.exact for one in trained.trend])
    error = np.array([one.exact_standard_error for one in trained.trend])
    return [Curve(name, steps, exact, Pen(palette.exact, "x"), "points", error, named=True)]


def levels(frame: Frame, palette: Palette) -> list[Level]:
    """The horizontal lines, most important first; each from the step on at which its p began."""
    known = frame.levels
    if known is None or not unweighed(frame.settings):
        return []
    since = p_since(frame.history, known.p)
    lines = [
        Level("L*", known.loss, palette.optimum, since=since),
        Level("linear", known.linear, palette.bound, True, since),
    ]
    if frame.shown == "rug" and frame.rug is not None and math.isfinite(frame.rug.loss):
        lines.append(Level("rug", frame.rug.loss, palette.gaussian, True, since))
    lines.append(Level("elementwise", known.elementwise, palette.elementwise, True, since))
    return lines


def p_since(history: HistoryView, p: float) -> float:
    """The step after which p did not change any more: before it, the levels were others."""
    trained_at = history.column("p")
    other = np.flatnonzero(trained_at != p)
    other = other[np.isfinite(trained_at[other])]
    return float(history.column("step")[other[-1]]) if other.size else -math.inf
