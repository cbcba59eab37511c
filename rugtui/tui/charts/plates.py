"""Plates in characters: the renderables of the dashboard, one panel under the other."""

from __future__ import annotations

from typing import Literal

import numpy as np
from textual.strip import Strip

from rugtui.live.frame import Panel as Corner
from rugtui.live.frame import Picture
from rugtui.models.base import Window
from rugtui.reports.plate import Lines, Map, Panel, Plate, Series, Weave
from rugtui.tui.charts.canvas import Font, Pen
from rugtui.tui.charts.chart import Chart, Curve, Level
from rugtui.tui.charts.drawing import chart_strips
from rugtui.tui.charts.lines import blank, line, paragraph
from rugtui.tui.charts.palette import Palette
from rugtui.tui.charts.view import ChartView
from rugtui.tui.heatmap.heatmap import rows_a_strip
from rugtui.tui.heatmap.shading import Scale
from rugtui.tui.panes.sweep.map import map_strips
from rugtui.tui.panes.weights.picture import PictureLayout, Shades, weights_picture

HEIGHT = 16
"""Rows of a chart."""
MAP_WIDTH, MAP_HEIGHT = 72, 18
SIDE = 64
"""Pixels of a picture of W."""
STAGES = ("bound", "smooth", "optimum", "gaussian", "exact", "heldout")
"""The palette's colours for ordered series; what they are is written beside them, too."""
ROLES = {
    "trained": ("smooth", "o"),
    "rug": ("gaussian", "R"),
    "optimum": ("optimum", "*"),
    "linear": ("bound", "="),
    "guide": ("faint", "."),
}


def drawn(plate: Plate, palette: Palette, width: int, *, ascii_only: bool = False) -> list[Strip]:
    """A plate in strips of `width` cells: its caption, then its panels."""
    strips = paragraph(plate.caption, palette.style("text", bold=True), width)
    for panel in plate.panels:
        strips += [blank(width), *_panel(panel, palette, width, Font(ascii_only))]
    return strips


def _panel(panel: Panel, palette: Palette, width: int, font: Font) -> list[Strip]:
    if isinstance(panel, Lines):
        return _lines(panel, palette, width, font)
    title = line([(panel.title, palette.style("text"))], width)
    if isinstance(panel, Map):
        drawn_map = map_strips(panel, None, palette, min(width, MAP_WIDTH), MAP_HEIGHT)
        return [title, *(strip.adjust_cell_length(width) for strip in drawn_map)]
    return [title, *_weave(panel, palette, width)]


def _weave(panel: Weave, palette: Palette, width: int) -> list[Strip]:
    """The corner of W that has room, a cell a pixel: means of many cells would show no weave."""
    side = min(width - 6, SIDE, panel.pixels.shape[0])
    corner = panel.pixels[:side, :side]
    biases = np.zeros(side) if panel.biases is None else panel.biases[:side]
    features = side * panel.n_sparse // panel.pixels.shape[0]
    picture = Picture(
        0,
        Window(0, 0, features, features),
        panel.n_sparse,
        (Corner("trained", corner, biases),),
    )
    shades = Shades("fixed", Scale("fixed", panel.top))
    tall = -(-side // rows_a_strip(palette))
    tall += PictureLayout.of(width, tall, 1, palette).lines
    note = line([(f"features 0 to {features - 1}", palette.style("faint"))], width)
    return [*weights_picture(picture, None, shades, palette, width, tall)[:-1], note]


def _lines(panel: Lines, palette: Palette, width: int, font: Font) -> list[Strip]:
    faint = palette.style("faint")
    chart = Chart(
        curves=tuple(_curve(series, palette) for series in panel.series if series.x.size > 1),
        levels=tuple(Level(name, value, palette.text, True) for name, value in panel.levels),
    )
    title = f"{panel.title}: {panel.y_label} against {panel.x_label}"
    if chart.empty:
        return [line([(f"{title}: too few values yet", faint)], width)]
    view = ChartView(log_x=panel.log_x, log_y=panel.log_y)
    return [
        line([(title, palette.style("text"))], width),
        *chart_strips(chart, view, palette, font, width, HEIGHT),
    ]


def _curve(series: Series, palette: Palette) -> Curve:
    if series.place is not None:
        name = STAGES[series.place % len(STAGES)]
        letter = chr(ord("a") + series.place % 26)
    else:
        name, letter = ROLES[series.role]
    pen = Pen(getattr(palette, name), letter)
    dots = series.is_measured and series.place is None
    kind: Literal["line", "dot"] = "dot" if dots else "line"
    return Curve(series.name, series.x, series.y, pen, kind, named=True)
