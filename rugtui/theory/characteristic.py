"""The characteristic function of interference ν = Σ_j w_j x_j, for many rows at once (section 7).

The x_j are independent, so log E exp(i t ν) = Σ_j ψ(t w_j), with one function for all weights:

    ψ(s) = log E exp(i s (x − p/2)) = log[1 − p + p (e^{is} − 1)/(is)] − i p s/2

(without the mean, so that phases stay small), on the principal branch of the logarithm.

A row of n weights at K frequencies needs n K values of ψ. But ψ is smooth: on a grid fine enough
for interpolation by polynomials of degree ORDER − 1, all rows need ψ only at the same few grid
points. Each row becomes an amount of weight on each grid point, and the sums are one matrix
product, counts · ψ(grid × t).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

ORDER = 10  # grid points that share one weight
OFFSETS = np.arange(ORDER) - (ORDER // 2 - 1)
LAGRANGE = np.linalg.inv(np.vander(OFFSETS - 0.5, increasing=True).T)
"""ℓ_q(x) = Σ_d LAGRANGE[q, d] xᵈ, x from the middle of the cell."""
STEP = 0.25  # grid step × largest t for p ≤ 0.2, half of it for larger p, where ψ bends more
"""Then ψ is interpolated to 1e-8 p (checked in tests/theory)."""
SMOOTH_BELOW = 0.5
"""p up to which ψ is interpolated for any s. For larger p it has singularities near the real axis,
at p = 1 on it (s = 2πm), but then ν is so close to Gaussian that a row needs few frequencies."""
SMOOTH_UP_TO = 4.0  # s up to which ψ is interpolated for any p
NEAR_ONE = 0.125  # p below which the argument of the logarithm, 1 − 2p … 1, is far from 0
BLOCK = 1 << 15  # values of ψ computed at once: they stay in the cache
PAIR = 0.004  # what each row adds to the cost of a grid point, in values of ψ


Grid = Float[np.ndarray, "*grid"]


def wave(s: Grid) -> tuple[Grid, Grid, Grid]:
    """(e^{is} − 1)/(is) = E exp(i s u), u uniform: real and imaginary part, signed size."""
    half = s / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        sinc = np.where(half == 0, 1.0, np.sin(half) / half)
    return sinc * np.cos(half), sinc * np.sin(half), sinc


def log_factor(s: Grid, p: float, of_wave: tuple[Grid, ...] = ()) -> tuple[Grid, Grid]:
    """Real and imaginary part of ψ(s); −345 stands for log 0. `of_wave`: wave(s), if known."""
    real, imaginary, size = of_wave or wave(s)
    # |·|² − 1, as a sum of small terms, or rounding errors of 1 would add up over n weights
    below_one = 2 * p * (1 - p) * (real - 1) + p * p * (size * size - 1)
    real, imaginary = 1 - p + p * real, p * imaginary
    if p < NEAR_ONE:
        return np.log1p(below_one) / 2, np.arctan(imaginary / real) - p / 2 * s
    log_square = np.where(
        below_one > -0.5,
        np.log1p(np.maximum(below_one, -0.5)),
        np.log(np.maximum(real * real + imaginary * imaginary, 1e-300)),
    )
    return log_square / 2, np.arctan2(imaginary, real) - p * s / 2


Transforms = tuple[Float[np.ndarray, "k f"], Float[np.ndarray, "k f"] | None]
"""For each row and t, complex: E exp(i t (ν − μ)), and if asked for Σ_j E exp(i t w_j u)."""


def of_rows(
    rows: Float[np.ndarray, "k n"], p: float, t: Float[np.ndarray, " f"], *, waves: bool = False
) -> Transforms:
    """The transforms of rows of weights; t > 0 and ascending."""
    if p <= SMOOTH_BELOW or t[-1] * np.abs(rows).max(initial=0) <= SMOOTH_UP_TO:
        step = STEP if p <= 0.2 else STEP / 2
        grid = WeightGrid.under(rows, step / t[-1])
        if len(grid.values) * (1 + PAIR * len(rows)) < rows.size:
            return of_groups(grid.values, grid.counts(), p, t, waves=waves)
    once = np.ones((1, rows.shape[1]))
    each = [of_groups(row, once, p, t, waves=waves) for row in rows]
    sums = [single for _, single in each if single is not None]
    return np.concatenate([whole for whole, _ in each]), np.concatenate(sums) if waves else None


def of_groups(
    values: Float[np.ndarray, " g"],
    counts: Float[np.ndarray, "k g"],
    p: float,
    t: Float[np.ndarray, " f"],
    *,
    waves: bool = False,
) -> Transforms:
    """The transforms of rows in which values[g] occurs counts[:, g] times, a few t at a time."""
    sizes, even, odd = _folded(values, counts)
    at_once = max(1, BLOCK // max(len(sizes), 1))
    whole, single = [], []
    for start in range(0, len(t), at_once):
        s = np.multiply.outer(sizes, t[start : start + at_once])
        of_wave = wave(s)
        log_size, phase = log_factor(s, p, of_wave)
        whole.append(np.exp(even @ log_size + 1j * (odd @ phase)))
        if waves:
            single.append(even @ of_wave[0] + 1j * (odd @ of_wave[1]))
    return np.concatenate(whole, -1), np.concatenate(single, -1) if waves else None


def _folded(
    values: Float[np.ndarray, " g"], counts: Float[np.ndarray, "k g"]
) -> tuple[Float[np.ndarray, " h"], Float[np.ndarray, "k h"], Float[np.ndarray, "k h"]]:
    """|values| without repetition; how often each occurs; and how much more often with a plus sign.
    The real part of ψ is even in w and its imaginary part odd, so w and −w need ψ only once."""
    order = np.argsort(np.abs(values), kind="stable")
    sizes = np.abs(values)[order]
    first = np.flatnonzero(np.diff(sizes, prepend=-1.0))
    by_size = counts[:, order]
    signed = by_size * np.sign(values[order])
    even, odd = (np.add.reduceat(each, first, axis=1) for each in (by_size, signed))
    return sizes[first], even, odd


@dataclass(frozen=True)
class WeightGrid:
    """Weights on a grid of multiples of `step`: the cell of each weight, and its position in it.

    A weight x steps from the middle of its cell becomes ℓ_q(x) on the q-th of the ORDER grid points
    around it, with ℓ_q their Lagrange polynomials: exact for ψ of degree below ORDER.
    """

    values: Float[np.ndarray, " g"]
    """The grid points in use."""
    column: Int[np.ndarray, "q c"]
    """The index in `values` of the q-th grid point around each occupied cell."""
    cell: Int[np.ndarray, "k n"]
    """The occupied cell of each weight."""
    x: Float[np.ndarray, "k n"]
    """Its distance from the middle of the cell in steps, −1/2 … 1/2."""

    @classmethod
    def under(cls, rows: Float[np.ndarray, "k n"], step: float) -> WeightGrid:
        place = rows / step
        base = np.floor(place)
        cells, cell = _distinct(base.astype(np.int64))
        points, column = _distinct(cells + OFFSETS[:, None])
        return cls(points * step, column, cell, place - base - 0.5)

    def counts(self) -> Float[np.ndarray, "k g"]:
        """How much weight of each row lies on each grid point."""
        rows, cells = len(self.cell), self.column.shape[1]
        where = (cells * np.arange(rows)[:, None] + self.cell).ravel()
        # Σ xᵈ over the weights of each row in each cell, for all powers d that ℓ_q has
        power, sums = np.ones(self.x.size), np.empty((ORDER, rows, cells))
        for d in range(ORDER):
            sums[d] = np.bincount(where, power, rows * cells).reshape(rows, cells)
            power *= self.x.ravel()
        total = np.zeros((rows, len(self.values)))
        for column, share in zip(self.column, np.tensordot(LAGRANGE, sums, 1), strict=True):
            total[:, column] += share  # no grid point is the q-th of two cells
        return total


def _distinct(whole: Int[np.ndarray, "*grid"]) -> tuple[np.ndarray, Int[np.ndarray, "*grid"]]:
    """np.unique with inverse, without sorting where the numbers are close together."""
    low = int(whole.min())
    span = int(whole.max()) - low + 1
    if span > 16 * whole.size:
        values, inverse = np.unique(whole, return_inverse=True)
        return values, inverse.reshape(whole.shape)
    used = np.zeros(span, bool)
    used[whole - low] = True
    return np.flatnonzero(used) + low, (np.cumsum(used) - 1)[whole - low]
