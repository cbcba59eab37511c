"""Draws a chart: layers of curves, axes and names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from jaxtyping import Float
from rich.segment import Segment
from textual.strip import Strip

from rugtui.live.history import Mark
from rugtui.tui.charts.axis import FOOT, Axis, axes, gutter
from rugtui.tui.charts.canvas import Canvas, Font, Pen, decimate
from rugtui.tui.charts.chart import (
    Chart,
    Curve,
    Level,
    end_names,
    inside,
    label_rows,
    shown,
    with_arrow,
)
from rugtui.tui.charts.lines import fit, line
from rugtui.tui.charts.palette import Palette, ink
from rugtui.tui.charts.view import ChartView, Shown, crosshair

LABELS, LABELS_OF_RUNS = 12, 18
"""Columns on the right for the names of the levels, and for those of other runs."""
ASCII_ARROWS = str.maketrans("↑↓", "^v")
LEAST = 24, FOOT + 2
"""The least columns and rows of a chart."""


def chart_strips(
    chart: Chart, view: ChartView, palette: Palette, font: Font, width: int, height: int
) -> list[Strip]:
    """A chart that is not empty, in `height` strips of `width` cells, both at least LEAST."""
    now = shown(chart, view)
    levels = [level for level in chart.levels if inside(now.y, level)]
    names = [with_arrow(level, now.y) for level in chart.levels if level.name and level.value > 0]
    names += end_names(chart, now)
    labels = labels_beside(width, chart)
    left, rows = gutter(now.y, height), height - FOOT
    frame = axes(now.x, now.y, width - labels, height, font.ascii)
    canvas = Canvas(width - labels - left, rows, font)
    if not font.ascii:
        draw_grid(canvas, now, width - labels - left, height, Pen(palette.grid, "."))
    draw(canvas, chart, levels, now, crosshair(view, now), palette)
    named = label_rows(names, now.y, rows) if labels else {}
    faint = palette.style("faint")
    strips = []
    for row in range(rows):
        name = named.get(row)
        label = _label(f" {name.name}" if name else "", labels, font)
        margin = Segment(label, ink(name.colour) if name else faint)
        strips.append(Strip([Segment(frame[row][:left], faint), *canvas.segments(row), margin]))
    strips += [line([(text, faint)], width) for text in frame[rows:]]
    return fit(strips, width, height)


def draw_grid(canvas: Canvas, now: Shown, width: int, height: int, pen: Pen) -> None:
    """Faint lines at the ticks of both axes."""
    for place in now.y.ticks(max((height - FOOT) // 3, 2))[0]:
        canvas.across(now.y.dot(place, canvas.rows), pen, every=6)
    for place in now.x.ticks(max(width // 12, 2))[0]:
        canvas.down(now.x.dot(place, canvas.columns), pen, every=6)


def labels_beside(width: int, chart: Chart) -> int:
    """Columns for names, at most a third of the width."""
    fitting = [wide for wide in (LABELS_OF_RUNS, LABELS) if width >= 3 * wide]
    wanted = fitting if chart.behind else fitting[-1:]
    return wanted[0] if wanted else 0


def _label(text: str, width: int, font: Font) -> str:
    """A name in so many columns: without spaces around its arrow, then with an ellipsis, if it does
    not fit."""
    if len(text) > width:
        text = text.strip().replace("↑ ", "↑").replace("↓ ", "↓")
    text = text.translate(ASCII_ARROWS) if font.ascii else text
    if len(text) > width > 0:
        return text[: width - 1] + ("~" if font.ascii else "…")
    return text.ljust(width)[:width]


def place_under(chart: Chart, now: Shown, column: int, width: int, height: int) -> float:
    """The place on the horizontal axis that a column of the chart shows, or the nearest end."""
    left = gutter(now.y, height)
    share = (column - left) / max(width - labels_beside(width, chart) - left - 1, 1)
    return now.x.first + (now.x.last - now.x.first) * min(max(share, 0.0), 1.0)


def draw(
    canvas: Canvas,
    chart: Chart,
    levels: Sequence[Level],
    now: Shown,
    cross: float | None,
    palette: Palette,
) -> None:
    """Draw layer upon layer: noise, marks, crosshair, levels, curves, names."""
    for curve in chart.behind:
        if curve.kind == "line":
            draw_curve(canvas, curve, now)
    over = sorted(chart.curves, key=lambda curve: crowding(curve, now.x, canvas.columns))
    for curve in over:
        if curve.under:
            draw_curve(canvas, curve, now)
    draw_marks(canvas, chart.marks, now.x, Pen(palette.faint, ":"))
    if cross is not None:
        canvas.down(now.x.dot(cross, canvas.columns), Pen(palette.text, "|"), every=2)
    draw_levels(canvas, levels, now)
    for curve in over:
        if not curve.under:
            draw_curve(canvas, curve, now)
    draw_levels(canvas, levels, now, join=True)  # through the curves that cross them
    for curve in chart.behind:
        draw_tag(canvas, curve, now)
    name_marks(canvas, chart.marks, now.x, Pen(palette.faint, ":"))


def draw_levels(canvas: Canvas, levels: Sequence[Level], now: Shown, *, join: bool = False) -> None:
    """The lines of levels; `join`: only in the cells that curves cross."""
    for level in reversed(levels):
        since, until = (
            now.x.dot(now.x.place_one(x), canvas.columns) if math.isfinite(x) else x
            for x in (level.since, level.until)
        )
        canvas.across(
            now.y.dot(now.y.place_one(level.value), canvas.rows),
            Pen(level.colour, "-"),
            every=3 if level.dashed else 1,
            first=since if since > 0 else 0.0,
            last=until,
            join=join,
        )


def crowding(curve: Curve, axis: Axis, columns: int) -> int:
    """The order of drawing: many points come before lines, which they would hide, few after."""
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
    x, y = decimate(curve.x, curve.y, now.x.parts(curve.x, canvas.columns))
    canvas.line(
        now.x.dots(now.x.place(x), canvas.columns),
        now.y.dots(now.y.place(y), canvas.rows),
        curve.pen,
        thick=curve.thick,
    )


def draw_dot(canvas: Canvas, curve: Curve, now: Shown) -> None:
    """A letter or a disc in the cell of the value."""
    down, across = canvas.font.dots
    for x, y in zip(now.x.place(curve.x), now.y.place(curve.y), strict=True):
        column, row = now.x.dot(x, canvas.columns), now.y.dot(y, canvas.rows)
        if 0 <= column <= canvas.columns - 1 and 0 <= row <= canvas.rows - 1:
            top = canvas.height - 1 - round(row) // down
            disc = curve.tag or (curve.pen.letter if canvas.font.ascii else "●")
            canvas.write(top, round(column) // across, disc, curve.pen)


def draw_tag(canvas: Canvas, curve: Curve, now: Shown) -> None:
    """The letter of a run at the end of its line, if that is visible."""
    known = np.flatnonzero(np.isfinite(curve.y))
    if known.size:
        end = known[-1:]
        draw_dot(canvas, replace(curve, x=curve.x[end], y=curve.y[end]), now)


def draw_marks(canvas: Canvas, marks: Sequence[Mark], axis: Axis, pen: Pen) -> None:
    """A vertical line at each."""
    for mark in marks:
        canvas.down(
            _mark_dot(canvas, mark.step, axis), pen, every=4 if canvas.font.dots[0] > 1 else 2
        )


def name_marks(canvas: Canvas, marks: Sequence[Mark], axis: Axis, pen: Pen) -> None:
    """The texts of the marks in the top row, the newest first, as far as there is room; of several
    at one step all of them, or only the last."""
    free = canvas.width
    for step, texts in reversed(_by_step(marks)):
        dot = _mark_dot(canvas, step, axis)
        if not 0 <= dot <= canvas.columns - 1:
            continue
        column = round(dot) // canvas.font.dots[1]
        for text in (", ".join(texts), texts[-1]):
            room = len(text)
            begin = column + 1 if column + 1 + room <= free else column - room
            if 0 <= begin <= free - room:
                canvas.write(0, begin, text, pen)
                free = min(begin, column) - 1
                break


def _by_step(marks: Sequence[Mark]) -> list[tuple[int, list[str]]]:
    """The changes at each step. A text begins with the name of a setting; of several changes of one
    setting within a step only the last counts."""
    found = []
    for step, changes in groupby(marks, key=lambda mark: mark.step):
        texts: dict[str, str] = {}
        for mark in changes:
            name = mark.text.partition(" ")[0]
            texts.pop(name, None)
            texts[name] = mark.text
        found.append((step, list(texts.values())))
    return found


def _mark_dot(canvas: Canvas, step: int, axis: Axis) -> float:
    return axis.dot(axis.place_one(step), canvas.columns)


def _spread(
    curve: Curve, axis: Axis, columns: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The lowest and the highest end of y ± error of the points in each column."""
    parts = axis.parts(curve.x, columns)
    begin, end = parts[0], parts[-1]
    y = curve.y[begin:end]
    known = np.flatnonzero(np.isfinite(y))
    x, y = curve.x[begin:end][known], y[known]
    error = np.zeros_like(y) if curve.error is None else curve.error[begin:end][known]
    error = np.where(np.isfinite(error), error, 0.0)
    low, high = y - error, y + error
    # A logarithmic axis cannot show a bar's end at or below 0: the bar begins at its middle.
    low = np.where(low > 0, low, y)
    if not x.size:
        return x, low, high
    starts = np.unique(np.searchsorted(known, parts[:-1] - begin))
    starts = starts[starts < x.size]
    return x[starts], np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
