"""W as a picture, a pixel a cell or more, with its colours explained beneath it.

Rows are computed, coloured and compressed a band at a time: W is never held whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from rugtui.errors import WeightsError
from rugtui.models.base import Weights
from rugtui.storage.colours import Colours
from rugtui.storage.lettering import HEIGHT, lettered
from rugtui.storage.png import indexed_png

QUANTILE = 0.99
"""Of the off-diagonal |W_ij| at which the colours end: the diagonal saturates."""
SIDE_LEAST, SIDE_MOST = 512, 16_384
"""Pixels: smaller W are enlarged by a whole factor, larger are refused."""
BAND = 1 << 22
"""Cells of W computed at a time."""
SAMPLE = 512
"""Rows from which the scale is taken, where there are more."""


def heatmap_png(weights: Weights, colours: Colours, title: str, facts: str = "") -> bytes:
    """The file; `facts` goes into its text. Raises WeightsError where W is too large."""
    n = weights.n_sparse
    if n > SIDE_MOST:
        raise WeightsError(
            f"A picture has at most {SIDE_MOST:,} pixels on a side, but W has {n:,} rows."
        )
    factor = max(1, -(-SIDE_LEAST // n))
    scale = off_diagonal_scale(weights)
    beneath = legend(n * factor, scale, colours, title)
    rows = _bands(weights, scale, len(colours.ramp), factor)
    height = n * factor + len(beneath)
    return indexed_png(_then(rows, beneath), (height, n * factor), colours.all, facts)


def off_diagonal_scale(weights: Weights) -> float:
    """A quantile of |W_ij| off the diagonal, of up to SAMPLE rows spread evenly over W."""
    n = weights.n_sparse
    index = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
    sizes = np.abs(weights.rows(index))
    sizes[np.arange(len(index)), index] = np.nan
    sizes = sizes[np.isfinite(sizes)]
    scale = float(np.quantile(sizes, QUANTILE)) if sizes.size else 0.0
    return scale if scale > 0 else 1.0


def legend(
    width: int, scale: float, colours: Colours, title: str
) -> UInt8[np.ndarray, "height width"]:
    """The ramp with its two ends in numbers, the diagonal's colour, and the title."""
    count = len(colours.ramp)
    diagonal, paper, ink = count, count + 1, count + 2
    size = max(1, width // 512)
    step = 6 * size
    space = np.full((HEIGHT * size + 4 * size, width), paper, np.uint8)
    pieces = [
        np.where(lettered(f"{-scale:.2g} ", size), ink, paper),
        np.repeat(np.arange(count), step)[None].repeat(HEIGHT * size, 0),
        np.where(lettered(f" {scale:+.2g}  ", size), ink, paper),
        np.full((HEIGHT * size, step), diagonal),
        np.where(lettered(f" diagonal beyond   {title}", size), ink, paper),
    ]
    line = np.hstack(pieces).astype(np.uint8)[:, : width - 4 * size]
    space[2 * size : 2 * size + len(line), 2 * size : 2 * size + line.shape[1]] = line
    return space


def _bands(weights: Weights, scale: float, count: int, factor: int) -> Iterator[np.ndarray]:
    n, half = weights.n_sparse, count // 2
    height = max(1, BAND // n)
    for top in range(0, n, height):
        index = np.arange(top, min(n, top + height))
        rows = weights.rows(index)
        levels = _levels(rows, scale, half)
        own = rows[np.arange(len(index)), index]
        levels[np.arange(len(index)), index] = np.where(
            own > scale, count, levels[np.arange(len(index)), index]
        )
        yield levels.repeat(factor, 0).repeat(factor, 1)


def _levels(rows: Float[np.ndarray, "k n"], scale: float, half: int) -> UInt8[np.ndarray, "k n"]:
    share = np.nan_to_num(rows, nan=0.0, posinf=np.inf, neginf=-np.inf) / scale
    return (np.rint(np.clip(share, -1, 1) * half) + half).astype(np.uint8)


def _then(bands: Iterator[np.ndarray], last: np.ndarray) -> Iterator[np.ndarray]:
    yield from bands
    yield last
