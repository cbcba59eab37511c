"""The loss of an output with a few strong weights and Gaussian noise (section 12).

With b = −aθ, partner weights c_j a and noise s a, the output is a g with

    g = ReLU(x + ν − θ),    ν = Σ_j c_j x_j + s z,    loss = p/3 − 2a E[x g] + a² E[g²],

so that a = E[x g]/E[g²] and only θ has to be searched. With T_n(m) = E (m + ν)₊ⁿ/n!, integrating
over the feature's own value gives

    E[g²] = 2 (1 − p) T_2(−θ) + 2p [T_3(1 − θ) − T_3(−θ)]
    E[x g] = p [T_2(1 − θ) − T_3(1 − θ) + T_3(−θ)].

If no partner is on, T_n is Q_n(m) = E (m + s z)₊ⁿ/n!; if one is, [Q_{n+1}(m + c) − Q_{n+1}(m)]/c.
For two or more active partners it follows from their characteristic function (section 7) times
exp(−s²t²/2): T_n on a grid of m by one FFT, and between grid points by T_n' = T_{n−1}.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rugtui.theory import gaussian
from rugtui.theory.interference import PERIOD, RARE, Groups, Interference
from rugtui.theory.moments import Array, variance
from rugtui.theory.series import BERNOULLI

GRID = 4096
"""Places of the FFT."""
REACH = 6.5
"""Deviations of the Gaussian noise within the FFT's range."""
LEAST_NOISE = 1e-12
"""Used as s if there is no noise, in units of the signal."""
ZOOM = 32
"""Points of a search between the neighbours of the best one so far."""

OutputMoments = tuple[Array, Array]
"""E[x g] and E[g²]."""


class Minimum(NamedTuple):
    """The lowest loss over a and b, and its a and b."""

    loss: float | Array
    a: float | Array
    b: float | Array
    """Includes the mean of the Gaussian noise, but not that of the partners."""


def rectified(m: Array, s: float | Array, highest: int) -> list[Array]:
    """Q_0 … Q_highest at m, by n Q_n = m Q_{n−1} + s² Q_{n−2}; s ≥ 0."""
    s = np.maximum(s, LEAST_NOISE)
    t = m / s
    passes = ndtr(t)
    found = [passes, m * passes + s * gaussian.density(t)]
    for n in range(2, highest + 1):
        found.append((m * found[-1] + s * s * found[-2]) / n)
    return [np.maximum(one, 0) for one in found]


def output_moments(off: OutputMoments, on: OutputMoments, p: ArrayLike) -> OutputMoments:
    """E[x g] and E[g²] from (T_2, T_3) at −θ (off) and at 1 − θ (on)."""
    p, risen = np.asarray(p), on[1] - off[1]
    return p * (on[0] - risen), 2 * (1 - p) * off[0] + 2 * p * risen


def beside_one(theta: Array, kappa: Array, s: Array, p: Array) -> OutputMoments:
    """E[x g] and E[g²] beside one partner of weight −κ < 0 and noise s; arguments broadcast."""

    def powers(m: Array) -> OutputMoments:
        here, there = rectified(m, s, 4), rectified(m - kappa, s, 4)
        two, three = ((here[n + 1] - there[n + 1]) / kappa for n in (2, 3))
        return (1 - p) * here[2] + p * two, (1 - p) * here[3] + p * three

    return output_moments(powers(-theta), powers(1 - theta), p)


def best_loss(found: OutputMoments, p: ArrayLike) -> Array:
    """p/3 − E[x g]²/E[g²]: the loss at the best a."""
    signal, square = found
    return np.asarray(p) / 3 - _quotient(signal**2, square)


def _quotient(above: Array, below: Array) -> Array:
    """above / below, and 0 where `below` is 0."""
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0)


def minimum(
    of: Callable[[Array], OutputMoments], places: Float[np.ndarray, "*k n"], p: Array
) -> Minimum:
    """The lowest loss over θ, searched on ever finer grids, first on `places`; `of` gives E[x g]
    and E[g²] at θ of shape (*k, n), ascending in the last axis."""
    p, low, high = np.asarray(p)[..., None], places[..., :1], places[..., -1:]
    for _ in range(12):
        at = np.argmin(best_loss(of(places), p), -1, keepdims=True)
        at = np.clip(at, 1, places.shape[-1] - 2)
        low, high = (np.take_along_axis(places, at + side, -1) for side in (-1, 1))
        if np.all(high - low < 1e-7 * (1e-3 + np.abs(high))):
            break
        places = low + (high - low) * np.linspace(0, 1, ZOOM + 1)
    middle = (low + high) / 2
    signal, square = of(middle)
    loss, a = np.maximum(best_loss((signal, square), p), 0), _quotient(signal, square)
    return Minimum(loss[..., 0], a[..., 0], (-a * middle)[..., 0])


def thresholds(total: ArrayLike, p: ArrayLike, count: int = 96) -> Float[np.ndarray, "*k count"]:
    """Values of θ to try where noise and partners together have the deviation `total`: densest near
    0."""
    total, p = (np.asarray(one, float)[..., None] for one in (total, p))
    below = p * total**2 / variance(p) + 10 * total + 0.5  # beyond the best linear model's −θ
    steps = np.linspace(-1, 1, count) ** 3
    return np.where(steps < 0, below, 1 + 3 * total) * steps


@dataclass(frozen=True, eq=False)
class StructuredRow:
    """A row relative to its diagonal: counts[j] partners of weight values[j], and Gaussian
    noise."""

    values: Float[np.ndarray, " g"]
    counts: Float[np.ndarray, " g"]
    noise: float
    """s, the deviation of the Gaussian part."""
    p: float

    def best(self) -> Minimum:
        square = float((self.counts * self.values**2).sum())
        total = math.sqrt(variance(self.p) * square + self.noise**2)
        found = minimum(self.moments, thresholds(total, self.p), np.asarray(self.p))
        return Minimum(*(float(value) for value in found))

    def loss(self, a: float, b: float) -> float:
        """The loss at this a > 0 and b, optimal or not."""
        signal, square = self.moments(np.array([-b / a]))
        return float((self.p / 3 - 2 * a * signal + a * a * square)[0])

    def moments(self, theta: Array) -> OutputMoments:
        return output_moments(self._powers(-theta), self._powers(1 - theta), self.p)

    def _powers(self, m: Array) -> OutputMoments:
        """T_2 and T_3."""
        plain = rectified(m, self.noise, 4)
        found = [self._atom * plain[n] for n in (2, 3)]
        if self._alone:
            beside = rectified(np.add.outer(self.values, m), self.noise, 4)
            factors = self._alone * self.counts / self.values
            for n in (2, 3):
                for factor, shifted in zip(factors, beside[n + 1], strict=True):
                    found[n - 2] += factor * (shifted - plain[n + 1])
        if self._rest > 0:
            for n, more in zip((2, 3), self._together(m), strict=True):
                found[n - 2] += more
        return found[0], found[1]

    @cached_property
    def _number(self) -> float:
        return float(self.counts.sum())

    @cached_property
    def _atom(self) -> float:
        """P(no partner on)."""
        return (1 - self.p) ** self._number

    @cached_property
    def _alone(self) -> float:
        """P(only partner j is on), or 0 where that is not treated separately."""
        if not self._number:
            return 0.0
        alone = self.p * (1 - self.p) ** (self._number - 1)
        return alone if self._number == 1 or self._number * alone > RARE else 0.0

    @cached_property
    def _rest(self) -> float:
        return 0.0 if self._number <= 1 else 1 - self._atom - self._number * self._alone

    @cached_property
    def _known(self) -> Interference:
        known = Interference.of(Groups(self.values, self.counts), self.p)
        return dataclasses.replace(
            known, atom=np.array([self._atom]), single=np.array([self._alone])
        )

    @cached_property
    def _central(self) -> list[float]:
        """E (ν − mean)ᵏ, k = 0 … 4, with two partners on or more."""
        plain, s = self._known.moments(np.array([0]))[:, 0], self.noise
        return [
            plain[0],
            plain[1],
            plain[2] + s**2 * plain[0],
            plain[3] + 3 * s**2 * plain[1],
            plain[4] + 6 * s**2 * plain[2] + 3 * s**4 * plain[0],
        ]

    @cached_property
    def _table(self) -> tuple[float, float, float, Float[np.ndarray, "4 GRID"]]:
        """The range of m that matters, grid points per unit, and T_0 … T_3 at the grid points."""
        known, s = self._known, self.noise
        mean, beyond = float(known.mean[0]), REACH * s
        start, stop = -float(known.high[0]) - beyond, -float(known.low[0]) + beyond
        per_unit = GRID / (PERIOD * (stop - start))
        t = 2 * math.pi * per_unit / GRID * np.arange(1, GRID // 2 + 1)
        whole = known.transform(np.array([0]), t)[0] * np.exp(1j * start * t - (s * t) ** 2 / 2)
        places = start + np.arange(GRID) / per_unit
        tables = np.empty((4, GRID))
        for n in range(4):
            terms = np.concatenate([[0], whole / (1j * t) ** (n + 1)])
            tables[n] = np.fft.irfft(terms, GRID) * per_unit
            period = GRID / per_unit
            tables[n] += self._polynomial(
                places, [c * period ** (n - k) for k, c in enumerate(_BERNOULLI[n])]
            )
        return start - mean, stop - mean, per_unit, tables

    def _polynomial(self, place: Array, coefficients: list[float]) -> Array:
        """E Σ_k coefficients[k] (place + ν − mean)ᵏ, with two partners on or more."""
        total, powers = np.zeros_like(place), [place**k for k in range(len(coefficients))]
        for k, coefficient in enumerate(coefficients):
            for i in range(k + 1 if coefficient else 0):
                total += coefficient * math.comb(k, i) * powers[k - i] * self._central[i]
        return total

    def _together(self, m: Array) -> OutputMoments:
        """T_2 and T_3, with two partners on or more."""
        start, stop, per_unit, tables = self._table
        place = np.clip((m - start) * per_unit, 0, GRID - 1)
        near = np.rint(place).astype(int)
        off = (place - near) / per_unit
        zero, one, two, three = tables[:, near]
        found = (
            two + off * (one + off / 2 * zero),
            three + off * (two + off / 2 * (one + off / 3 * zero)),
        )
        mean, always_on = float(self._known.mean[0]), m >= stop
        for n, values in zip((2, 3), found, strict=True):
            values[m <= start] = 0.0
            power = [0.0] * n + [1 / math.factorial(n)]
            values[always_on] = self._polynomial(m[always_on] + mean, power)
        return found


_BERNOULLI = {0: (0.5, 1.0), **BERNOULLI}
