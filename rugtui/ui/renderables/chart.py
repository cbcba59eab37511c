"""The loss against steps: curves, and the levels that theory names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from rugtui.session.history import HistoryView
from rugtui.ui.renderables.axis import Axis, spanning
from rugtui.ui.renderables.decimate import decimate
from rugtui.ui.renderables.lines import fit, line
from rugtui.ui.renderables.palette import RGB, Palette, ink

LABELS = 12
"""Columns on the right for the names of the levels."""
AXES = 2
"""Rows that plotext takes for the x axis."""
ROOM_ABOVE = 0.25
"""How far above the loss (in plot height) a level may lie and still set the scale."""


@dataclass(frozen=True, slots=True)
class View:
    """How the user looks at the chart."""

    log_x: bool = True
    log_y: bool = True

    def next(self) -> View:
        """The next of the four pairs of scales."""
        return View(self.log_x != (not self.log_y), not self.log_y)


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line with a name."""

    name: str
    value: float
    colour: RGB


def loss_chart(
    history: HistoryView,
    levels: Sequence[Level],
    view: View,
    palette: Palette,
    width: int,
    height: int,
) -> list[Strip]:
    """The chart in exactly `height` strips of `width` cells; a sentence where there is no data."""
    if len(history) < 2 or width < 2 * LABELS or height < AXES + 2:
        return fit(
            [line([("waiting for the first steps", palette.style("faint"))], width)], width, height
        )
    steps = history.column("step")
    x_axis = spanning(steps, view.log_x, margin=0)
    y_axis = _loss_axis(history, levels, view)
    shown = [level for level in levels if _inside(y_axis, level.value)]
    rows = _plot(history, shown, x_axis, y_axis, palette, width - LABELS, height)
    names = _label_rows(shown, y_axis, height - AXES)
    return fit([_joined(row, names.get(k), width) for k, row in enumerate(rows)], width, height)


def _loss_axis(history: HistoryView, levels: Sequence[Level], view: View) -> Axis:
    """All of the smoothed loss, and those levels that do not squeeze it flat."""
    loss = history.column("smoothed")
    own = spanning(loss, view.log_y)
    placed = own.place(np.array([level.value for level in levels]))
    reach = (own.last - own.first) * ROOM_ABOVE
    near = [
        level.value
        for level, place in zip(levels, placed, strict=True)
        if own.first - 4 * reach <= place <= own.last + reach
    ]
    return spanning(np.append(loss, near), view.log_y)


def _inside(axis: Axis, value: float) -> bool:
    place = axis.place(np.array([value]))[0]
    return bool(axis.first <= place <= axis.last)


def _plot(
    history: HistoryView,
    levels: Sequence[Level],
    x_axis: Axis,
    y_axis: Axis,
    palette: Palette,
    width: int,
    height: int,
) -> list[Text]:
    """plotext draws; every point it gets is already in plot coordinates."""
    from textual_plotext.plot import Plot  # plotext is slow to import, and is not needed at first

    plot = Plot()
    plot.plotsize(width, height)
    plot._set_size(width, height)
    for level in levels:
        place = float(y_axis.place(np.array([level.value]))[0])
        plot.plot([x_axis.first, x_axis.last], [place] * 2, color=level.colour, marker="braille")
    curves = (("loss", palette.trained), ("smoothed", palette.smooth), ("heldout", palette.heldout))
    for name, colour in curves:
        _curve(plot, history, name, colour, x_axis, y_axis, 2 * width)
    plot.xlim(x_axis.first, x_axis.last)
    plot.ylim(y_axis.first, y_axis.last)
    plot.xaxes(True, False)
    plot.yaxes(True, False)
    plot.xticks(*x_axis.ticks(width // 12))
    plot.yticks(*y_axis.ticks(height // 3))
    for paint in (plot.canvas_color, plot.axes_color, plot.ticks_color):
        paint("default")
    plot.ticks_color(palette.faint)
    return [Text.from_ansi(row) for row in plot.build().splitlines()]


def _curve(
    plot: object,
    history: HistoryView,
    name: str,
    colour: RGB,
    x_axis: Axis,
    y_axis: Axis,
    columns: int,
) -> None:
    x = x_axis.place(history.column("step"))
    y = y_axis.place(history.column(name))
    x, y = decimate(x, y, x_axis.first, x_axis.last, columns)
    y = np.clip(y, y_axis.first, y_axis.last)
    if x.size:
        draw = plot.scatter if name == "heldout" else plot.plot  # type: ignore[attr-defined]
        draw(x.tolist(), y.tolist(), color=colour, marker="braille")


def _label_rows(levels: Sequence[Level], axis: Axis, rows: int) -> dict[int, Level]:
    """A row of its own for each level's name, as near its line as there is room.

    Names are pushed down where they collide, and then up again from the last row. Where there are
    more names than rows, the last levels have none.
    """
    named = list(levels[:rows])
    places = axis.place(np.array([level.value for level in named]))
    wanted = np.rint((axis.last - places) / (axis.last - axis.first) * (rows - 1)).astype(int)
    order = np.argsort(wanted, kind="stable")
    placed = wanted[order]
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + 1)
    for k in range(len(placed) - 1, -1, -1):
        placed[k] = min(placed[k], rows - len(placed) + k)
    return {int(row): named[k] for row, k in zip(placed, order, strict=True)}


def _joined(row: Text, level: Level | None, width: int) -> Strip:
    text = row.copy()
    text.truncate(width - LABELS, pad=True)
    if level is not None:
        text.append(f" {level.name}"[:LABELS].ljust(LABELS), ink(level.colour))
    return Strip(text.render(Console(), end="")).adjust_cell_length(width, Style.null())
