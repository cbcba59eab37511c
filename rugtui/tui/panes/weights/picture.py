"""The W pane's content: panels of levels with their biases, the legend, and the cell read out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8
from textual.strip import Strip

from rugtui.live.frame import Panel, Picture
from rugtui.tui.charts.lines import blank, fit
from rugtui.tui.charts.palette import BLANK, CURSOR, DIAGONAL, Palette
from rugtui.tui.heatmap.heatmap import enlarged, heatmap, rows_a_strip
from rugtui.tui.heatmap.shading import (
    Scale,
    Scaling,
    bias_scale,
    marked,
    rescaled,
    settled,
)
from rugtui.tui.panes.weights.camera import PixelView, enlargement, pixel_of
from rugtui.tui.panes.weights.legend import text_lines

BIAS, GAP, BETWEEN = 2, 1, 2
"""Columns of the strip of biases, of the space before it, and of that between panels."""
NARROW = 24
"""Columns of a panel below which its biases are left out."""
LOW, TALL = 10, 14
"""Rows of the pane below which the cell read out takes the place of the legend, and from which it
may take more than a line."""
WORDY, TERSE = 100, 56
"""Columns that hold all that is read out of two cells, and of one, in a line."""


@dataclass(frozen=True, slots=True)
class PictureLayout:
    """What a pane of `width` × `height` characters has for pictures of W."""

    width: int
    height: int
    panels: int
    rows_a_strip: int

    @classmethod
    def of(cls, width: int, height: int, panels: int, palette: Palette) -> PictureLayout:
        return cls(width, height, panels, rows_a_strip(palette))

    @property
    def lines(self) -> int:
        """Lines of text under the picture."""
        if self.height < LOW:
            return min(1, self.height)
        if self.height < TALL or self.width >= WORDY:
            return 2
        return 2 + self.panels - (self.width >= TERSE)

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of one panel in pixels."""
        return (self.height - self.lines) * self.rows_a_strip, self.share - self.bias

    @property
    def bias(self) -> int:
        """Columns that each panel's biases take with their space."""
        return BIAS + GAP if self.share >= NARROW else 0

    @property
    def share(self) -> int:
        """Columns of one panel."""
        return max((self.width - (self.panels - 1) * BETWEEN) // self.panels, 0)

    def left(self, place: int, wide: int) -> int:
        """The first column of a panel's picture of that width: centred, its biases too."""
        return place * (self.share + BETWEEN) + max((self.share - wide - self.bias) // 2, 0)

    @property
    def tall(self) -> int:
        """Pixels across that are as long as one is high."""
        return 2 // self.rows_a_strip


@dataclass(slots=True)
class Shades:
    """What keeps a picture from flickering: the scale and the levels it was last drawn with."""

    scaling: Scaling = "quantile"
    scale: Scale | None = None
    subject: tuple[object, ...] = ()
    levels: tuple[Int8[np.ndarray, "h w"], ...] = ()

    def of(self, picture: Picture) -> tuple[Scale, tuple[Int8[np.ndarray, "h w"], ...]]:
        """The scale and the levels of every panel. What is looked at anew is scaled anew."""
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
    """Exactly `height` strips of `width` cells: the text is close under the picture."""
    room = PictureLayout.of(width, height, len(picture.panels), palette)
    scale, levels = shades.of(picture)
    canvas = np.full(((height - room.lines) * room.rows_a_strip, width), BLANK, np.int8)
    beyond, tall = False, 0
    for place, (panel, own) in enumerate(zip(picture.panels, levels, strict=True)):
        drawn = marked(own, panel.pixels, scale, picture.window)
        beyond = beyond or bool((drawn == DIAGONAL).any())
        tall = max(tall, _paint(canvas, drawn, panel, picture, cursor, room, place))
    strips = heatmap(canvas, palette)
    spare = len(strips) + tall // -room.rows_a_strip
    text = text_lines(picture, cursor, scale, beyond, palette, width, room.lines)
    under = [*strips[: len(strips) - spare], *[blank(width)] * min(spare, 1), *text]
    return fit(under, width, height)


def _paint(
    canvas: Int8[np.ndarray, "h w"],
    levels: Int8[np.ndarray, "h w"],
    panel: Panel,
    picture: Picture,
    cursor: tuple[int, int] | None,
    room: PictureLayout,
    place: int,
) -> int:
    """Put a panel and its biases where they belong on the canvas, centred in their share of it; how
    many of its rows that takes."""
    tall, wide = room.pixels
    factor = enlargement(tall, wide, *levels.shape)
    drawn = enlarged(levels, factor)
    if cursor is not None:
        height, width = levels.shape
        _mark(drawn, PixelView(picture.window, height, width, factor), cursor)
    drawn = drawn[:tall, :wide]
    left = room.left(place, drawn.shape[1])
    canvas[: drawn.shape[0], left : left + drawn.shape[1]] = drawn
    if room.bias:
        top = bias_scale([one.biases for one in picture.panels])
        steps = Scale("fixed", top).steps(panel.biases[:, None])
        strip = enlarged(np.rint(steps).astype(np.int8), factor)[: drawn.shape[0], :1]
        start = left + drawn.shape[1] + GAP
        canvas[: len(strip), start : start + BIAS] = strip
    return drawn.shape[0]


def _mark(drawn: Int8[np.ndarray, "h w"], view: PixelView, cursor: tuple[int, int]) -> None:
    """The cursor's pixel; where cells are large their middle, so that their colour still shows."""
    found = pixel_of(view, *cursor)
    if found is None:
        return
    edge = view.factor // 3
    y, x = (k * view.factor for k in found)
    drawn[y + edge : y + view.factor - edge, x + edge : x + view.factor - edge] = CURSOR
