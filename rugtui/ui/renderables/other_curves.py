"""The other runs in the charts: a faint curve each behind the live one, letters over theory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rugtui.config import Settings
from rugtui.session.frame import Frame
from rugtui.session.other_run import OtherRun
from rugtui.ui.renderables import numbers
from rugtui.ui.renderables.canvas import Pen
from rugtui.ui.renderables.chart import Chart, Curve
from rugtui.ui.renderables.palette import RGB, Palette
from rugtui.ui.renderables.readout import Fact
from rugtui.ui.renderables.runs_view import RunsView
from rugtui.ui.renderables.view import nearest


def colour_of(run: OtherRun, view: RunsView, palette: Palette) -> RGB:
    """One of the quiet colours, by its letter; the one to compare with stands out."""
    if run.key == view.reference:
        return palette.text
    return palette.others[(ord(run.letter) - ord("A")) % len(palette.others)]


def history_curves(frame: Frame, view: RunsView, palette: Palette) -> Iterator[Curve]:
    """The smoothed losses of the runs that are shown, faintest first."""
    for run in view.shown(frame):
        steps, losses = run.curve
        if steps.size:
            pen = Pen(colour_of(run, view, palette), run.letter.lower())
            name = view.legend(run, frame.settings)
            yield Curve(name, steps, losses, pen, named=True, tag=run.letter)


def points(frame: Frame, view: RunsView, against: str, palette: Palette) -> Iterator[Curve]:
    """What the runs came to that lie on the curves in sight: those of this p against r, of this r
    against p."""
    for run in on_curves(frame, view, against):
        x = run.settings.ratio if against == "r" else run.settings.p
        pen = Pen(colour_of(run, view, palette), run.letter)
        name = view.legend(run, frame.settings)
        yield Curve(name, np.array([x]), np.array([run.loss]), pen, "dot", tag=run.letter)


def on_curves(frame: Frame, view: RunsView, against: str) -> list[OtherRun]:
    def held(settings: Settings) -> float:
        return settings.p if against == "r" else settings.ratio

    return [run for run in view.shown(frame) if held(run.settings) == held(frame.settings)]


def history_readings(frame: Frame, view: RunsView, step: float, live: float) -> Iterator[Fact]:
    """What the other runs had come to at a step, and the live loss as a multiple of the one that
    it is compared with."""
    for run in reversed(view.shown(frame)):
        loss = run.at(step)
        if not np.isfinite(loss):
            continue
        chosen = run.key == view.reference
        yield Fact(2 if chosen else 6, view.legend(run, frame.settings), numbers.loss(loss), "text")
        if chosen:
            yield Fact(3, f"× {run.letter}", numbers.ratio(live / loss), "text")


def point_readings(chart: Chart, index: int) -> Iterator[Fact]:
    """The other runs' points that lie nearest to the place of the crosshair among the lines'."""
    for curve in chart.behind:
        if nearest(chart.x, float(curve.x[0])) == index:
            yield Fact(3, curve.name, numbers.loss(float(curve.y[0])), "text")
