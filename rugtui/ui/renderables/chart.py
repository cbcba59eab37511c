"""A chart: curves over the levels that theory names, as the user looks at them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from rich.segment import Segment
from textual.strip import Strip

from rugtui.session.history import Mark
from rugtui.ui.renderables.axes import FOOT, axes, gutter
from rugtui.ui.renderables.axis import Axis, spanning
from rugtui.ui.renderables.canvas import Canvas, Glyphs, Pen
from rugtui.ui.renderables.decimate import decimate
from rugtui.ui.renderables.levels import Level, inside, label_rows
from rugtui.ui.renderables.lines import fit, line
from rugtui.ui.renderables.palette import Palette, ink
from rugtui.ui.renderables.view import NEWEST, Shown, View, crosshair, nearest, x_axis, y_axis

LABELS = 12
"""Columns on the right for the names of the levels."""
LEAST = 24, FOOT + 2
"""Columns and rows below which there is no room for a chart."""
ROOM_ABOVE = 0.25
"""How far above the loss (in plot height) a level may lie and still set the scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Values over ascending x. A NaN is a gap in a line, and no point among points.

    A line joins them, points have bars of `error` on both sides, dots are drawn large.
    """

    name: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    pen: Pen
    kind: Literal["line", "points", "dot"] = "line"
    error: Float[np.ndarray, " n"] | None = None
    under: bool = False
    """Drawn before the levels, not over them."""
    named: bool = False
    """Has its name on the right, where it leaves the chart."""


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """What there is to see, whichever way one looks at it."""

    curves: tuple[Curve, ...]
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()
    home: float = NEWEST
    """Where the crosshair first appears."""

    @property
    def x(self) -> Float[np.ndarray, " n"]:
        """What the crosshair may stand on: the first curve's x."""
        return self.curves[0].x

    @property
    def empty(self) -> bool:
        return not self.curves or self.x.size < 2


def shown(chart: Chart, view: View) -> Shown:
    """The axes of a chart that is not empty, in this view."""
    ends = np.concatenate([curve.x[[0, -1]] for curve in chart.curves if curve.x.size])
    first = chart.x[:2] if view.log_x else ends  # a logarithm cannot show 0
    whole_x = spanning(np.append(ends, first), view.log_x, margin=0)
    x = x_axis(view, whole_x)
    whole_y = _value_axis(chart, x, view.log_y)
    return Shown(x, y_axis(view, whole_y), whole_x, whole_y)


def chart_strips(
    chart: Chart, view: View, palette: Palette, glyphs: Glyphs, width: int, height: int
) -> list[Strip]:
    """A chart that is not empty, in `height` strips of `width` cells, both at least LEAST."""
    now = shown(chart, view)
    levels = [level for level in chart.levels if inside(now.y, level)]
    names = [*levels, *end_names(chart, now)]
    labels = LABELS if width >= 3 * LABELS else 0
    left, rows = gutter(now.y, height), height - FOOT
    frame = axes(now.x, now.y, width - labels, height, glyphs.ascii)
    canvas = Canvas(width - labels - left, rows, glyphs)
    draw(canvas, chart, levels, now, crosshair(view, now), palette)
    named = label_rows(names, now.y, rows) if labels else {}
    faint = palette.style("faint")
    strips = []
    for row in range(rows):
        name = named.get(row)
        label = f" {name.name}"[:labels].ljust(labels) if name else " " * labels
        margin = Segment(label, ink(name.colour) if name else faint)
        strips.append(Strip([Segment(frame[row][:left], faint), *canvas.segments(row), margin]))
    strips += [line([(text, faint)], width) for text in frame[rows:]]
    return fit(strips, width, height)


def end_names(chart: Chart, now: Shown) -> list[Level]:
    """The names of curves, at the heights at which these leave the chart on the right."""
    names = []
    for curve in reversed(chart.curves):
        if curve.named:
            end = float(np.interp(now.x.value(now.x.last), curve.x, curve.y))
            place = now.y.place_one(end)
            place = now.y.first if math.isnan(place) else min(max(place, now.y.first), now.y.last)
            names.append(Level(curve.name, now.y.value(place), curve.pen.colour))
    return names


def height_at(chart: Chart, now: Shown, cross: float | None) -> float | None:
    """Where the curve that one came to see (the last line drawn) is at the crosshair."""
    lines = [curve for curve in chart.curves if curve.kind == "line"]
    if cross is None or not lines:
        return None
    index = nearest(lines[-1].x, now.x.value(cross))
    place = now.y.place_one(float(lines[-1].y[index]))
    return place if math.isfinite(place) else None


def draw(
    canvas: Canvas,
    chart: Chart,
    levels: Sequence[Level],
    now: Shown,
    cross: float | None,
    palette: Palette,
) -> None:
    """Layer upon layer: noise, marks, crosshair, levels, what one came to see."""
    over = sorted(chart.curves, key=lambda curve: crowding(curve, now.x, canvas.columns))
    for curve in over:
        if curve.under:
            draw_curve(canvas, curve, now)
    draw_marks(canvas, chart.marks, now.x, Pen(palette.faint, ":"))
    if cross is not None:
        canvas.down(_dot(now.x, cross, canvas.columns), Pen(palette.text, "|"), every=2)
    for level in reversed(levels):
        since = _dot(now.x, now.x.place_one(level.since), canvas.columns)
        canvas.across(
            _dot(now.y, now.y.place_one(level.value), canvas.rows),
            Pen(level.colour, "-"),
            every=3 if level.dashed else 1,
            first=since if since > 0 else 0.0,
        )
    for curve in over:
        if not curve.under:
            draw_curve(canvas, curve, now)
    name_marks(canvas, chart.marks, now.x, Pen(palette.faint, ":"))


def crowding(curve: Curve, axis: Axis, columns: int) -> int:
    """Order of drawing: points that would hide the line under them come before it."""
    if curve.kind == "line":
        return 1
    begin, end = np.searchsorted(curve.x, [axis.value(axis.first), axis.value(axis.last)])
    return 0 if end - begin > columns / 4 else 2


def draw_curve(canvas: Canvas, curve: Curve, now: Shown) -> None:
    if curve.kind == "points":
        x, low, high = _spread(curve, now.x, canvas.columns)
        canvas.bars(
            now.x.dots(now.x.place(x), canvas.columns),
            now.y.dots(now.y.place(low), canvas.rows),
            now.y.dots(now.y.place(high), canvas.rows),
            curve.pen,
            merge=True,
        )
        return
    if curve.kind == "dot":
        draw_dot(canvas, curve, now)
        return
    x, y = decimate(curve.x, curve.y, now.x.edges(canvas.columns))
    canvas.line(
        now.x.dots(now.x.place(x), canvas.columns),
        now.y.dots(now.y.place(y), canvas.rows),
        curve.pen,
    )


def draw_dot(canvas: Canvas, curve: Curve, now: Shown) -> None:
    """A letter or a disc in the one cell where the value lies."""
    down, across = canvas.glyphs.dots
    for x, y in zip(now.x.place(curve.x), now.y.place(curve.y), strict=True):
        column, row = _dot(now.x, x, canvas.columns), _dot(now.y, y, canvas.rows)
        if 0 <= column <= canvas.columns - 1 and 0 <= row <= canvas.rows - 1:
            top = canvas.height - 1 - round(row) // down
            disc = curve.pen.letter if canvas.glyphs.ascii else "●"
            canvas.write(top, round(column) // across, disc, curve.pen)


def draw_marks(canvas: Canvas, marks: Sequence[Mark], axis: Axis, pen: Pen) -> None:
    """An upright line at each."""
    for mark in marks:
        canvas.down(_mark_dot(canvas, mark, axis), pen, every=4 if canvas.glyphs.dots[0] > 1 else 2)


def name_marks(canvas: Canvas, marks: Sequence[Mark], axis: Axis, pen: Pen) -> None:
    """The words of the newest marks in the top row, as many as do not run together."""
    free = canvas.width
    for mark in reversed(marks):
        dot, room = _mark_dot(canvas, mark, axis), len(mark.text)
        if not 0 <= dot <= canvas.columns - 1:
            continue
        column = round(dot) // canvas.glyphs.dots[1]
        begin = column + 1 if column + 1 + room <= free else column - room
        if 0 <= begin <= free - room:
            canvas.write(0, begin, mark.text, pen)
            free = min(begin, column) - 1


def _mark_dot(canvas: Canvas, mark: Mark, axis: Axis) -> float:
    return _dot(axis, axis.place_one(mark.step), canvas.columns)


def _spread(
    curve: Curve, axis: Axis, columns: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Of the points in each column the lowest and the highest end of y ± error."""
    edges = axis.edges(columns)
    begin, end = np.searchsorted(curve.x, edges[[0, -1]])
    y = curve.y[begin:end]
    known = np.flatnonzero(np.isfinite(y))
    x, y = curve.x[begin:end][known], y[known]
    error = np.zeros_like(y) if curve.error is None else curve.error[begin:end][known]
    error = np.where(np.isfinite(error), error, 0.0)
    low, high = y - error, y + error
    # A logarithm has no place for a bar's end at or below zero: the bar begins at its middle.
    low = np.where(low > 0, low, y)
    if not x.size:
        return x, low, high
    starts = np.unique(np.searchsorted(x, edges[:-1]))
    starts = starts[starts < x.size]
    return x[starts], np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)


def _value_axis(chart: Chart, x: Axis, log: bool) -> Axis:
    """All of the curves in sight, and those levels that do not squeeze them flat."""
    extremes = [0.0] * 0
    for curve in chart.curves:
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


def _extremes(y: np.ndarray, log: bool) -> list[float]:
    """The least and the greatest value that the axis has a place for."""
    low, high = float(np.fmin.reduce(y, initial=np.inf)), float(np.fmax.reduce(y, initial=-np.inf))
    if (log and low <= 0) or not np.isfinite([low, high]).all():
        y = y[np.isfinite(y) & ((y > 0) | (not log))]
        return [float(y.min()), float(y.max())] if y.size else []
    return [low, high]


def _dot(axis: Axis, place: float, count: int) -> float:
    return (place - axis.first) * (count - 1) / (axis.last - axis.first)
