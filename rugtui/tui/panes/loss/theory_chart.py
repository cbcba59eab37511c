"""The loss against r or against p: the lines of theory, and where the run is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rugtui.live.frame import Frame
from rugtui.tui.charts import numbers
from rugtui.tui.charts.canvas import Pen
from rugtui.tui.charts.chart import Chart, Curve
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.loss.readout import Fact

if TYPE_CHECKING:
    from rugtui.live.theory_curves import Sweep


def theory_chart(
    frame: Frame, sweep: Sweep, here: float, palette: Palette, behind: tuple[Curve, ...] = ()
) -> Chart:
    """`here` is the run's own r or p; its points are what was measured of the weights there, and
    `behind` are the points of other runs."""
    lines = (
        ("L*", sweep.optimum, palette.optimum, "*"),
        ("linear", sweep.linear, palette.bound, "="),
        ("elementwise", sweep.elementwise, palette.elementwise, "-"),
        ("oracle", sweep.oracle, palette.faint, "."),
    )
    curves = [
        Curve(name, sweep.x, y, Pen(colour, letter), named=True)
        for name, y, colour, letter in reversed(lines)
    ]
    if frame.rug is not None:
        curves.append(_point("rug", here, frame.rug.loss, Pen(palette.gaussian, "R")))
    curves.append(_point("run", here, frame.trained.loss, Pen(palette.smooth, "@")))
    return Chart(tuple(curves), behind=behind, home=here)


def theory_facts(frame: Frame, sweep: Sweep, name: str, index: int, here: float) -> list[Fact]:
    """The lines at one r or p; at the run's own, its loss beside them."""
    x = float(sweep.x[index])
    known = [
        Fact(0, name, f"{x:.4g}"),
        Fact(1, "L*", numbers.loss(float(sweep.optimum[index])), "optimum"),
        Fact(3, "linear", numbers.loss(float(sweep.linear[index])), "bound"),
        Fact(4, "elementwise", numbers.loss(float(sweep.elementwise[index])), "elementwise"),
        Fact(5, "oracle", numbers.loss(float(sweep.oracle[index])), "faint"),
    ]
    if x == here and math.isfinite(frame.trained.loss):
        known.insert(1, Fact(2, "run", numbers.loss(frame.trained.loss), "smooth"))
    return known


def _point(name: str, x: float, y: float, pen: Pen) -> Curve:
    return Curve(name, np.array([x]), np.array([y]), pen, kind="dot")
