"""The lines under the pictures of W: the colour scale, and the readout of a cell."""

from __future__ import annotations

from functools import partial

import numpy as np
from textual.strip import Strip

from rugtui.live.frame import CellReadout, Picture
from rugtui.tui.charts.lines import Piece, blank, line
from rugtui.tui.charts.palette import DIAGONAL, HALF_LEVELS, Palette, ink
from rugtui.tui.heatmap.shading import Scale, bias_scale


def text_lines(
    picture: Picture,
    cursor: tuple[int, int] | None,
    scale: Scale,
    beyond: bool,
    palette: Palette,
    width: int,
    height: int,
    biases_drawn: bool = True,
) -> list[Strip]:
    """Exactly `height` lines under the picture: the legend, then the readout. If there is only one,
    it is the readout if the user points at a cell."""
    colours = partial(legend, picture, scale, beyond, palette, width, biases_drawn=biases_drawn)
    read = readout(picture, cursor, palette, width, max(height - 1, 1))
    if height < 2:
        return (read if cursor is not None else colours(1))[:height]
    above = colours(height - len(read))
    return [*[blank(width)] * (height - len(above) - len(read)), *above, *read]


def legend(
    picture: Picture,
    scale: Scale,
    beyond: bool,
    palette: Palette,
    width: int,
    most: int,
    *,
    biases_drawn: bool,
) -> list[Strip]:
    """What the colours mean, in at most `most` lines: of W, of the diagonal, and of the column of
    biases if it is drawn, which has the same colours on a scale of its own."""
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
    biases, end = "no bias", ""
    if any(panel.biases.any() for panel in picture.panels):
        biases = f"bias {_range(picture)}"
        top = bias_scale([panel.biases for panel in picture.panels])
        end = f" (colours to ±{top:.2g})" if biases_drawn else ""
    if not any(panel.pixels.any() for panel in picture.panels):  # the weave is finer than a pixel
        groups = [[("0 everywhere: the cells within each pixel cancel", faint)]]
    lines, whole = _wrapped([*groups, [(biases + end, faint)]], width, most)
    return lines if whole else _wrapped([*groups, [(biases, faint)]], width, most)[0]


def _range(picture: Picture) -> str:
    biases = np.concatenate([panel.biases for panel in picture.panels])
    low, high = float(np.min(biases)), float(np.max(biases))
    return signed(low) if high - low < 5e-4 * abs(low) else f"{signed(low)} … {signed(high)}"


def readout(
    picture: Picture, cursor: tuple[int, int] | None, palette: Palette, width: int, most: int = 1
) -> list[Strip]:
    """The cell under the cursor, in at most `most` lines; without a cursor, why the picture is not
    as requested."""
    faint = palette.style("faint")
    cells = [panel.cell for panel in picture.panels if panel.cell is not None]
    if cursor is None:
        notes = [panel.note for panel in picture.panels if panel.note]
        return [line([(note, palette.style("warning")) for note in notes[:1]], width)]
    if not cells or cells[0].place != cursor:
        return [line([("…", faint)], width)]
    names = [panel.kind if len(cells) > 1 else "" for panel in picture.panels]
    lines: list[Strip] = []
    full, short = _in_full(names, cells, palette), _in_short(names, cells, palette)
    for groups in (full, full[:-1], short):  # the biases are left out first
        lines, whole = _wrapped(groups, width, most)
        if whole:
            break
    return lines


def _in_full(names: list[str], cells: list[CellReadout], palette: Palette) -> list[list[Piece]]:
    """The values of the cells, the ranges of their block, the biases of their rows."""
    groups = _values(names, cells, palette)
    block = cells[0].block
    rows, columns = block.bottom - block.top, block.right - block.left
    if rows * columns > 1:
        ranges = " · ".join(_block_range(cell) for cell in cells)
        groups.append(
            [(f"{rows:,} × {columns:,}{_sampled(cells)}: {ranges}", palette.style("faint"))]
        )
    biases = " · ".join(signed(cell.bias) for cell in cells)
    return [*groups, [(f"bias {biases}", palette.style("faint"))]]


def _in_short(names: list[str], cells: list[CellReadout], palette: Palette) -> list[list[Piece]]:
    """Each cell with the range of its block, for narrow panes."""
    groups = _values(names, cells, palette)
    block = cells[0].block
    if (block.bottom - block.top) * (block.right - block.left) > 1:
        for group, cell in zip(groups, cells, strict=True):
            group.append((f" ({_block_range(cell)}{_sampled([cell])})", palette.style("faint")))
    if len(groups) > 1 and groups[0][0][0].startswith("W"):  # of both: a line of its own
        where = groups[0].pop(0)
        groups.insert(0, [(where[0].rstrip(), where[1])])
    return groups


def _values(names: list[str], cells: list[CellReadout], palette: Palette) -> list[list[Piece]]:
    """A group of pieces for each cell; if it is the same one, only the first names it."""
    faint, text = palette.style("faint"), palette.style("text")
    shared = len({(cell.i, cell.j) for cell in cells}) == 1
    groups: list[list[Piece]] = []
    for name, cell in zip(names, cells, strict=False):
        where: list[Piece] = [(f"W[{cell.i}, {cell.j}] ", text)]
        kind: list[Piece] = [(f"{name} ", faint)] if name else []
        before = (kind if groups else [*where, *kind]) if shared else [*kind, *where]
        groups.append([*before, (signed(cell.value, 5), palette.style("text", bold=True))])
    return groups


def _block_range(cell: CellReadout) -> str:
    return f"{signed(cell.low)} … {signed(cell.high)}"


def _sampled(cells: list[CellReadout]) -> str:
    return ", sampled" if any(cell.sampled for cell in cells) else ""


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign, and with a true minus."""
    return f"{value:+.{digits}g}".replace("-", "−").replace("e−0", "e−")


def _wrapped(groups: list[list[Piece]], width: int, most: int) -> tuple[list[Strip], bool]:
    """Groups of pieces, separated by spaces, in at most `most` lines, and whether all of them fit;
    the first is always there."""
    lines: list[list[Piece]] = [[]]
    whole = True
    for group in groups:
        wider = [*lines[-1], *([("  ", group[0][1])] if lines[-1] else []), *group]
        if _wide(wider) <= width or not lines[-1]:
            lines[-1] = wider
        elif len(lines) < most:
            lines.append(group)
        else:
            whole = False
            break
    whole = whole and all(_wide(one) <= width for one in lines)
    return [line(one, width) for one in lines], whole


def _wide(pieces: list[Piece]) -> int:
    return sum(len(text) for text, _ in pieces)
