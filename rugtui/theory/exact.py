"""The exact loss of any weights at finite n (section 7).

For a given interference ν the loss of one output is a piecewise cubic of b + ν, and its mean
follows from the characteristic function of ν (`series`). Quadrature over the density of ν, which
has a jump at every weight and an atom, would be wrong. Three parts are treated separately: the
atom, whose terms in the series do not decay; at high sparsity the cases with one active feature,
whose transforms decay only like 1/t; and weights so negative that they close the output, beside
which the series could not resolve the others.

Such weights are below −y₀, with y₀ the most that b + ν can be above the lower knot min(0, −a). Let
N be what their features subtract together: its law is an atom and a polynomial density below y₀,
and the loss is an integral over N of M(N), the loss without these features at the bias b − N.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from rugtui.errors import WeightsError
from rugtui.theory import gaussian
from rugtui.theory.interference import PERIOD, TAIL, Groups, Interference, Rows, Vector, bennett
from rugtui.theory.moments import checked
from rugtui.theory.series import Pieces, Series, kind_of, pieces

TOLERANCE = 3e-6
"""Relative size of the last octave of frequencies at which the sum is cut off."""
LARGEST_SUM = 1e70  # sum of absolute weights up to which their fourth powers are finite
SMALLEST_RANGE = 1e-60  # a range of ν so small that its fourth powers underflow: no interference
CLOSING = 16.0
"""Weights with −w above this many y₀ are treated separately: the series would lose digits."""
NODES = 16
"""Nodes on each side of the knots, between which M is nearly smooth."""
MOST_CLOSING = 24
"""Closing features that may be on together with N below y₀: (1/CLOSING)^24 is negligible."""


def exact_loss(
    rows: Float[np.ndarray, "k n_sparse"],
    index: Int[np.ndarray, " k"],
    b: Float[np.ndarray, " k"],
    p: float,
    *,
    tolerance: float = TOLERANCE,
) -> Float[np.ndarray, " k"]:
    """E (x_i − ReLU(W x + b)_i)² of rows i = index of W, to about `tolerance` (relative).

    `rows` are whole rows W[index]. Raises WeightsError for numbers that are not finite and
    SettingError for a p outside (0, 1].
    """
    rows, index, b = np.array(rows, float), np.asarray(index), np.asarray(b, float)
    _require_finite(rows, b)
    which = np.arange(len(rows)), index
    a = rows[which]
    rows[which] = 0
    law = Interference.of(Rows(rows, a), float(checked("p", p)))
    return expected_loss(law, a, b, tolerance=tolerance)


def grouped_row_loss(
    values: Float[np.ndarray, " g"],
    counts: Float[np.ndarray, " g"],
    a: ArrayLike,
    b: ArrayLike,
    p: float,
    *,
    tolerance: float = TOLERANCE,
) -> float:
    """`exact_loss` of one row with diagonal a and values[g] counts[g] times off it. The cost
    depends only on the number of distinct values."""
    values, counts = np.asarray(values, float), np.asarray(counts, float)
    a, b = np.atleast_1d(np.asarray(a, float)), np.atleast_1d(np.asarray(b, float))
    _require_finite(values, counts, a, b)
    law = Interference.of(Groups(values, counts), float(checked("p", p)))
    return float(expected_loss(law, a, b, tolerance=tolerance)[0])


def expected_loss(law: Interference, a: Vector, b: Vector, *, tolerance: float) -> Vector:
    """E h(b + ν) of each row of a law, with h as in `series`."""
    height = _heights(law, a, b)
    found = np.full(len(a), law.p / 3)  # where the height is 0 the output is always closed
    lowest = law.weights.values(np.arange(len(a))).min(1, initial=0)
    closing = (lowest < -CLOSING * height) & (height > 0)
    plain = np.flatnonzero((height > 0) & ~closing)
    found[plain] = _open_loss(law, plain, a, b, tolerance)
    for row in np.flatnonzero(closing).tolist():
        found[row] = _closing_loss(law, row, a[row], b[row], height[row], tolerance)
    return found


def _open_loss(
    law: Interference, some: np.ndarray, a: Vector, b: Vector, tolerance: float
) -> Vector:
    """`expected_loss` of the rows `some`, in which no weight closes the output."""
    extent = (law.high - law.low)[some]
    still = extent < SMALLEST_RANGE
    atom = np.where(still, 1, law.atom[some])
    found = atom * gaussian.loss(a[some], b[some], 0, law.p)  # ν = 0
    # Rows share frequencies, and so a period: one quarter octave and one form of h at a time.
    octave = np.ceil(4 * np.log2(np.where(still, 1, extent)))
    kind = kind_of(a[some], extent + np.abs(b + law.mean)[some])
    for size, sign in np.unique(np.stack([octave, kind])[:, ~still], axis=1).T:
        here = (octave == size) & (kind == sign) & ~still
        rows = some[here]
        parts = pieces(a[rows], law.p, int(sign))
        found[here] += _of_one_feature(law, rows, b[rows], parts)
        series = Series(law, rows, b[rows] + law.mean[rows], parts, PERIOD * 2 ** (size / 4))
        found[here] += series.mean(found[here], tolerance)
    return found


def _of_one_feature(law: Interference, rows: np.ndarray, b: Vector, parts: Pieces) -> Vector:
    """E[h(b + ν); exactly one feature is on], if the law treats these separately."""
    chance = law.single[rows]
    if not chance.any():
        return chance
    counts = law.weights.counts[rows]
    return chance * (counts * parts.mean_over(b, law.weights.values(rows))).sum(1)


def _heights(law: Interference, a: Vector, b: Vector) -> Vector:
    """y₀: how far b + ν of each row may be above its lower knot but for a probability p · TAIL."""
    counts, p = law.weights.counts, law.p
    up = np.maximum(law.weights.values(np.arange(len(a))), 0)
    total, square = (counts * up).sum(1), (counts * up**2).sum(1)
    reach = bennett(p * (1 / 3 - p / 4) * square, up.max(1, initial=0) * (1 - p / 2), p * TAIL)
    above = p / 2 * total + np.minimum(reach, (1 - p / 2) * total)
    return np.maximum(b + above + np.maximum(a, 0), 0)


def _closing_loss(
    law: Interference, row: int, a: float, b: float, height: float, tolerance: float
) -> float:
    """`expected_loss` of a row with weights that close the output, from that of its other weights
    at several biases."""
    values, counts = law.weights.values(np.array([row]))[0], law.weights.counts[row]
    closing = values < -CLOSING * height
    # N from 0 to y₀, split where b − N is at a knot
    edges = np.unique(np.clip([0, b, b + a, height], 0, height))
    y, weight = gaussian.panel_nodes(edges, NODES)
    silent, density = _sum_below(height, values[closing], counts[closing], law.p, y)
    share = np.concatenate([[silent], weight * density])
    biases = b - np.concatenate([[0.0], y])
    rest = Groups(np.where(closing, 0, values), np.tile(counts, (len(share), 1)))
    every = np.arange(len(share))
    of_rest = Interference.of(rest, law.p)
    losses = _open_loss(of_rest, every, np.full_like(biases, a), biases, tolerance)
    return float(share @ losses + max(1 - share.sum(), 0.0) * law.p / 3)


def _sum_below(
    height: float, values: Vector, number: Vector, p: float, y: Vector
) -> tuple[float, Vector]:
    """P(N = 0), and the density of N at y < y₀."""
    reach = np.repeat(height / -values, number.astype(int))
    c = np.zeros(MOST_CLOSING + 1)
    c[0] = 1
    for one in reach:
        c[1:] = (1 - p) * c[1:] + p * one * c[:-1]
        c[0] *= 1 - p
    powers = sum(
        (
            c[k] * (y / height) ** (k - 1) / math.factorial(k - 1)
            for k in range(1, MOST_CLOSING + 1)
        ),
        start=np.zeros_like(y),
    )
    return float(c[0]), powers / height


def _require_finite(*arrays: np.ndarray) -> None:
    for array in arrays:
        bad = np.count_nonzero(~np.isfinite(array))
        if bad:
            raise WeightsError(
                f"Weights must be finite numbers, but {bad} of {array.size} are not; "
                "load a checkpoint from before training diverged."
            )
        with np.errstate(over="ignore"):
            total = np.abs(array).sum(-1).max(initial=0)
        if total > LARGEST_SUM:
            raise WeightsError(
                f"The absolute weights of a row must add up to {LARGEST_SUM:g} at most, but they "
                f"add up to {total:.3g}; load a checkpoint from before training diverged."
            )
