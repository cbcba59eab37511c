"""The user's view of a chart as a frozen value (limits, scales, crosshair), and how it changes.

Nothing here depends on keys, widgets or curves. Limits are kept as data values, so that they
survive new data and a change of scale, but are moved in plot coordinates.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rugtui.tui.charts.axis import Axis

NEWEST = math.inf
"""The place of a crosshair that stays at the newest result."""
NARROWEST = 1e-9
"""Least width of the limits, as a share of the whole: float64 has no digits for less."""
SLACK = 1e-9
"""Limits that differ by less than this share of the whole are equal."""
WIDEST = 2.0
"""Greatest height of the limits, relative to that of all data."""


class Limits(NamedTuple):
    """Data values at the two ends."""

    first: float
    last: float


@dataclass(frozen=True, slots=True)
class ChartView:
    """Limits that are None follow the data."""

    log_x: bool = True
    log_y: bool = True
    x: Limits | None = None
    y: Limits | None = None
    cross: float | None = None
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """The axes of a view of given data, and those that would show all of the data."""

    x: Axis
    y: Axis
    whole_x: Axis
    whole_y: Axis
    reach_y: Axis
    """The visible data and all levels: zooming and panning end here."""
    newest: float
    """The place of the newest result; other runs may go further."""


def x_axis(view: ChartView, whole: Axis, newest: float) -> Axis:
    """The horizontal axis: everything, or the user's limits, moved to the newest result if they
    follow it."""
    if view.x is None:
        return whole
    axis = whole.between(*view.x)
    if not axis.last - axis.first > 0 or axis.first >= whole.last or axis.last <= whole.first:
        return whole
    return _following(axis, whole, newest) if view.follow else axis


def _following(axis: Axis, whole: Axis, newest: float) -> Axis:
    """The limits moved so that they end at the newest result, but inside the whole axis."""
    width = axis.last - axis.first
    last = min(max(newest, whole.first + width), whole.last)
    return axis.at(last - width, last)


def y_axis(view: ChartView, whole: Axis) -> Axis:
    """The vertical axis: all visible data, or the user's limits."""
    if view.y is None:
        return whole
    axis = whole.between(*view.y)
    return axis if axis.last - axis.first > 0 else whole


def crosshair(view: ChartView, shown: Shown) -> float | None:
    """The crosshair in plot coordinates, always inside the limits; None if it is hidden."""
    if view.cross is None:
        return None
    place = shown.newest if view.cross == NEWEST else shown.x.place_one(view.cross)
    if math.isnan(place):
        return shown.x.first
    return min(max(place, shown.x.first), shown.x.last)


def zoom_x(view: ChartView, shown: Shown, factor: float) -> ChartView:
    """Limits `factor` times as wide around the crosshair, else around the newest result or the
    middle. At one end of the data, zooming out extends the other end."""
    axis, whole = shown.x, shown.whole_x
    anchor = crosshair(view, shown)
    if anchor is None:
        middle = (axis.first + axis.last) / 2
        anchor = min(shown.newest, axis.last) if view.follow else middle
    least = (whole.last - whole.first) * NARROWEST
    factor = max(factor, least / (axis.last - axis.first))
    first, last = (anchor + (end - anchor) * factor for end in (axis.first, axis.last))
    over, under = max(last - whole.last, 0.0), max(whole.first - first, 0.0)
    first, last = max(first - over, whole.first), min(last + under, whole.last)
    axis = axis.at(first, last)
    if view.follow and view.cross is None:
        axis = _following(axis, whole, shown.newest)
    return _looking_at(view, axis, whole, follow=view.follow and _ends_with_newest(axis, shown))


def zoom_to(view: ChartView, shown: Shown, first: float, last: float) -> ChartView:
    """Limits at two places of the axis that is shown; they do not follow the data."""
    least = (shown.whole_x.last - shown.whole_x.first) * NARROWEST
    middle, half = (first + last) / 2, max(abs(last - first), least) / 2
    axis = shown.x.at(middle - half, middle + half)
    return _looking_at(view, axis, shown.whole_x, follow=False)


def pan_x(view: ChartView, shown: Shown, share: float) -> ChartView:
    """Limits moved by a share of their width, inside the data; at the end they follow."""
    return _panned(view, shown, share * (shown.x.last - shown.x.first))


def zoom_y(view: ChartView, shown: Shown, factor: float, anchor: float | None = None) -> ChartView:
    """Limits `factor` times as high around `anchor` (plot coordinates) or the middle."""
    axis, height = shown.y, shown.reach_y.last - shown.reach_y.first
    if anchor is None or not axis.first <= anchor <= axis.last:
        anchor = (axis.first + axis.last) / 2
    now = axis.last - axis.first
    factor = min(max(factor, height * NARROWEST / now), max(height * WIDEST / now, 1.0))
    moved = axis.at(anchor + (axis.first - anchor) * factor, anchor + (axis.last - anchor) * factor)
    return dataclasses.replace(view, y=_limits(moved))


def pan_y(view: ChartView, shown: Shown, share: float) -> ChartView:
    """Limits moved up by a share of their height, but not so far that their middle leaves the data.
    Limits outside the data may always be moved towards them."""
    axis, reach = shown.y, shown.reach_y
    middle = (axis.first + axis.last) / 2
    lowest, highest = min(reach.first, middle), max(reach.last, middle)
    moved = min(max(middle + share * (axis.last - axis.first), lowest), highest)
    if moved == middle:
        return view
    return dataclasses.replace(view, y=_limits(axis.moved(moved - middle)))


def show_all(view: ChartView) -> ChartView:
    """Let both limits follow the data."""
    return dataclasses.replace(view, x=None, y=None, follow=True)


def toggle_follow(view: ChartView, shown: Shown) -> ChartView:
    """Fix the limits, or let them follow the newest result again."""
    if view.follow:
        return dataclasses.replace(view, x=_limits(shown.x), follow=False)
    return dataclasses.replace(view, follow=True)


def toggle_crosshair(view: ChartView, home: float = NEWEST) -> ChartView:
    """Show the crosshair at `home`, or hide it."""
    return dataclasses.replace(view, cross=home if view.cross is None else None)


def next_scales(view: ChartView, shown: Shown) -> ChartView:
    """The next of the four pairs of scales, with the same limits."""
    return dataclasses.replace(
        view,
        log_x=view.log_x != (not view.log_y),
        log_y=not view.log_y,
        x=None if view.x is None else _limits(shown.x),
        y=None if view.y is None else _limits(shown.y),
    )


def move_crosshair(
    view: ChartView, shown: Shown, known: np.ndarray, columns: int, by: int
) -> ChartView:
    """The crosshair at the known x nearest to `by` columns further on, but at least one further.
    Beyond the limits, it moves them."""
    here = crosshair(view, shown)
    if here is None or not known.size:
        return view
    step = by * (shown.x.last - shown.x.first) / max(columns - 1, 1)
    now = nearest(known, shown.x.value(here))
    then = nearest(known, shown.x.value(here + step))
    if then == now:
        then = min(max(now + (1 if by > 0 else -1), 0), known.size - 1)
    return put_crosshair(view, shown, settled(known, then))


def settled(known: np.ndarray, index: int) -> float:
    """The place of a crosshair at a known x; at the last one it follows the newest result."""
    return NEWEST if index == known.size - 1 else float(known[index])


def put_crosshair(view: ChartView, shown: Shown, cross: float) -> ChartView:
    """The crosshair at a data value; the limits are moved if they do not show it."""
    view = dataclasses.replace(view, cross=cross)
    place = shown.newest if cross == NEWEST else shown.x.place_one(cross)
    over = max(place - shown.x.last, 0.0) + min(place - shown.x.first, 0.0)
    return view if not over or math.isnan(over) else _panned(view, shown, over)


def nearest(known: np.ndarray, x: float) -> int:
    """Index of the nearest of ascending values."""
    after = int(np.searchsorted(known, x))
    if after == 0 or (after < known.size and known[after] - x < x - known[after - 1]):
        return after
    return after - 1


def _panned(view: ChartView, shown: Shown, by: float) -> ChartView:
    if view.x is None:
        return view
    axis, whole = shown.x, shown.whole_x
    by = min(max(by, whole.first - axis.first), whole.last - axis.last)
    moved = axis.moved(by)
    return _looking_at(view, moved, whole, follow=_ends_with_newest(moved, shown))


def _ends_with_newest(axis: Axis, shown: Shown) -> bool:
    """Whether these limits end where following ones would."""
    whole = shown.whole_x
    off = axis.last - _following(axis, whole, shown.newest).last
    return abs(off) <= SLACK * (whole.last - whole.first)


def _looking_at(view: ChartView, axis: Axis, whole: Axis, *, follow: bool) -> ChartView:
    """With these limits, or none if they show everything."""
    slack = SLACK * (whole.last - whole.first)
    if axis.first <= whole.first + slack and axis.last >= whole.last - slack:
        return dataclasses.replace(view, x=None, follow=True)
    return dataclasses.replace(view, x=_limits(axis), follow=follow)


def _limits(axis: Axis) -> Limits:
    return Limits(axis.value(axis.first), axis.value(axis.last))
