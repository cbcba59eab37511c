"""The lines under the pictures of W: what the colours stand for, and the cell read out."""

from __future__ import annotations

import numpy as np
from textual.strip import Strip

from rugtui.session.frame import Cell, Picture
from rugtui.ui.renderables.lines import Piece, line
from rugtui.ui.renderables.palette import DIAGONAL, HALF_LEVELS, Palette, ink
from rugtui.ui.renderables.shading import Scale


def legend(picture: Picture, scale: Scale, beyond: bool, palette: Palette, width: int) -> Strip:
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


def readout(
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
