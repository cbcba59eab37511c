"""The exact loss of any weights at finite n (section 7).

The mean of a truncated power x₊ⁿ/n! of x = ±(ν − knot) is had from the characteristic function of ν
without its density ever appearing. For |x| < P, a period of our choice,

    x₊ⁿ/n! = Pⁿ B_{n+1}(1 + x/P)/(n + 1)!  +  (1/P) Σ_{k≠0} e^{i t_k x}/(i t_k)ⁿ⁺¹,    t_k = 2πk/P

with B the Bernoulli polynomials: the sum is the Fourier series of minus the Bernoulli polynomial
repeated with period P, which is the first term but for the missing power where x < 0. In the mean
the polynomial becomes moments of ν, known exactly, and e^{i t x} the characteristic function, known
exactly. Only the sum over k is cut off, after terms that fall like k^{−3} times the characteristic
function. The density of ν has jumps (at every weight) and an atom; sampled at points it gives wrong
sums, but here it is nowhere sampled. The atom, which alone would not let the terms fall, and at
high sparsity the features that are on alone, whose transforms fall like 1/t, are taken out and
added by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from rugtui.errors import WeightsError
from rugtui.theory import gaussian
from rugtui.theory.interference import Groups, Interference, Rows, Vector
from rugtui.theory.knots import Knot, Pieces, kind_of, pieces
from rugtui.theory.moments import checked

TOLERANCE = 3e-6
"""Relative size of the last octave of frequencies at which the sum is cut off."""
FIRST = 32
LAST = 1 << 15
"""Frequencies taken at first, doubled up to this many."""
PERIOD = 1.25
"""P in units of the range of ν: what falls out of the range at one end comes back beyond the other,
where the knots are not."""
STILL = 1e-60  # a range of ν so small that its fourth powers underflow: no interference
BERNOULLI = {  # B_{n+1}(1 + y)/(n + 1)! by rising powers of y
    1: (1 / 12, 1 / 2, 1 / 2),
    2: (0.0, 1 / 12, 1 / 4, 1 / 6),
    3: (-1 / 720, 0.0, 1 / 24, 1 / 12, 1 / 24),
}


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
    law = Interference.of(Rows(rows), float(checked("p", p)))
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
    """`exact_loss` of one row with diagonal a in which values[g] occurs counts[g] times beside it.

    The cost grows with the number of distinct values alone.
    """
    values, counts = np.asarray(values, float), np.asarray(counts, float)
    a, b = np.atleast_1d(np.asarray(a, float)), np.atleast_1d(np.asarray(b, float))
    _require_finite(values, counts, a, b)
    law = Interference.of(Groups(values, counts), float(checked("p", p)))
    return float(expected_loss(law, a, b, tolerance=tolerance)[0])


def expected_loss(law: Interference, a: Vector, b: Vector, *, tolerance: float) -> Vector:
    """E h(b + ν) for each row of a law, h as in `knots`."""
    extent = law.high - law.low
    still = extent < STILL
    found = np.where(still, 1, law.atom) * gaussian.loss(a, b, 0, law.p)  # ν = 0
    noisy = np.flatnonzero(~still)
    # Rows share frequencies, so a period: quarter octaves of it, and one form of h, at a time.
    octave = np.ceil(4 * np.log2(extent[noisy]))
    kind = kind_of(a[noisy], (extent + np.abs(b + law.mean))[noisy])
    for size, sign in np.unique(np.stack([octave, kind]), axis=1).T:
        rows = noisy[(octave == size) & (kind == sign)]
        parts = pieces(a[rows], law.p, int(sign))
        found[rows] += _of_one_feature(law, rows, b[rows], parts)
        series = _Series(law, rows, b[rows] + law.mean[rows], parts, PERIOD * 2 ** (size / 4))
        found[rows] += series.mean(found[rows], tolerance)
    return found


def _of_one_feature(law: Interference, rows: np.ndarray, b: Vector, parts: Pieces) -> Vector:
    """E[h(b + ν); just one feature is on], where the law takes these out."""
    chance = law.single[rows]
    if not chance.any():
        return chance
    counts = law.source.counts[rows]
    return chance * (counts * parts.mean_over(b, law.source.values(rows))).sum(1)


class _Series:
    """E h(m0 + ν') over what a law leaves of some rows, ν' = ν − mean and m0 = b + mean."""

    def __init__(
        self, law: Interference, rows: np.ndarray, m0: Vector, parts: Pieces, period: float
    ) -> None:
        self.law, self.rows, self.m0, self.parts, self.period = law, rows, m0, parts, period
        self.moments = law.moments(rows)

    def mean(self, beside: Vector, tolerance: float) -> Vector:
        """To `tolerance` of itself and what is added to it."""
        total = self._polynomial(self.m0, self.parts.base)
        crossed = []
        for knot in self.parts.knots:
            value, inside = self._outside(knot)
            total += value
            crossed.append(inside)
        active = np.flatnonzero(np.any(crossed, axis=0))
        start, stop = 0, FIRST
        while len(active) and start < LAST:
            t = 2 * math.pi / self.period * np.arange(start + 1, stop + 1)
            terms = self._terms(active, t, [inside[active] for inside in crossed])
            total[active] += terms.sum(-1)
            # Later terms are smaller and their phases as good as random.
            left = np.sqrt((terms**2).sum(-1))
            active = active[left > tolerance * np.abs(total + beside)[active]]
            start, stop = stop, 2 * stop
        return total

    def _outside(self, knot: Knot) -> tuple[Vector, np.ndarray]:
        """All but the Fourier sum of the mean of a knot's powers, and the rows that need the sum:
        those where ν has mass on both sides of the knot."""
        place = self.m0 + knot.shift
        low, high = place + self.law.low[self.rows], place + self.law.high[self.rows]
        inside = (low < 0) & (high > 0)
        total = np.zeros(len(place))
        for power in knot.powers:
            n, sign = power.order, power.sign
            scales = [sign**k * self.period ** (n - k) for k in range(n + 2)]
            bent = [c * scale for c, scale in zip(BERNOULLI[n], scales, strict=True)]
            plain = [0.0] * n + [sign**n / math.factorial(n)]
            beyond = low >= 0 if sign > 0 else high <= 0
            value = np.where(beyond, self._polynomial(place, plain), 0.0)
            value = np.where(inside, self._polynomial(place, bent), value)
            total += power.weight * value
        return total, inside

    def _polynomial(self, place: Vector, coefficients: Sequence[float | Vector]) -> Vector:
        """E Σ_k coefficients[k] (place + ν')ᵏ by the moments of ν'."""
        total = np.zeros(len(self.rows))
        for k, coefficient in enumerate(coefficients):
            for i in range(k + 1):
                total += coefficient * math.comb(k, i) * place ** (k - i) * self.moments[i]
        return total

    def _terms(
        self, active: np.ndarray, t: Float[np.ndarray, " f"], crossed: list[np.ndarray]
    ) -> Float[np.ndarray, "j f"]:
        """The terms k and −k of the Fourier sum, together, for each row and t_k."""
        transform = self.law.transform(self.rows[active], t)
        terms = np.zeros(transform.shape)
        for knot, inside in zip(self.parts.knots, crossed, strict=True):
            if not inside.any():
                continue
            rows = active[inside]
            kernel = np.zeros((len(rows), len(t)), complex)
            for power in knot.powers:
                scale = 2 / self.period / (1j * power.sign * t) ** (power.order + 1)
                kernel += np.multiply.outer(power.weight[rows], scale)
            wave = np.exp(1j * np.multiply.outer((self.m0 + knot.shift)[rows], t))
            terms[inside] += np.real(transform[inside] * wave * kernel)
        return terms


def _require_finite(*arrays: np.ndarray) -> None:
    for array in arrays:
        bad = np.count_nonzero(~np.isfinite(array))
        if bad:
            raise WeightsError(
                f"Weights must be finite numbers, but {bad} of {array.size} are not; "
                "load a checkpoint from before training diverged."
            )
