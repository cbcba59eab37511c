"""A few rows that speak for all: strata of rows with like Gaussian losses, one row drawn of each.

The exact loss of a row is dear; its Gaussian loss x_i is known for every row and tells roughly what
the exact one y_i is. A regression of y on x over a few rows would use that, but where rows differ
widely it reads y of rows unlike any it saw off a line: it can go below 0, and its residuals say
nothing of that. So x decides which rows are drawn, and no more:

Rows in the order of x are cut into k strata; one row is drawn of each, evenly, and stands for the
m_h rows of its stratum. Then Σ_h (m_h/n) y_h is unbiased whatever y is to x, it lies between the
least and the greatest y drawn, and its variance is Σ_h (m_h/n)² σ_h², with σ_h the spread of y in
stratum h: what x tells of y is between the strata, and gone.

**Where to cut.** The variance is least where all m_h σ_h are equal (Neyman's rule, one draw each).
What is left of a row's loss once x is known is about in proportion to x, and m_h x_h equal means
strata of equal Σ x. The cuts are made in x_i + x̄: a row far above the others still is a stratum by
itself, and no row stands for more than about 2 n/k.

**The error.** A stratum's σ_h² is not seen in one draw, but its neighbours' draws show it: of three
strata in a row, e is what the middle y is off the line through the outer two, read at its x. With
weights u, 1, v of that line, e² / (1 + u² + v²) is the variance about the line. The line's slope
does its part within the stratum, slope² Var_h(x), with Var_h(x) known since x is. A stratum of one
row has neither.

**Rows apart.** A row that does not carry its feature loses p/3 whatever its interference is like,
where one of the same x that does may lose a fifth of its x. So rows whose diagonal is less than
half the middle one's have strata of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LEAST_APART = 8
"""Rows drawn, and rows left, below which no rows are kept apart."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Strata:
    """Rows drawn, in the order of their Gaussian losses, and what each stands for."""

    rows: Int[np.ndarray, " k"]
    shares: Float[np.ndarray, " k"]
    """Of all rows, those that a row drawn stands for; they add up to 1."""
    known: Float[np.ndarray, " k"]
    """Gaussian losses of the rows drawn."""
    spreads: Float[np.ndarray, " k"]
    """Variances of the Gaussian losses in the strata."""
    sizes: Int[np.ndarray, " k"]
    apart: int
    """How many of the strata, the first ones, are of rows apart."""

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
        """Rows of which each is exactly like all that it stands for."""
        ones = np.ones(len(first), int)
        return cls(first, shares, known, np.zeros(len(first)), ones, 0)

    def mean(self, losses: Float[np.ndarray, " k"]) -> tuple[float, float]:
        """The mean of all rows' losses from those of `rows`, and its standard error.

        The error is 0 where every row was drawn, NaN for one row that stands for others.
        """
        mean = float(self.shares @ losses)
        groups = slice(self.apart), slice(self.apart, None)
        parts = [_about_neighbours(self.known[group], losses[group]) for group in groups]
        rest, slope = (np.concatenate(column) for column in zip(*parts, strict=True))
        variances = (1 - 1 / self.sizes) * rest + slope**2 * self.spreads
        variances[self.sizes == 1] = 0
        return mean, math.sqrt(self.shares**2 @ variances)


def _share(ordered: Float[np.ndarray, " n_sparse"], few: int, rows: int) -> int:
    """Strata for the first `few` rows: their part of the whole, two at least for an error, and
    two at least left for the others."""
    if few == 0:
        return 0
    part = ordered[:few].sum() / max(ordered.sum(), TINY)
    least, most = min(few, 2), min(few, rows - 2)
    others = len(ordered) - few
    return max(min(max(round(rows * part), least), most), rows - others)


def _edges(ordered: Float[np.ndarray, " n_sparse"], count: int) -> Int[np.ndarray, " edges"]:
    """Where to cut falling Gaussian losses: strata of whole rows, of Σ (x + x̄) as like as can be.

    What is left is shared out anew after each, as the first rows may be far above their share.
    """
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
    """Of each place: the variance of y about the line through its neighbours, the mean over the
    threes that it is in; and the slope of the line through the outer two of its own three."""
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
