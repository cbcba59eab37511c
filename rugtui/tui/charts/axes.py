"""The two axes as rows of plain text, with ticks and labels that keep out of each other's way."""

from __future__ import annotations

from functools import lru_cache

from rugtui.tui.charts.axis import Axis

FOOT = 2
"""Rows under the plot: the line and its labels."""
LEAST_GUTTER = 6
"""Columns for the labels on the left: the plot must not jump when 0.01 becomes 0.006."""
ASCII = str.maketrans("│┤├─┬┴└┼", "|+|-+-++")


def gutter(y_axis: Axis, height: int) -> int:
    """Columns to the left of the plot: the longest label and the line."""
    labels = y_axis.ticks(_most_down(height))[1]
    return max(LEAST_GUTTER, *map(len, labels), 0) + 1 if labels else LEAST_GUTTER + 1


@lru_cache(maxsize=64)
def axes(x_axis: Axis, y_axis: Axis, width: int, height: int, ascii_only: bool) -> tuple[str, ...]:
    """`height` rows of `width` characters: labels and line on the left, FOOT rows below.

    plotext sets them, in two slim figures, for its cost is its cells: the plot itself stays empty.
    """
    left = gutter(y_axis, height)
    beside = _set(x_axis, y_axis, left + 2, height, left)
    below = _set(x_axis, y_axis, width, FOOT + 1, left)
    rows = [row[:left].ljust(width) for row in beside[:-FOOT]] + below[-FOOT:]
    return tuple(row.translate(ASCII) for row in rows) if ascii_only else tuple(rows)


def _set(x_axis: Axis, y_axis: Axis, width: int, height: int, left: int) -> list[str]:
    from textual_plotext.plot import Plot  # slow to import, and not needed at first

    plot = Plot()
    plot.plotsize(width, height)
    plot._set_size(width, height)
    plot.theme("clear")
    plot.xlim(x_axis.first, x_axis.last)
    plot.ylim(y_axis.first, y_axis.last)
    plot.xaxes(True, False)
    plot.yaxes(True, False)
    plot.xticks(*x_axis.ticks(max((width - left) // 12, 2)))
    places, labels = y_axis.ticks(_most_down(height))
    plot.yticks(places or [y_axis.first], [label.rjust(left - 1) for label in labels or [""]])
    # An empty curve: without one plotext draws no axes.
    plot.scatter([x_axis.first], [y_axis.first], marker=" ")
    return [row.ljust(width)[:width] for row in plot.uncolorize(plot.build()).splitlines()]


def _most_down(height: int) -> int:
    return max((height - FOOT) // 3, 2)
