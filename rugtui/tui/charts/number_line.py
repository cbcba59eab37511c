"""Values as labeled marks on one logarithmic line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.style import Style
from textual.strip import Strip

from rugtui.tui.charts.axis import Axis, spanning
from rugtui.tui.charts.lines import Piece, line
from rugtui.tui.charts.palette import ASCII, Palette


@dataclass(frozen=True, slots=True)
class NumberMark:
    """One value: its label, and its color by the palette's name for it."""

    label: str
    value: float
    colour: str


LEAST_WIDTH = 24


def number_line(
    marks: Sequence[NumberMark], pointer: NumberMark, palette: Palette, width: int, height: int
) -> list[Strip]:
    """`height` ≥ 3 strips: the pointer, the line, and the labels of the marks below it; from 5 rows
    on a row of round values comes last. Labels without a free place are left out."""
    known = [mark for mark in marks if mark.value > 0 and np.isfinite(mark.value)]
    axis = spanning(np.array([one.value for one in (*known, pointer)]), True, margin=0.06)
    grid = _Grid(width, height, palette)
    here = grid.column(axis, pointer.value)
    grid.write(1, 0, grid.glyph("─") * width, palette.style("faint"))
    rows = height - (height >= 5)
    for mark in sorted(known, key=lambda mark: -mark.value):
        at, style = grid.column(axis, mark.value), palette.style(mark.colour)
        grid.write(1, at, grid.glyph("┬"), style)
        grid.hang(mark.label, at, range(2, rows), style)
    style = palette.style(pointer.colour, bold=True)
    grid.write(1, here, grid.glyph("▼"), style)
    grid.beside(0, here, pointer.label, style)
    if rows < height:
        _ticks(grid, axis, height - 1, palette.style("faint"))
    return grid.strips()


def _ticks(grid: _Grid, axis: Axis, row: int, style: Style) -> None:
    for place, label in zip(*axis.ticks(max(grid.width // 14, 2)), strict=True):
        begin = grid.column(axis, axis.value(place)) - len(label) // 2
        begin = min(max(begin, 0), grid.width - len(label))
        if grid.free(row, begin - 1, begin + len(label) + 1):
            grid.write(row, begin, label, style)


class _Grid:
    """Characters with styles, written in any order."""

    def __init__(self, width: int, height: int, palette: Palette) -> None:
        self.width = width
        self._ascii = palette.glyphs == ASCII
        self._cells: list[list[Piece]] = [
            [(" ", Style.null())] * width for _ in range(max(height, 2))
        ]

    def glyph(self, character: str) -> str:
        return {"─": "-", "┬": "+", "│": "|", "▼": "v"}[character] if self._ascii else character

    def column(self, axis: Axis, value: float) -> int:
        column = round(axis.dot(axis.place_one(value), self.width))
        return min(max(column, 0), self.width - 1)

    def free(self, row: int, first: int, last: int) -> bool:
        cells = self._cells[row][max(first, 0) : max(last, 0)]
        return all(text == " " for text, _ in cells)

    def write(self, row: int, column: int, text: str, style: Style) -> None:
        for k, character in enumerate(text[: self.width - column]):
            self._cells[row][column + k] = character, style

    def beside(self, row: int, column: int, text: str, style: Style) -> None:
        """A text that begins at a column or, where the line ends too soon, ends there."""
        begin = column if column + len(text) <= self.width else max(column - len(text) + 1, 0)
        self.write(row, begin, text, style)

    def hang(self, text: str, column: int, rows: range, style: Style) -> None:
        """A label in the first row where there is room, below a line that leads to it."""
        left, right = column, max(column - len(text) + 1, 0)
        for row in rows:
            for begin in (left, right):
                fits = begin + len(text) <= self.width
                if fits and self.free(row, begin - 1, begin + len(text) + 1):
                    self.write(row, begin, text, style)
                    return
            if not self.free(row, column, column + 1):
                return
            self.write(row, column, self.glyph("│"), style)

    def strips(self) -> list[Strip]:
        return [line(row, self.width) for row in self._cells]
