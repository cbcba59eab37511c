"""Plates in characters: the renderables of the dashboard, one panel under the other."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.figures.plate import Lines, Panel, Plate, Series
from rugtui.ui.renderables.canvas import Font, Pen
from rugtui.ui.renderables.chart import Chart, Curve
from rugtui.ui.renderables.drawing import chart_strips
from rugtui.ui.renderables.levels import Level
from rugtui.ui.renderables.lines import blank, line, paragraph
from rugtui.ui.renderables.palette import Palette
from rugtui.ui.renderables.view import View

HEIGHT = 16
"""Rows of a chart."""
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
    raise NotImplementedError


def _lines(panel: Lines, palette: Palette, width: int, font: Font) -> list[Strip]:
    faint = palette.style("faint")
    chart = Chart(
        curves=tuple(_curve(series, palette) for series in panel.series if series.x.size > 1),
        levels=tuple(Level(name, value, palette.text, True) for name, value in panel.levels),
    )
    title = f"{panel.y_label} against {panel.x_label}"
    if chart.empty:
        return [line([(f"{title}: too few values yet", faint)], width)]
    view = View(log_x=panel.log_x, log_y=panel.log_y)
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
    return Curve(series.name, series.x, series.y, pen, named=True)
