"""Level lines and their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rugtui.tui.charts.axis import Axis
from rugtui.tui.charts.palette import RGB


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line with a name; it holds from x = `since` on."""

    name: str
    value: float
    colour: RGB
    dashed: bool = False
    since: float = -math.inf


def label_rows(levels: Sequence[Level], axis: Axis, rows: int) -> dict[int, Level]:
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


def inside(axis: Axis, level: Level) -> bool:
    place = axis.place_one(level.value)
    return axis.first <= place <= axis.last
