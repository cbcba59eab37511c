"""The law of the interference ν = Σ_j w_j x_j of each row: atom, moments, range, distribution.

They follow from the number of non-zero weights, their power sums and their largest values. Rows are
given either as weights or as distinct values with counts. Sections 7 and 8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtr

from rugtui.theory import characteristic
from rugtui.theory.moments import checked

Vector = Float[np.ndarray, " k"]

TAIL = 1e-5
"""Probability beyond each end of the range, relative to p."""
PERIOD = 1.25
"""Period of Fourier sums in units of the range of ν: values beyond one end of the range are mapped
beyond the other end, where there are no knots."""
RARE = 1e-4
"""From this probability on, the cases with exactly one active feature are treated separately."""

NEGLIGIBLE = 1e-6
"""Weights below this, relative to the row's largest weight, count as 0: together they are nearly an
atom. A negative weight far larger than the diagonal is not taken as the largest."""
FREQUENCIES, AT_ONCE = 256, 64
"""Of the Fourier sum for the distribution, at most, and at a time."""
RESOLVED = 1e-7  # size of the terms at which this sum ends
PLACES = np.linspace(-8, 8, 513)
"""Where the distributions are compared, in standard deviations: all but e^−32 of a Gaussian."""


@dataclass(frozen=True)
class Rows:
    """Rows given as weights, with 0 on the diagonal."""

    rows: Float[np.ndarray, "k n"]
    diagonal: Vector | None = None
    """The diagonal entries that the rows leave out, if they are known."""

    @property
    def counts(self) -> Float[np.ndarray, "k n"]:
        """1 for each weight, 0 for those that count as 0."""
        return self._present().astype(float)

    def _present(self) -> Bool[np.ndarray, "k n"]:
        size = np.abs(self.rows)
        largest = size.max(1, initial=0)
        if self.diagonal is not None:
            up = np.maximum(self.rows.max(1, initial=0), np.abs(self.diagonal))
            largest = np.where(up > 0, np.minimum(largest, up), largest)
        return size > NEGLIGIBLE * largest[:, None]

    def values(self, index: np.ndarray) -> Float[np.ndarray, "j n"]:
        return self.rows[index]

    def scaled(self, by: Vector) -> Rows:
        """The rows, each multiplied by a factor."""
        diagonal = None if self.diagonal is None else self.diagonal * by
        return Rows(self.rows * by[:, None], diagonal)

    def transforms(
        self, index: np.ndarray, p: float, t: Float[np.ndarray, " f"], waves: bool
    ) -> characteristic.Transforms:
        whole, single = characteristic.of_rows(self.rows[index], p, t, waves=waves)
        if single is not None:  # weights that count as 0 have each contributed 1
            single = single - (~self._present()[index]).sum(1)[:, None]
        return whole, single


@dataclass(frozen=True)
class Groups:
    """Rows, usually one, given as values and how often each of them occurs."""

    distinct: Float[np.ndarray, " g"]
    number: Float[np.ndarray, "*k g"]

    @property
    def counts(self) -> Float[np.ndarray, "k g"]:
        return np.where(self.distinct == 0, 0, np.atleast_2d(self.number))

    def values(self, index: np.ndarray) -> Float[np.ndarray, "j g"]:
        return np.broadcast_to(self.distinct, (len(index), len(self.distinct)))

    def scaled(self, by: Vector) -> Groups:
        return Groups(self.distinct * by[0], self.number)

    def transforms(
        self, index: np.ndarray, p: float, t: Float[np.ndarray, " f"], waves: bool
    ) -> characteristic.Transforms:
        return characteristic.of_groups(self.distinct, self.counts[index], p, t, waves=waves)


RowWeights = Rows | Groups
"""Rows of weights without their diagonal entries."""


@dataclass(frozen=True)
class Interference:
    """The properties of ν that have a closed form, one entry per row, and its transforms. ν − mean
    is within `low` … `high`, except with a probability of at most p · TAIL at each end."""

    weights: RowWeights
    p: float
    mean: Vector
    low: Vector
    high: Vector
    atom: Vector
    """P(ν = 0) = (1 − p)^m for m non-zero weights."""
    single: Vector
    """P(only feature j is on) = p (1 − p)^(m − 1), or 0 where that is not treated separately."""
    _central: Float[np.ndarray, "5 k"]
    _sums: Float[np.ndarray, "5 k"]

    @classmethod
    def of(cls, weights: RowWeights, p: float) -> Interference:
        every = np.arange(len(weights.counts))
        values, counts = weights.values(every), weights.counts
        sums = np.stack([(counts * values**power).sum(1) for power in range(5)])
        # cumulants of ν: those of a feature, from its moments p/2, p/3, p/4, p/5, times power sums
        second = p * (1 / 3 - p / 4) * sums[2]
        third = p * (1 / 4 - p / 2 + p**2 / 4) * sums[3]
        fourth = p * (1 / 5 - 5 * p / 6 + p**2 - 3 * p**3 / 8) * sums[4]
        one, mean = np.ones_like(second), p / 2 * sums[1]
        number = sums[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            atom = np.where(number > 0, np.exp(number * np.log1p(-p)), 1.0)
            single = np.where(number > 1, p * np.exp((number - 1) * np.log1p(-p)), 0.0)
        # The largest jumps of ν − mean: x_j − p/2 lies between −p/2 and 1 − p/2, times w_j
        largest, lowest = values.max(1, initial=0), -values.min(1, initial=0)
        positive = (counts * np.maximum(values, 0)).sum(1)
        up = np.maximum(largest * (1 - p / 2), lowest * p / 2)
        down = np.maximum(lowest * (1 - p / 2), largest * p / 2)
        return cls(
            weights=weights,
            p=p,
            mean=mean,
            low=-np.minimum(bennett(second, down, p * TAIL), positive - sums[1] + mean),
            high=np.minimum(bennett(second, up, p * TAIL), positive - mean),
            atom=atom,
            single=np.where(number * single > RARE, single, 0.0),
            _central=np.stack([one, 0 * one, second, third, fourth + 3 * second**2]),
            _sums=sums,
        )

    @property
    def deviation(self) -> Vector:
        """σ of ν."""
        return np.sqrt(self._central[2])

    def transform(self, index: np.ndarray, t: Float[np.ndarray, " f"]) -> Float[np.ndarray, "j f"]:
        """E exp(i t (ν − mean)) of the rows `index`, without the cases that are treated separately
        (no feature, or exactly one). t > 0, ascending.
        """
        alone = self.single[index, None]
        whole, waves = self.weights.transforms(index, self.p, t, bool(alone.any()))
        few = self.atom[index, None] + (0 if waves is None else alone * waves)
        return whole - few * np.exp(-1j * np.multiply.outer(self.mean[index], t))

    def moments(self, index: np.ndarray) -> Float[np.ndarray, "5 j"]:
        """E (ν − mean)ᵏ, k = 0 … 4, without the cases that are treated separately."""
        place = -self.mean[index]
        left = self._central[:, index].copy()
        for k in range(5):
            left[k] -= self.atom[index] * place**k
            for i in range(k + 1):
                alone = self._sums[i, index] / (i + 1)
                left[k] -= self.single[index] * math.comb(k, i) * place ** (k - i) * alone
        return left


def bennett(variance: Vector, jump: Vector, tail: float) -> Vector:
    """The x that a sum of independent terms, each at most `jump`, exceeds with probability `tail`.

    Bennett's inequality: P(sum > x) ≤ exp(−(variance/jump²) h(x jump/variance)), h(y) = (1 + y)
    log(1 + y) − y, for centred terms. Solved for y by Newton's method on the convex h.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.where(variance > 0, -np.log(tail) * jump**2 / variance, 0.0)
    y = np.sqrt(2 * wanted) + wanted  # h(y) ≥ y²/(2 + 2y/3), so this is beyond the root
    for _ in range(50):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(y > 0, ((1 + y) * np.log1p(y) - y - wanted) / np.log1p(y), 0.0)
        y = y - step
        if np.all(np.abs(step) <= 1e-6 * y):
            break
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(jump > 0, y * variance / jump, 0.0)


@dataclass(frozen=True)
class Distribution:
    """P(ν ≤ mean + y σ) of each row at shared places y, and its atom."""

    noisy: Bool[np.ndarray, " k"]
    """False for rows whose σ is 0: all their probability is at the mean."""

    atom: Float[np.ndarray, " k"]
    """P(ν = 0)."""
    atom_at: Float[np.ndarray, " k"]
    """The y of ν = 0."""
    smooth: Float[np.ndarray, "k q"]
    """P(ν ≤ mean + y σ, ν ≠ 0) at PLACES."""

    @classmethod
    def of(cls, weights: RowWeights, p: float) -> Distribution:
        """For rows of weights without their diagonal. Raises SettingError."""
        p = float(checked("p", p))
        scale = Interference.of(weights, p).deviation
        law = Interference.of(weights.scaled(1 / np.where(scale > 0, scale, 1)), p)
        return cls(scale > 0, law.atom, -law.mean, _smooth(law, PLACES))

    def below(self, y: Float[np.ndarray, " q"]) -> Float[np.ndarray, "k q"]:
        """P(ν ≤ mean + y σ) of each row: linear between the places, except at the atom."""
        smooth = np.stack([np.interp(y, PLACES, row) for row in self.smooth])
        return smooth + self.atom[:, None] * (y >= self.atom_at[:, None])

    def masses(self, edges: Float[np.ndarray, " m"]) -> Float[np.ndarray, "k m-1"]:
        """Probability of each cell between edges (in σ from the mean)."""
        return np.diff(self.below(edges))

    def distance_to_gaussian(self) -> Float[np.ndarray, " k"]:
        """Kolmogorov–Smirnov: the largest |P(ν ≤ y) − Φ(y)|, including both sides of the atom."""
        apart = np.abs(self.below(PLACES) - ndtr(PLACES)).max(1)
        steps = zip(self.atom_at, self.smooth, strict=True)
        before = np.array([np.interp(at, PLACES, row) for at, row in steps])
        gauss = ndtr(self.atom_at)
        largest = np.max(
            [apart, np.abs(before - gauss), np.abs(before + self.atom - gauss)], axis=0
        )
        return np.where(self.noisy, largest, 0)  # without noise both are the same step


def _smooth(law: Interference, y: Float[np.ndarray, " q"]) -> Float[np.ndarray, "k q"]:
    """P(ν' ≤ y, ν not at its atom): the step y ≥ ν' is a truncated power of order 0 (see `series`).
    Its mean is 1/2 + (y − E ν')/P plus a Fourier sum: one product for all rows and places."""
    every = np.arange(len(law.mean))
    period = PERIOD * max(np.max(law.high - law.low, initial=0), y[-1] - y[0])
    some, first = law.moments(every)[:2, :, None]
    total = some * (0.5 + y / period) - first / period
    for start in range(0, FREQUENCIES, AT_ONCE):
        t = 2 * math.pi / period * np.arange(start + 1, start + AT_ONCE + 1)
        kernel = np.conj(law.transform(every, t)) * (2 / period / (1j * t))
        total += np.real(kernel @ np.exp(1j * np.multiply.outer(t, y)))
        if np.abs(kernel[:, -AT_ONCE // 4 :]).max() < RESOLVED:
            break
    total = np.where(y < law.low[:, None], 0, np.where(y > law.high[:, None], some, total))
    return np.clip(total, 0, some) + _of_one_feature(law, every, y)


def _of_one_feature(
    law: Interference, every: np.ndarray, y: Float[np.ndarray, " q"]
) -> Float[np.ndarray, "k q"]:
    """P(ν' ≤ y, exactly one feature is on), if the law treats these separately: ν is uniform in
    0 … w_j."""
    below = np.zeros((len(every), len(y)))
    for row in np.flatnonzero(law.single):
        weights, counts = law.weights.values(every)[row], law.weights.counts[row]
        weights, counts = weights[counts > 0], counts[counts > 0]
        share = np.clip(np.divide.outer(y + law.mean[row], weights), 0, 1)
        below[row] = np.where(weights > 0, share, 1 - share) @ counts * law.single[row]
    return below
