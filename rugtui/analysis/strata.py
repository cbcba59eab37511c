"""A stratified sample of the rows of W: one row from each stratum of similar Gaussian loss.

The exact loss of a row is expensive; its Gaussian loss is known for every row and predicts it
roughly. So the Gaussian loss decides which rows are drawn. Section 8 of the theory derives why the
mean is unbiased, where to cut, the standard error, and why weak rows have strata of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LEAST_APART = 8
"""Weak rows get strata of their own only if at least this many rows are drawn, and left out."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Strata:
    """The rows drawn, sorted by Gaussian loss, and how many rows each represents."""

    rows: Int[np.ndarray, " k"]
    shares: Float[np.ndarray, " k"]
    """The share of all rows that each row drawn represents; the shares add up to 1."""
    known: Float[np.ndarray, " k"]
    """Gaussian losses of the rows drawn."""
    spreads: Float[np.ndarray, " k"]
    """Variances of the Gaussian losses in the strata."""
    sizes: Int[np.ndarray, " k"]
    apart: int
    """How many of the strata, the first ones, are of weak rows."""

    @classmethod
    def draw(
        cls,
        known: Float[np.ndarray, " n_sparse"],
        diagonal: Float[np.ndarray, " n_sparse"],
        rows: int,
        generator: np.random.Generator,
    ) -> Strata:
        """`rows` different rows by their Gaussian losses `known`, 1 ≤ rows ≤ n_sparse."""
        weak = diagonal < np.median(diagonal) / 2
        if not LEAST_APART <= rows <= len(known) - LEAST_APART:
            weak[:] = False
        order = np.lexsort((-known, ~weak))
        ordered, few = known[order], int(weak.sum())
        apart = _share(ordered, few, rows)
        edges = np.concatenate(
            [_edges(ordered[:few], apart)[:-1], few + _edges(ordered[few:], rows - apart)]
        )
        sizes = np.diff(edges)
        chosen = edges[:-1] + generator.integers(sizes)
        spreads = np.array([part.var() for part in np.split(ordered, edges[1:-1])])
        return cls(order[chosen], sizes / len(known), ordered[chosen], spreads, sizes, apart)

    @classmethod
    def kinds(
        cls,
        first: Int[np.ndarray, " k"],
        shares: Float[np.ndarray, " k"],
        known: Float[np.ndarray, " k"],
    ) -> Strata:
        """Rows that are exactly like all rows that they represent."""
        ones = np.ones(len(first), int)
        return cls(first, shares, known, np.zeros(len(first)), ones, 0)

    def mean(self, losses: Float[np.ndarray, " k"]) -> tuple[float, float]:
        """The mean of all rows' losses from those of `rows`, and its standard error. The error is 0
        if every row was drawn, NaN if one row represents others."""
        mean = float(self.shares @ losses)
        groups = slice(self.apart), slice(self.apart, None)
        parts = [_about_neighbours(self.known[group], losses[group]) for group in groups]
        rest, slope = (np.concatenate(column) for column in zip(*parts, strict=True))
        variances = (1 - 1 / self.sizes) * rest + slope**2 * self.spreads
        variances[self.sizes == 1] = 0
        return mean, math.sqrt(self.shares**2 @ variances)


def _share(ordered: Float[np.ndarray, " n_sparse"], few: int, rows: int) -> int:
    """How many strata the first `few` rows get: in proportion to their loss, but at least two, for
    a standard error, and at most all but two."""
    if few == 0:
        return 0
    part = ordered[:few].sum() / max(ordered.sum(), TINY)
    least, most = min(few, 2), min(few, rows - 2)
    others = len(ordered) - few
    return max(min(max(round(rows * part), least), most), rows - others)


def _edges(ordered: Float[np.ndarray, " n_sparse"], count: int) -> Int[np.ndarray, " edges"]:
    """Where to cut descending Gaussian losses into strata of nearly equal Σ (x + x̄). The rest is
    divided again after each cut, since the first rows may exceed their share by far."""
    n_sparse = len(ordered)
    if count == 0:
        return np.zeros(1, int)
    size = ordered + ordered.mean()
    if not 0 < size.sum() < math.inf:
        size = np.ones(n_sparse)
    above = np.concatenate([[0.0], np.cumsum(size)])
    edges = [0]
    for left in range(count, 1, -1):
        aim = above[edges[-1]] + (above[-1] - above[edges[-1]]) / left
        nearest = int(np.searchsorted((above[1:] + above[:-1]) / 2, aim))
        edges.append(min(max(nearest, edges[-1] + 1), n_sparse - left + 1))
    return np.array([*edges, n_sparse])


def _about_neighbours(
    x: Float[np.ndarray, " k"], y: Float[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """For each row: the variance of y about the line through its neighbours, averaged over the
    triples that contain it, and the slope of the line through the outer two of its own triple."""
    if len(x) < 2:
        return np.full(len(x), math.nan), np.zeros(len(x))
    if len(x) == 2:
        return np.full(2, (y[0] - y[1]) ** 2 / 2), np.zeros(2)
    run = x[:-2] - x[2:]
    flat = run <= 0
    far = np.where(flat, 1.0, run)
    share = np.where(flat, 0.5, (x[:-2] - x[1:-1]) / far)  # of the lower neighbour
    off = y[1:-1] - (1 - share) * y[:-2] - share * y[2:]
    variance = off**2 / (1 + share**2 + (1 - share) ** 2)
    slope = np.where(flat, 0.0, (y[:-2] - y[2:]) / far)
    ones = np.ones(3)
    rest = np.convolve(variance, ones) / np.convolve(np.ones(len(variance)), ones)
    return rest, np.pad(slope, 1, mode="edge")
