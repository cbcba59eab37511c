"""The content of the W pane: pictures with their biases and ticks, the legend, and the readout."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.live.frame import Panel, Picture
from rugtui.models.base import Window
from rugtui.tui.charts.lines import blank, fit
from rugtui.tui.charts.palette import BLANK, CURSOR, DIAGONAL, Palette
from rugtui.tui.heatmap.heatmap import heatmap, outline, pixel_rows_per_line, resampled
from rugtui.tui.heatmap.shading import (
    Scale,
    Scaling,
    bias_scale,
    marked,
    rescaled,
    settled,
)
from rugtui.tui.panes.weights.camera import PixelView, enlargement, pixel_of, whole_drawn
from rugtui.tui.panes.weights.legend import text_lines

BIAS, GAP, BETWEEN = 2, 1, 2
"""Columns of the strip of biases, of the space before it, and of that between panels."""
TICKS = 5
"""Columns on the left for the numbers of rows."""
NARROW = 24
"""Columns of a panel below which its biases are left out."""
LOW, TALL = 10, 14
"""Rows of the pane below which the readout replaces the legend, and from which it may take several
lines."""
WORDY, TERSE = 100, 56
"""Columns in which the readout of two cells, and of one, fits in a line."""


@dataclass(frozen=True, slots=True)
class PictureLayout:
    """Where the pictures of W are in a pane of `width` × `height` characters: side by side, or
    stacked if that makes them larger."""

    width: int
    height: int
    panels: int
    pixel_rows_per_line: int
    stacked: bool

    @classmethod
    def of(cls, width: int, height: int, panels: int, palette: Palette) -> PictureLayout:
        tall = pixel_rows_per_line(palette)
        possible = [cls(width, height, panels, tall, stacked=False)]
        if panels > 1:
            possible.append(cls(width, height, panels, tall, stacked=True))
        return max(possible, key=lambda one: math.prod(whole_drawn(*one.pixels, one.tall)))

    @property
    def lines(self) -> int:
        """Lines of text under the picture."""
        if self.height < LOW:
            return min(1, self.height)
        if self.height < TALL or self.width >= WORDY:
            return 2
        return 2 + self.panels - (self.width >= TERSE)

    @property
    def ticks(self) -> bool:
        """Whether there is room to number rows and columns."""
        return self.height >= TALL and self.width >= NARROW + TICKS

    @property
    def margin(self) -> int:
        """Columns on the left of the pane for the numbers of rows."""
        return TICKS if self.ticks else 0

    @property
    def strips(self) -> int:
        """Rows of characters of one panel's picture."""
        rows = max(self.height - self.lines, 0)
        rows = (rows - (self.panels - 1)) // self.panels if self.stacked else rows
        return max(rows - self.ticks, 0)

    @property
    def panel_columns(self) -> int:
        """Columns of one panel with its biases."""
        across = 1 if self.stacked else self.panels
        return max((self.width - self.margin - (across - 1) * BETWEEN) // across, 0)

    @property
    def bias_columns(self) -> int:
        """Columns of each panel's biases, with the space before them."""
        return BIAS + GAP if self.panel_columns >= NARROW else 0

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of one panel in pixels."""
        return self.strips * self.pixel_rows_per_line, max(
            self.panel_columns - self.bias_columns, 0
        )

    @property
    def tall(self) -> int:
        """How many times as high as wide a pixel is."""
        return 2 // self.pixel_rows_per_line

    def left(self, place: int, wide: int) -> int:
        """The first column of a panel's picture of that width, centred together with its biases."""
        first = 0 if self.stacked else place * (self.panel_columns + BETWEEN)
        return self.margin + first + max((self.panel_columns - wide - self.bias_columns) // 2, 0)

    def top(self, place: int) -> int:
        """The first row of characters of a panel's picture."""
        return place * (self.strips + self.ticks + 1) if self.stacked else 0


@dataclass(slots=True)
class Shades:
    """The scale and the levels of the last picture, which keep the next one from flickering."""

    scaling: Scaling = "quantile"
    scale: Scale | None = None
    subject: tuple[object, ...] = ()
    levels: tuple[Int8[np.ndarray, "h w"], ...] = ()

    def of(self, picture: Picture) -> tuple[Scale, tuple[Int8[np.ndarray, "h w"], ...]]:
        """The scale and the levels of every panel; a picture of something else gets a new scale."""
        pixels = [panel.pixels for panel in picture.panels]
        if picture.subject != self.subject:
            self.levels = ()
            if self.scaling != "fixed":
                self.scale = None
        self.subject = picture.subject
        scale = rescaled(self.scale, self.scaling, pixels, picture.window)
        before = self.levels if scale == self.scale else ()
        self.levels = tuple(
            settled(scale.steps(one), before[k] if k < len(before) else None)
            for k, one in enumerate(pixels)
        )
        self.scale = scale
        return scale, self.levels


def weights_picture(
    picture: Picture,
    cursor: tuple[int, int] | None,
    shades: Shades,
    palette: Palette,
    width: int,
    height: int,
) -> list[Strip]:
    """Exactly `height` strips of `width` cells, the text directly under the picture."""
    room = PictureLayout.of(width, height, len(picture.panels), palette)
    scale, levels = shades.of(picture)
    rows = max(height - room.lines, 0)
    canvas = np.full((rows * room.pixel_rows_per_line, width), BLANK, np.int8)
    beyond, end = False, 0
    labels: list[tuple[int, int, str]] = []
    for place, (panel, own) in enumerate(zip(picture.panels, levels, strict=True)):
        drawn = marked(own, panel.pixels, scale, picture.window)
        beyond = beyond or bool((drawn == DIAGONAL).any())
        tall, wide = _paint(canvas, drawn, panel, picture, cursor, room, place)
        below = room.top(place) - tall // -room.pixel_rows_per_line
        if room.ticks:
            labels += tick_labels(picture.window, room, place, (tall, wide))
        end = max(end, below + room.ticks)
    strips = heatmap(canvas, palette)
    for row, column, text in labels:
        if row < len(strips):
            strips[row] = _written(strips[row], column, text, palette.style("faint"))
    text = text_lines(
        picture, cursor, scale, beyond, palette, width, room.lines, room.bias_columns > 0
    )
    under = [*strips[:end], *[blank(width)] * min(len(strips) - end, 1), *text]
    return fit(under, width, height)


def tick_labels(
    window: Window, room: PictureLayout, place: int, drawn: tuple[int, int]
) -> list[tuple[int, int, str]]:
    """Row, column and text of a label for each quarter of the visible rows and columns."""
    tall, wide = drawn
    top, left = room.top(place), room.left(place, wide)
    found: list[tuple[int, int, str]] = []
    for part in range(4):
        i = window.top + (window.bottom - window.top) * part // 4
        row = top + tall * part // 4 // room.pixel_rows_per_line
        text = _number(i)
        if place == 0 or room.stacked:
            found.append((row, left - len(text) - 1, text))
        j = window.left + (window.right - window.left) * part // 4
        column = left + wide * part // 4
        found.append((top - tall // -room.pixel_rows_per_line, column, _number(j)))
    return found


def _number(place: int) -> str:
    return str(place) if place < 10_000 else numbers.count(place)


def _written(strip: Strip, column: int, text: str, style: Style) -> Strip:
    """The strip with a text in place of blank cells."""
    width, end = strip.cell_length, column + len(text)
    if column < 0 or end > width:
        return strip
    before, _, after = strip.divide([column, end, width])
    return Strip([*before, Segment(text, style), *after], width)


def _paint(
    canvas: Int8[np.ndarray, "h w"],
    levels: Int8[np.ndarray, "h w"],
    panel: Panel,
    picture: Picture,
    cursor: tuple[int, int] | None,
    room: PictureLayout,
    place: int,
) -> tuple[int, int]:
    """Draw a panel and its biases on the canvas; returns the picture's size there. All of W fills
    the room, whatever size it was pooled for."""
    height, width = levels.shape
    tall, wide = room.pixels
    if picture.window == Window.whole(picture.n_sparse):
        tall, wide = whole_drawn(tall, wide, room.tall)
    else:
        factor = enlargement(tall, wide, height, width)
        tall, wide = min(height * factor, tall), min(width * factor, wide)
        levels = levels[: max(tall // factor, 1), : max(wide // factor, 1)]
    top, left = room.top(place) * room.pixel_rows_per_line, room.left(place, wide)
    tall, wide = min(tall, canvas.shape[0] - top), min(wide, canvas.shape[1] - left)
    if tall < 1 or wide < 1:
        return 0, 0
    canvas[top : top + tall, left : left + wide] = resampled(levels, tall, wide)
    if room.bias_columns:
        end = bias_scale([one.biases for one in picture.panels])
        steps = Scale("fixed", end).steps(panel.biases[: levels.shape[0], None])
        start = left + wide + GAP
        strip = resampled(np.rint(steps).astype(np.int8), tall, 1)
        canvas[top : top + tall, start : start + BIAS] = strip
    if cursor is not None:
        view = PixelView(picture.window, height, width, tall, wide)
        _outline(canvas, view, cursor, top, left, room.pixel_rows_per_line > 1)
    return tall, wide


def _outline(
    canvas: Int8[np.ndarray, "h w"],
    view: PixelView,
    cursor: tuple[int, int],
    top: int,
    left: int,
    coloured: bool,
) -> None:
    """An outline around the cursor's pixel; without colours, where there is no room for one, the
    pixel itself is marked."""
    found = pixel_of(view, *cursor)
    if found is None:
        return
    y, x = found
    y0, y1 = (-(-k * view.tall // view.height) for k in (y, y + 1))
    x0, x1 = (-(-k * view.wide // view.width) for k in (x, x + 1))
    if coloured:
        outline(canvas[top : top + view.tall, left : left + view.wide], (y0, y1), (x0, x1))
    else:
        canvas[top + y0 : top + max(y1, y0 + 1), left + x0 : left + max(x1, x0 + 1)] = CURSOR
