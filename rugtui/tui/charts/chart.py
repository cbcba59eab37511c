"""A chart: curves and the levels of theory, and the axes of a view of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from rugtui.live.history import Mark
from rugtui.tui.charts.axis import Axis, spanning
from rugtui.tui.charts.canvas import Pen
from rugtui.tui.charts.palette import RGB
from rugtui.tui.charts.view import NEWEST, ChartView, Shown, nearest, x_axis, y_axis


@dataclass(frozen=True, slots=True)
class Level:
    """A named horizontal line from x = `since` to x = `until`."""

    name: str
    value: float
    colour: RGB
    dashed: bool = False
    since: float = -math.inf
    until: float = math.inf


DOTS = 4
"""Dots per row of braille."""


def label_rows(levels: Sequence[Level], axis: Axis, rows: int) -> dict[int, Level]:
    """A row for each level's name, as near its line as possible, from the highest value down.

    Names that collide are pushed down, and then up again from the last row. With more names than
    rows, the last levels have none.
    """
    named = list(levels[:rows])
    places = axis.place(np.array([level.value for level in named], dtype=float))
    places = np.where(np.isnan(places), -np.inf, places)  # at or below 0 on a logarithmic axis
    share = (axis.last - np.clip(places, axis.first, axis.last)) / (axis.last - axis.first)
    wanted = np.rint(share * (rows * DOTS - 1)).astype(int) // DOTS
    order = np.argsort(-places, kind="stable")  # by value, also of names at the same edge
    placed = wanted[order]
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + 1)
    for k in range(len(placed) - 1, -1, -1):
        placed[k] = min(placed[k], rows - len(placed) + k)
    return {int(row): named[k] for row, k in zip(placed, order, strict=True)}


def inside(axis: Axis, level: Level) -> bool:
    place = axis.place_one(level.value)
    return axis.first <= place <= axis.last


ROOM_ABOVE = 0.25
"""How far above the loss (in plot height) a level may lie and still set the scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Values over ascending x, where NaN is a gap. A line joins them; points have error bars; dots
    are single large points."""

    name: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    pen: Pen
    kind: Literal["line", "points", "dot"] = "line"
    error: Float[np.ndarray, " n"] | None = None
    under: bool = False
    """Whether it is drawn under the levels."""
    named: bool = False
    """Whether its name is shown at its right end."""
    tag: str = ""
    """A letter at its end, or instead of a dot."""
    thick: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """What a chart shows, independent of the view."""

    curves: tuple[Curve, ...]
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()
    behind: tuple[Curve, ...] = ()
    """Curves for comparison, drawn first, and not read out at the crosshair."""
    home: float = NEWEST
    """Where the crosshair first appears."""

    @property
    def x(self) -> Float[np.ndarray, " n"]:
        """The positions of the crosshair: the first curve's x."""
        return self.curves[0].x

    @property
    def empty(self) -> bool:
        return not self.curves or self.x.size < 2


def shown(chart: Chart, view: ChartView) -> Shown:
    """The axes of a chart, which is not empty, in this view."""
    curves = [curve for curve in (*chart.curves, *chart.behind) if curve.x.size]
    ends = np.concatenate([curve.x[[0, -1]] for curve in curves])
    first = chart.x[:2] if view.log_x else ends  # a logarithm cannot show 0
    whole_x = spanning(np.append(ends, first), view.log_x, margin=0)
    newest = whole_x.place_one(float(chart.x[-1]))
    newest = whole_x.last if math.isnan(newest) else newest
    x = x_axis(view, whole_x, newest)
    whole_y = _value_axis(chart, x, view.log_y)
    reach_y = _reach(chart, whole_y)
    return Shown(x, y_axis(view, whole_y), whole_x, whole_y, reach_y, newest)


def end_names(chart: Chart, now: Shown) -> list[Level]:
    """The names of curves, at the values that they have at the right end of the chart."""
    names = []
    for curve in reversed((*chart.behind, *chart.curves)):
        known = np.isfinite(curve.y)
        x, y = curve.x[known], curve.y[known]
        if curve.named and x.size and x[-1] >= now.x.value(now.x.first):
            end = float(np.interp(now.x.value(now.x.last), x, y))
            names.append(with_arrow(Level(curve.name, end, curve.pen.colour), now.y))
    return names


def with_arrow(level: Level, axis: Axis) -> Level:
    """The level with an arrow before its name if it is off the scale."""
    if inside(axis, level):
        return level
    arrow = "↑" if axis.place_one(level.value) > axis.last else "↓"
    return dataclasses.replace(level, name=f"{arrow} {level.name}")


def height_at(chart: Chart, now: Shown, cross: float | None) -> float | None:
    """The height of the main curve (the last line drawn) at the crosshair."""
    lines = [curve for curve in chart.curves if curve.kind == "line"]
    if cross is None or not lines:
        return None
    index = nearest(lines[-1].x, now.x.value(cross))
    place = now.y.place_one(float(lines[-1].y[index]))
    return place if math.isfinite(place) else None


def _value_axis(chart: Chart, x: Axis, log: bool) -> Axis:
    """The axis for all visible curves, and for levels that are close enough not to flatten them."""
    extremes: list[float] = []
    for curve in (*chart.curves, *chart.behind):
        begin = max(int(np.searchsorted(curve.x, x.value(x.first))) - 1, 0)
        end = int(np.searchsorted(curve.x, x.value(x.last), side="right")) + 1
        extremes += _extremes(curve.y[begin:end], log)
    own = spanning(np.array(extremes), log)
    reach = (own.last - own.first) * ROOM_ABOVE
    near = [
        level.value
        for level in chart.levels
        if own.first - 4 * reach <= own.place_one(level.value) <= own.last + reach
    ]
    return spanning(np.array([*extremes, *near]), log)


def _reach(chart: Chart, whole: Axis) -> Axis:
    """The axis for the visible data and all levels."""
    levels = whole.place(np.array([level.value for level in chart.levels]))
    ends = np.array([whole.first, whole.last, *levels[np.isfinite(levels)]])
    return whole.at(float(ends.min()), float(ends.max()))


def _extremes(y: np.ndarray, log: bool) -> list[float]:
    """The least and the greatest value that the axis can show."""
    low, high = float(np.fmin.reduce(y, initial=np.inf)), float(np.fmax.reduce(y, initial=-np.inf))
    if (log and low <= 0) or not np.isfinite([low, high]).all():
        y = y[np.isfinite(y) & ((y > 0) | (not log))]
        return [float(y.min()), float(y.max())] if y.size else []
    return [low, high]
