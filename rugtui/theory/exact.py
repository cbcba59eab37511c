"""The exact loss of any weights at finite n (section 7).

For a given interference ν the loss of one output is a sum of truncated powers of b + ν (`knots`),
and their means follow from the characteristic function of ν (`series`). Quadrature over its
density, which has a jump at every weight and an atom, would be wrong. Three parts are treated
separately: the atom, whose terms in the series do not decay; at high sparsity the cases with one
active feature, whose transforms decay only like 1/t; and weights so negative that they close the
output (`closing`), because the series could not resolve the others beside them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from rugtui.errors import WeightsError
from rugtui.theory import gaussian
from rugtui.theory.closing import closes, heights, without_closing
from rugtui.theory.interference import Groups, Interference, Rows, Vector
from rugtui.theory.knots import Pieces, kind_of, pieces
from rugtui.theory.moments import checked
from rugtui.theory.series import PERIOD, Series

TOLERANCE = 3e-6
"""Relative size of the last octave of frequencies at which the sum is cut off."""
MOST = 1e70  # sum of absolute weights: their fourth powers are still numbers
STILL = 1e-60  # a range of ν so small that its fourth powers underflow: no interference


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
    """`exact_loss` of one row with diagonal a and values[g] counts[g] times off it.

    The cost depends only on the number of distinct values.
    """
    values, counts = np.asarray(values, float), np.asarray(counts, float)
    a, b = np.atleast_1d(np.asarray(a, float)), np.atleast_1d(np.asarray(b, float))
    _require_finite(values, counts, a, b)
    law = Interference.of(Groups(values, counts), float(checked("p", p)))
    return float(expected_loss(law, a, b, tolerance=tolerance)[0])


def expected_loss(law: Interference, a: Vector, b: Vector, *, tolerance: float) -> Vector:
    """E h(b + ν) for each row of a law, h as in `knots`."""
    height = heights(law, a, b)
    found, closing = np.full(len(a), law.p / 3), closes(law, height) & (height > 0)
    plain = np.flatnonzero((height > 0) & ~closing)
    found[plain] = _open_loss(law, plain, a, b, tolerance)
    for row in np.flatnonzero(closing).tolist():
        part = without_closing(law, row, a[row], b[row], height[row])
        rest, every = Interference.of(part.rest, law.p), np.arange(len(part.b))
        losses = _open_loss(rest, every, np.full_like(part.b, a[row]), part.b, tolerance)
        found[row] = part.share @ losses + part.closed * law.p / 3
    return found


def _open_loss(
    law: Interference, some: np.ndarray, a: Vector, b: Vector, tolerance: float
) -> Vector:
    """`expected_loss` of some rows, in which no weight closes the output."""
    extent = (law.high - law.low)[some]
    still = extent < STILL
    atom = np.where(still, 1, law.atom[some])
    found = atom * gaussian.loss(a[some], b[some], 0, law.p)  # ν = 0
    # Rows share frequencies, so a period: quarter octaves of it, and one form of h, at a time.
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
    counts = law.source.counts[rows]
    return chance * (counts * parts.mean_over(b, law.source.values(rows))).sum(1)


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
        if total > MOST:
            raise WeightsError(
                f"The absolute weights of a row must add up to {MOST:g} at most, but they add up "
                f"to {total:.3g}; load a checkpoint from before training diverged."
            )
