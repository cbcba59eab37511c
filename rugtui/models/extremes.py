"""Single cells of W, and the least and greatest cell of a window of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from rugtui.models.base import Weights, Window, block_edges
from rugtui.models.composite import BlockDiagonal
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug

CELLS = 1 << 20
"""Cells that are computed at most, where there is no shortcut."""
PRODUCTS = 1 << 28
"""Multiplications that they may take: about 20 ms of one core."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """The range of the cells of a window; `sampled` where not all were computed."""

    low: float
    high: float
    sampled: bool = False


def cells(
    weights: Weights, rows: Int[np.ndarray, " h"], columns: Int[np.ndarray, " w"]
) -> Float[np.ndarray, "h w"]:
    """W at every pair of these rows and columns, in double precision."""
    match weights:
        case Rug():
            return weights.cells(rows[:, None], columns)
        case Dense():
            out = weights.W_out[rows].detach().cpu().double()
            return (out @ weights.W_in[:, columns].detach().cpu().double()).numpy()
        case BlockDiagonal(block=block):
            (row, i), (column, j) = (np.divmod(at, block.n_sparse) for at in (rows, columns))
            return np.where(row[:, None] == column, cells(block, i, j), 0.0)
        case _:
            return weights.rows(rows)[:, columns]


def extremes(weights: Weights, window: Window) -> Extremes:
    """Least and greatest W_ij of the window: exact for a rug of any size and for small windows. A
    larger window of other weights is sampled: evenly spaced rows and columns, and the diagonal."""
    if isinstance(weights, Rug):
        return _of_rug(weights, window)
    if isinstance(weights, BlockDiagonal):
        return _of_blocks(weights, window)
    height, width = window.bottom - window.top, window.right - window.left
    most = max(min(CELLS, PRODUCTS // weights.n_dense), 1)
    if height * width <= most:
        rows, columns = (np.arange(window.top, window.bottom), np.arange(window.left, window.right))
        seen = cells(weights, rows, columns)
        return Extremes(float(seen.min()), float(seen.max()))
    side = max(int(most**0.5), 1)
    rows = block_edges(window.top, window.bottom, min(max(side, most // width), height))[:-1]
    columns = block_edges(window.left, window.right, min(max(side, most // height), width))[:-1]
    seen = cells(weights, rows, columns).ravel()
    first, last = max(window.top, window.left), min(window.bottom, window.right)
    if first < last:
        seen = np.concatenate([seen, weights.diagonal()[first:last]])
    return Extremes(float(seen.min()), float(seen.max()), sampled=True)


def _of_rug(rug: Rug, window: Window) -> Extremes:
    """For i and j in dyadic blocks of sizes 2^k ≥ 2^l, t = i xor j takes all values of one dyadic
    block of 2^k. A window is O(log²) such pairs of blocks."""
    low, high = [], []
    for start_i, size_i in _dyadic(window.top, window.bottom):
        for start_j, size_j in _dyadic(window.left, window.right):
            size = max(size_i, size_j)
            start = (start_i ^ start_j) & -size
            seen = rug.counts[start : start + size]
            low.append(seen.min())
            high.append(seen.max())
    ends = rug.scale * min(low).item(), rug.scale * max(high).item()
    return Extremes(min(ends), max(ends))


def _of_blocks(weights: BlockDiagonal, window: Window) -> Extremes:
    """The parts of the window in each block, and zero where it extends beyond them."""
    size, found, covered = weights.block.n_sparse, [], 0
    for start in range(0, weights.n_sparse, size):
        top, left = max(window.top - start, 0), max(window.left - start, 0)
        bottom, right = min(window.bottom - start, size), min(window.right - start, size)
        if top < bottom and left < right:
            found.append(extremes(weights.block, Window(top, left, bottom, right)))
            covered += (bottom - top) * (right - left)
    if covered < (window.bottom - window.top) * (window.right - window.left):
        found.append(Extremes(0.0, 0.0))
    low, high = min(one.low for one in found), max(one.high for one in found)
    return Extremes(low, high, any(one.sampled for one in found))


def _dyadic(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """start … stop − 1 as blocks (first, 2^k) with first a multiple of 2^k."""
    while start < stop:
        size = start & -start or 1 << (stop - start).bit_length()
        while size > stop - start:
            size >>= 1
        yield start, size
        start += size
