"""The other runs in the charts: a faint curve each behind the live one, letters over theory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from rugtui.analysis import numbers
from rugtui.live.frame import Frame, OtherRun
from rugtui.settings.settings import Settings
from rugtui.tui.charts.canvas import Pen
from rugtui.tui.charts.chart import Chart, Curve
from rugtui.tui.charts.palette import Palette
from rugtui.tui.charts.view import nearest
from rugtui.tui.panes.loss.readout import Fact
from rugtui.tui.panes.loss.series import Smoother, smoothed
from rugtui.tui.panes.runs import RunsView


class OthersSmoothed:
    """The other runs' losses as smooth as the live one's; of each it is worked out once."""

    def __init__(self) -> None:
        self._known: dict[OtherRun, tuple[int, Float[np.ndarray, " results"]]] = {}

    def keep(self, runs: Sequence[OtherRun], span: int) -> None:
        """Have the losses of these runs ready, averaged over `span` results, and no others."""
        old = self._known
        self._known = {
            run: old[run]
            if run in old and old[run][0] == span
            else (span, smoothed(run.history, span, Smoother()))
            for run in runs
        }

    def of(self, run: OtherRun) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Steps and smoothed losses, NaN in a gap. Raises KeyError for a run that is not kept."""
        return run.history.column("step"), self._known[run][1]

    def at(self, run: OtherRun, step: float) -> float:
        """The smoothed loss at a step, NaN before the first and after the last."""
        steps, losses = self.of(run)
        if not steps.size or not steps[0] <= step <= steps[-1]:
            return math.nan
        return float(np.interp(step, steps, losses))


def history_curves(
    frame: Frame, view: RunsView, losses: OthersSmoothed, palette: Palette
) -> Iterator[Curve]:
    """The smoothed losses of the runs that are shown, faintest first."""
    for run in view.shown(frame):
        steps, smooth = losses.of(run)
        if steps.size:
            pen = Pen(view.colour(run, palette), run.letter.lower())
            name = view.legend(run, frame.settings)
            yield Curve(name, steps, smooth, pen, named=True, tag=run.letter)


def points(frame: Frame, view: RunsView, against: str, palette: Palette) -> Iterator[Curve]:
    """What the runs came to that lie on the curves in sight: those of this p against r, of this r
    against p."""
    for run in on_curves(frame, view, against):
        x = run.settings.ratio if against == "r" else run.settings.p_on
        pen = Pen(view.colour(run, palette), run.letter)
        name = view.legend(run, frame.settings)
        yield Curve(name, np.array([x]), np.array([run.loss]), pen, "dot", tag=run.letter)


def on_curves(frame: Frame, view: RunsView, against: str) -> list[OtherRun]:
    def held(settings: Settings) -> float:
        return settings.p_on if against == "r" else settings.ratio

    return [run for run in view.shown(frame) if held(run.settings) == held(frame.settings)]


def history_readings(
    frame: Frame,
    view: RunsView,
    losses: OthersSmoothed,
    step: float,
    live: float,
    palette: Palette,
) -> Iterator[Fact]:
    """What the other runs had come to at a step, and the live loss as a multiple of the one that
    it is compared with."""
    for run in reversed(view.shown(frame)):
        loss = losses.at(run, step)
        if not np.isfinite(loss):
            continue
        chosen = run.key == view.reference
        colour = view.colour(run, palette)
        yield Fact(2 if chosen else 6, view.legend(run, frame.settings), numbers.loss(loss), colour)
        if chosen:
            yield Fact(3, f"× {run.letter}", numbers.ratio(numbers.quotient(live, loss)), "text")


def point_readings(chart: Chart, index: int) -> Iterator[Fact]:
    """The other runs' points that lie nearest to the place of the crosshair among the lines'."""
    for curve in chart.behind:
        if nearest(chart.x, float(curve.x[0])) == index:
            yield Fact(3, curve.name, numbers.loss(float(curve.y[0])), curve.pen.colour)
