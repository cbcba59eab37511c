"""An axis, linear or logarithmic: the positions of values, ticks and their labels; and a number
line, on which values are marks with labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.tui.charts.canvas import Canvas, Font, Pen
from rugtui.tui.charts.palette import ASCII, Palette

MULTIPLES = ((1, 2, 5), (1, 3), (1,))
"""Multiples of powers of ten that have ticks on a logarithmic axis: the densest set that fits."""
FEW = 3
"""With fewer ticks than this, a logarithmic axis gets ticks at round values instead."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Limits in plot coordinates, which are the values themselves or their log10."""

    first: float
    last: float
    log: bool

    def place(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Values in plot coordinates; NaN if they have no logarithm."""
        if not self.log:
            return values
        positive = values > 0
        return np.where(positive, np.log10(np.where(positive, values, 1.0)), np.nan)

    def place_one(self, value: float) -> float:
        """One value in plot coordinates; NaN if it has no logarithm."""
        if not self.log:
            return value
        return math.log10(value) if value > 0 else math.nan

    def value(self, place: float) -> float:
        """The value at a place: the inverse of `place_one`."""
        return 10.0 ** min(place, 308.0) if self.log else place

    def at(self, first: float, last: float) -> Axis:
        """The same kind of axis with other limits, in plot coordinates."""
        return Axis(first, last, self.log)

    def between(self, first: float, last: float) -> Axis:
        """The same kind of axis from one value to another."""
        return self.at(self.place_one(first), self.place_one(last))

    def moved(self, by: float) -> Axis:
        return self.at(self.first + by, self.last + by)

    def dot(self, place: float, count: int) -> float:
        """A place in dots: the first limit is dot 0, the last is dot count − 1."""
        return (place - self.first) * ((count - 1) / (self.last - self.first))

    def dots(self, places: Float[np.ndarray, " n"], count: int) -> Float[np.ndarray, " n"]:
        """Places as dots."""
        return (places - self.first) * ((count - 1) / (self.last - self.first))

    def parts(self, values: Float[np.ndarray, " n"], count: int) -> Int[np.ndarray, " count_1"]:
        """How ascending values are split among dots: dot k has values[parts[k]:parts[k + 1]].

        Computed from the dots of the values, not from the edges between dots: through rounding, a
        value on an edge could be assigned to one side and drawn on the other.
        """
        wanted = np.arange(count + 1)
        low, high = np.zeros(count + 1, int), np.full(count + 1, values.size)
        while (open_ := low < high).any():
            middle = (low + high) // 2
            dots = self.dots(self.place(values[middle[open_]]), count) + 0.5
            before = np.zeros(count + 1, bool)
            before[open_] = ~(dots >= wanted[open_])  # NaN comes first
            low, high = np.where(before, middle + 1, low), np.where(open_ & ~before, middle, high)
        return low

    def ticks(self, most: int) -> tuple[list[float], list[str]]:
        """Positions in plot coordinates and labels, at most about `most` of them."""
        if not self.log:
            return round_values(self.first, self.last, most)
        long = self.last - self.first >= 1
        for multiples in MULTIPLES:
            found = self._multiples(multiples)
            if FEW <= len(found) <= (max(most, FEW) if long else most):
                return [place for place, _ in found], [label for _, label in found]
        decades = np.arange(math.ceil(self.first), math.floor(self.last) + 1)
        if decades.size >= 2:
            kept = decades[:: math.ceil(decades.size / max(most, 2))]
            return kept.tolist(), [multiple_label(1, int(exponent)) for exponent in kept]
        values, labels = round_values(10**self.first, 10**self.last, most)
        found = [(math.log10(v), label) for v, label in zip(values, labels, strict=True) if v > 0]
        return [place for place, _ in found], [label for _, label in found]

    def _multiples(self, multiples: tuple[int, ...]) -> list[tuple[float, str]]:
        """Places and labels of, for example, 1, 3, 10, 30 inside the limits."""
        found: list[tuple[float, str]] = []
        for exponent in range(math.floor(self.first), math.floor(self.last) + 1):
            for multiple in multiples:
                place = exponent + math.log10(multiple)
                if self.first <= place <= self.last:
                    found.append((place, multiple_label(multiple, exponent)))
        return found


def round_values(first: float, last: float, most: int) -> tuple[list[float], list[str]]:
    """Round values between two, and their labels: at most about `most`, but at least two."""
    rough = (last - first) / max(most, 1)
    steps = [nice_step(rough / part) for part in (1, 2, 4)]
    found = [np.arange(math.ceil(first / step), last / step + 1e-9) * step for step in steps]
    fitting = [k for k, values in enumerate(found) if values.size <= most + 1]
    some = [k for k, values in enumerate(found) if values.size > 1]
    best = max(fitting[-1:] + some[:1], default=0)
    return found[best].tolist(), [linear_label(value, steps[best]) for value in found[best]]


def nice_step(rough: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if not rough > 0 or not math.isfinite(rough):
        return 1.0
    size = 10 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * (1 - 1e-12))


def multiple_label(multiple: int, exponent: int) -> str:
    """A label such as 0.03, 1, 3k or 1e-6, for one digit times a power of ten."""
    if exponent < -3 or exponent > 11:
        return f"{multiple}e{exponent}"
    value = multiple * 10.0**exponent
    return numbers.count(value) if exponent >= 0 else f"{value:.{-exponent}f}"


def linear_label(value: float, step: float) -> str:
    """With enough digits to tell it from its neighbours: 1.5k, 12,340, 0.0055, 2.101e-6. It has an
    exponent below 0.001, as in `numbers.loss` and on logarithmic axes."""
    if step >= 1 and abs(value) < 1e12:
        whole = round(value)
        unit = next((size for size in (10**9, 10**6, 1000) if abs(whole) >= size), 1)
        tells = step >= unit or (abs(whole) < 10 * unit and step >= unit / 10)
        return numbers.count(value) if tells else f"{whole:,}"
    digits = -math.floor(math.log10(step) + 1e-9)
    if abs(value) < step / 2:
        return "0"
    if 1e-3 <= abs(value) < 1e12:
        return f"{value:.{max(digits, 0)}f}"
    precise = max(0, math.floor(math.log10(abs(value)) + 1e-9) + digits)
    return numbers.short_exponent(f"{value:.{precise}e}")


def spanning(values: Float[np.ndarray, " n"], log: bool, margin: float = 0.05) -> Axis:
    """An axis that shows all finite values, with a margin on both sides."""
    placed = Axis(0, 1, log).place(values)
    placed = placed[np.isfinite(placed)]
    if not placed.size:
        return Axis(0, 1, log)
    first, last = float(placed.min()), float(placed.max())
    room = (last - first) * margin
    if last == first:
        room = 0.1 if log else abs(last) * 0.05 or 1.0
    return Axis(first - room, last + room, log)


FOOT = 2
"""Rows under the plot: the line and its labels."""
LEAST_GUTTER = 6
"""Minimum columns for labels on the left, so that the plot does not move when 0.01 becomes
0.006."""
ASCII_LINES = str.maketrans("│┤─┬└", "|+-++")


def gutter(y_axis: Axis, height: int) -> int:
    """Columns to the left of the plot: the longest label and the line."""
    labels = y_axis.ticks(_most_down(height))[1]
    return max(LEAST_GUTTER, *map(len, labels), 0) + 1 if labels else LEAST_GUTTER + 1


@lru_cache(maxsize=64)
def axes(x_axis: Axis, y_axis: Axis, width: int, height: int, ascii_only: bool) -> tuple[str, ...]:
    """`height` rows of `width` characters: labels and line on the left, FOOT rows below. An x label
    that would touch another one or the end of the row is left out together with its tick."""
    left, down = gutter(y_axis, height), height - FOOT
    across = width - left
    rows = [" " * (left - 1) + "│" + " " * across] * down
    for place, label in zip(*y_axis.ticks(_most_down(height)), strict=True):
        row = down - 1 - _cell(y_axis, place, down)
        rows[row] = label.rjust(left - 1) + "┤" + " " * across
    line, labels = ["─"] * across, " " * width
    for place, label in zip(*x_axis.ticks(max(across // 12, 2)), strict=True):
        column = _cell(x_axis, place, across)
        at = _room(labels, label, left + column)
        if at is not None:
            line[column] = "┬"
            labels = labels[:at] + label + labels[at + len(label) :]
    rows += [" " * (left - 1) + "└" + "".join(line), labels]
    return tuple(row.translate(ASCII_LINES) for row in rows) if ascii_only else tuple(rows)


def _cell(axis: Axis, place: float, count: int) -> int:
    """The nearest of `count` characters along an axis."""
    return math.floor(round(axis.dot(place, count) + 0.5, 8))


def _room(row: str, label: str, tick: int) -> int | None:
    """Where a label fits under a tick, in the middle of the free columns around it and with a blank
    on either side; None if it does not fit."""
    size = len(label)
    around = range(max(tick - size + 1, 0), min(tick + size, len(row) - 1))
    free = [column for column in around if row[column] == " "] or [tick]
    at = (free[0] + free[-1] - size + 1) // 2
    fits = 0 <= at <= len(row) - size and not row[max(at - 1, 0) : at + size + 1].strip()
    return at if fits else None


def _most_down(height: int) -> int:
    return max((height - FOOT) // 3, 2)


@dataclass(frozen=True, slots=True)
class NumberMark:
    """One value: its label, and its colour by the palette's name for it."""

    label: str
    value: float
    colour: str


LEAST_WIDTH = 24


def number_line(
    marks: Sequence[NumberMark], pointer: NumberMark, palette: Palette, width: int, height: int
) -> list[Strip]:
    """`height` ≥ 3 strips: the pointer, the line, and the labels of the marks below it; from 5 rows
    upwards the last one holds round values. Labels that do not fit are left out."""
    known = [mark for mark in marks if mark.value > 0 and np.isfinite(mark.value)]
    axis = spanning(np.array([one.value for one in (*known, pointer)]), True, margin=0.06)
    canvas, rows = Canvas(width, height, Font()), height - (height >= 5)
    bar, tick, stem, arrow = "-+|v" if palette.glyphs == ASCII else "─┬│▼"

    def column(value: float) -> int:
        return min(max(round(axis.dot(axis.place_one(value), width)), 0), width - 1)

    faint, pen = Pen(palette.faint, ""), Pen(getattr(palette, pointer.colour), "")
    canvas.write(1, 0, bar * width, faint)
    for mark in sorted(known, key=lambda mark: -mark.value):
        ink = Pen(getattr(palette, mark.colour), "")
        canvas.write(1, column(mark.value), tick, ink)
        _hang(canvas, mark.label, column(mark.value), range(2, rows), ink, stem)
    here, text = column(pointer.value), pointer.label[:width]
    canvas.write(1, here, arrow, pen)
    fits = here + len(text) <= width
    canvas.write(0, here if fits else max(here - len(text) + 1, 0), text, pen)
    ticks = axis.ticks(max(width // 14, 2)) if rows < height else ((), ())
    for place, label in zip(*ticks, strict=True):
        begin = min(max(column(axis.value(place)) - len(label) // 2, 0), width - len(label))
        if canvas.is_blank(height - 1, begin - 1, begin + len(label) + 1):
            canvas.write(height - 1, begin, label, faint)
    return [Strip(canvas.segments(row), width) for row in range(height)]


def _hang(canvas: Canvas, text: str, column: int, rows: range, pen: Pen, stem: str) -> None:
    """A label in the first row with room for it, joined to its mark by a line."""
    for row in rows:
        for begin in (column, max(column - len(text) + 1, 0)):
            end = begin + len(text)
            if end <= canvas.width and canvas.is_blank(row, begin - 1, end + 1):
                canvas.write(row, begin, text, pen)
                return
        if not canvas.is_blank(row, column, column + 1):
            return
        canvas.write(row, column, stem, pen)
