"""The W pane's content: panels of levels with their biases, the legend, and the cell read out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8
from textual.strip import Strip

from rugtui.session.frame import Cell, Panel, Picture
from rugtui.ui.renderables.camera import View, enlargement, pixel_of
from rugtui.ui.renderables.heatmap import enlarged, heatmap, rows_a_strip
from rugtui.ui.renderables.lines import Piece, fit, line
from rugtui.ui.renderables.palette import BLANK, CURSOR, DIAGONAL, HALF_LEVELS, Palette, ink
from rugtui.ui.renderables.shading import (
    Scale,
    Scaling,
    bias_scale,
    marked,
    rescaled,
    settled,
)

BIAS, GAP, BETWEEN = 2, 1, 2
"""Columns of the strip of biases, of the space before it, and of that between panels."""
NARROW = 24
"""Columns of a panel below which its biases are left out."""
LOW = 10
"""Rows of the pane below which the cell read out takes the place of the legend."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a pane of `width` × `height` characters has for pictures of W."""

    width: int
    height: int
    panels: int
    rows_a_strip: int

    @classmethod
    def of(cls, width: int, height: int, panels: int, palette: Palette) -> Room:
        return cls(width, height, panels, rows_a_strip(palette))

    @property
    def lines(self) -> int:
        """Lines of text under the picture."""
        return 2 if self.height >= LOW else min(1, self.height)

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
    """Exactly `height` strips of `width` cells."""
    room = Room.of(width, height, len(picture.panels), palette)
    scale, levels = shades.of(picture)
    canvas = np.full(((height - room.lines) * room.rows_a_strip, width), BLANK, np.int8)
    beyond = False
    for place, (panel, own) in enumerate(zip(picture.panels, levels, strict=True)):
        drawn = marked(own, panel.pixels, scale, picture.window)
        beyond = beyond or bool((drawn == DIAGONAL).any())
        _paint(canvas, drawn, panel, picture, cursor, room, place)
    text = [
        _legend(picture, scale, beyond, palette, width),
        _readout(picture, cursor, palette, width),
    ]
    if room.lines < len(text):
        text = text[1:] if cursor is not None else text[:1]
    return fit([*heatmap(canvas, palette), *text], width, height)


def _paint(
    canvas: Int8[np.ndarray, "h w"],
    levels: Int8[np.ndarray, "h w"],
    panel: Panel,
    picture: Picture,
    cursor: tuple[int, int] | None,
    room: Room,
    place: int,
) -> None:
    """Put a panel and its biases where they belong on the canvas, centred in their share of it."""
    tall, wide = room.pixels
    factor = enlargement(tall, wide, *levels.shape)
    drawn = enlarged(levels, factor)
    if cursor is not None:
        height, width = levels.shape
        _mark(drawn, View(picture.window, height, width, factor), cursor)
    drawn = drawn[:tall, :wide]
    left = room.left(place, drawn.shape[1])
    canvas[: drawn.shape[0], left : left + drawn.shape[1]] = drawn
    if room.bias:
        top = bias_scale([one.biases for one in picture.panels])
        steps = Scale("fixed", top).steps(panel.biases[:, None])
        strip = enlarged(np.rint(steps).astype(np.int8), factor)[: drawn.shape[0], :1]
        start = left + drawn.shape[1] + GAP
        canvas[: len(strip), start : start + BIAS] = strip


def _mark(drawn: Int8[np.ndarray, "h w"], view: View, cursor: tuple[int, int]) -> None:
    """The cursor's pixel; where cells are large their middle, so that their colour still shows."""
    found = pixel_of(view, *cursor)
    if found is None:
        return
    edge = view.factor // 3
    y, x = (k * view.factor for k in found)
    drawn[y + edge : y + view.factor - edge, x + edge : x + view.factor - edge] = CURSOR


def _legend(picture: Picture, scale: Scale, beyond: bool, palette: Palette, width: int) -> Strip:
    """What the colours stand for: of W, of the diagonal, of the biases."""
    faint, text = palette.style("faint"), palette.style("text")
    shown = range(-HALF_LEVELS, HALF_LEVELS + 1, 2)
    if palette.glyphs is None:
        ramp: list[Piece] = [("█", ink(palette.level(level))) for level in shown]
        mark = "█", ink(palette.level(DIAGONAL))
    else:
        ramp = [("".join(palette.glyphs.level(level) for level in shown), text)]
        mark = palette.glyphs.diagonal, text
    log = {"quantile": "", "fixed": " fixed", "log": f" log, from {scale.least():.2g}"}[
        scale.scaling
    ]
    groups: list[list[Piece]] = [
        [(f"−{scale.top:.2g} ", faint), *ramp, (f" +{scale.top:.2g}{log}", faint)]
    ]
    if beyond:
        groups.append([mark, (" diagonal", faint)])
    groups.append([(f"b {_range(picture)}", faint)])
    return line(_joined(groups, width), width)


def _range(picture: Picture) -> str:
    biases = np.concatenate([panel.biases for panel in picture.panels])
    low, high = float(np.min(biases)), float(np.max(biases))
    return signed(low) if high - low < 5e-4 * abs(low) else f"{signed(low)} … {signed(high)}"


def _readout(
    picture: Picture, cursor: tuple[int, int] | None, palette: Palette, width: int
) -> Strip:
    """The cell under the cursor; without a cursor, what could not be shown as asked."""
    faint, text = palette.style("faint"), palette.style("text", bold=True)
    cells = [panel.cell for panel in picture.panels if panel.cell is not None]
    if cursor is None:
        notes = [panel.note for panel in picture.panels if panel.note]
        return line([(notes[0], palette.style("warning"))] if notes else [], width)
    if not cells or cells[0].place != cursor:
        return line([("…", faint)], width)
    groups: list[list[Piece]] = []
    shared = len({(cell.i, cell.j) for cell in cells}) == 1
    for panel, cell in zip(picture.panels, cells, strict=False):
        name = f"{panel.kind} " if len(cells) > 1 else ""
        where = (f"W[{cell.i}, {cell.j}] ", palette.style("text"))
        value = (signed(cell.value, 5), text)
        if shared:
            groups.append([*([] if groups else [where]), (name, faint), value])
        else:
            groups.append([(name, faint), where, value])
    groups += [[(piece, faint)] for piece in _around(cells)]
    return line(_joined(groups, width), width)


def _around(cells: list[Cell]) -> list[str]:
    """The range of the pixel's block, and the bias of the row."""
    block = cells[0].block
    rows, columns = block.bottom - block.top, block.right - block.left
    said = []
    if rows * columns > 1:
        about = ", sampled" if any(cell.sampled for cell in cells) else ""
        ranges = " · ".join(f"{signed(cell.low)} … {signed(cell.high)}" for cell in cells)
        said.append(f"{rows:,} × {columns:,}{about}: {ranges}")
    said.append("b " + " · ".join(signed(cell.bias) for cell in cells))
    return said


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign in true characters."""
    return f"{value:+.{digits}g}".replace("-", "−").replace("e−0", "e−")


def _joined(groups: list[list[Piece]], width: int) -> list[Piece]:
    """Groups of pieces with space between them, as many as fit; the first ones stay."""
    joined: list[Piece] = []
    for group in groups:
        wider = [*joined, *([("  ", group[0][1])] if joined else []), *group]
        if joined and sum(len(piece[0]) for piece in wider) > width:
            break
        joined = wider
    return joined
