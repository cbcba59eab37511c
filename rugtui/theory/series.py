"""The mean of the loss over the interference, by its characteristic function (section 7).

Given the interference, with m = b + ν, the loss of one output is

    h(m) = (1 − p) m₊² + p ∫₀¹ (u − (a u + m)₊)² du,

a piecewise cubic in m: a polynomial plus multiples of truncated powers x₊ⁿ/n!, x = ± (m − knot).
For |x| < P, a period of our choice, each of these is a Bernoulli polynomial of 1 + x/P plus a
Fourier sum over t_k = 2πk/P. In the mean the polynomial becomes moments of ν and e^{i t x} the
characteristic function, both known exactly. Only the sum over k is truncated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.theory.interference import Interference, Vector

FIRST = 32
LAST = 1 << 15
"""Initial number of frequencies, and the limit up to which it is doubled."""
LEAST_DECAY = 1 / 6
"""The terms of the next octave are assumed to be at least this share of those of the last one."""
BERNOULLI = {  # B_{n+1}(1 + y)/(n + 1)! by rising powers of y
    1: (1 / 12, 1 / 2, 1 / 2),
    2: (0.0, 1 / 12, 1 / 4, 1 / 6),
    3: (-1 / 720, 0.0, 1 / 24, 1 / 12, 1 / 24),
}


@dataclass(frozen=True)
class Power:
    """weight · x₊ⁿ/n! with n = `order` and x = sign · (m + shift of the knot)."""

    order: int
    sign: int
    weight: Vector


@dataclass(frozen=True)
class Knot:
    """The powers that begin or end at m = −shift. Shifts and weights have one entry per row."""

    shift: Vector
    powers: tuple[Power, ...]


@dataclass(frozen=True)
class Pieces:
    """h(m) = Σ_k base[k] mᵏ + Σ powers of all knots."""

    base: tuple[Vector, Vector, Vector]
    knots: tuple[Knot, ...]

    def value(self, m: Float[np.ndarray, "k q"]) -> Float[np.ndarray, "k q"]:
        """h at q places m of each row."""
        constant, linear, square = (part[:, None] for part in self.base)
        total = constant + m * (linear + m * square)
        for knot in self.knots:
            x = m + knot.shift[:, None]
            for power in knot.powers:
                passed = np.maximum(power.sign * x, 0)
                scale = power.weight[:, None] / math.factorial(power.order)
                total += scale * passed**power.order
        return total

    def mean_over(
        self, start: Vector, length: Float[np.ndarray, "k n"]
    ) -> Float[np.ndarray, "k n"]:
        """∫₀¹ h(start + length v) dv. Between knots h is cubic: two Gauss nodes are exact."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            cuts = [
                np.clip(np.nan_to_num(-(start + knot.shift)[:, None] / length), 0, 1)
                for knot in self.knots
            ]
        edges = np.sort([np.zeros_like(length), *cuts, np.ones_like(length)], axis=0)
        total = np.zeros_like(length)
        for low, high in itertools.pairwise(edges):
            for node in (0.5 - 0.5 / math.sqrt(3), 0.5 + 0.5 / math.sqrt(3)):
                v = low + (high - low) * node
                total += (high - low) / 2 * self.value(start[:, None] + length * v)
        return total


def pieces(a: Vector, p: float, kind: int) -> Pieces:
    """h for diagonals `a` of one kind: 1 positive, −1 negative, 0 negligible (see `kind_of`).

    For a > 0 and m ≥ 0 the output follows the signal, with the loss ∫ ((a − 1) u + m)² du, in which
    nothing cancels, although it is small compared with p/3. For m < 0 the signal is lost until
    u = −m/a, which adds (1/a + 1/a²) m³/3 (negative); for m < −a it never passes.

    For a < 0 the signal closes the rectifier: h follows from ∫₀¹ (a u + m)₊² du =
    2 (Q3(m + a) − Q3(m))/a and the like for the product with u, Q_n(m) = m₊ⁿ/n!.

    For a ≈ 0, (u − (a u + m)₊)² = u² − 2u Q1(m + a u) + 2 Q2(m + a u), at three nodes u.
    """
    one, zero = np.ones_like(a), np.zeros_like(a)
    off = Power(2, 1, 2 * (1 - p) * one)
    if kind == 0:
        knots = [Knot(zero, (off,))]
        for x, w in zip(*np.polynomial.legendre.leggauss(3), strict=True):
            u, part = (x + 1) / 2, p * w / 2
            powers = Power(1, 1, -2 * u * part * one), Power(2, 1, 2 * part * one)
            knots.append(Knot(u * a, powers))
        return Pieces((p / 3 * one, zero, zero), tuple(knots))
    bend = 2 * p * (1 / a + 1 / a**2)
    if kind > 0:
        knots = (
            Knot(zero, (off, Power(3, -1, -bend))),
            Knot(a, (Power(2, -1, 2 * p / a), Power(3, -1, bend))),
        )
        return Pieces((p * (a - 1) ** 2 / 3, p * (a - 1), p * one), knots)
    knots = (
        Knot(zero, (off, Power(3, 1, -bend))),
        Knot(a, (Power(2, 1, -2 * p / a), Power(3, 1, bend))),
    )
    return Pieces((p / 3 * one, zero, zero), knots)


def kind_of(a: Vector, extent: Vector) -> np.ndarray:
    """Which form of h is accurate for |m| up to `extent`. The forms for a ≠ 0 divide by a²; if a
    changes m by less than a thousandth of its range, three nodes over u are used instead."""
    return np.where(np.abs(a) < 1e-3 * extent, 0, np.sign(a)).astype(int)


class Series:
    """E h(m0 + ν') of some rows, without the cases that the law treats separately; ν' = ν − mean,
    m0 = b + mean."""

    def __init__(
        self, law: Interference, rows: np.ndarray, m0: Vector, parts: Pieces, period: float
    ) -> None:
        self.law, self.rows, self.m0, self.parts, self.period = law, rows, m0, parts, period
        self.moments = law.moments(rows)

    def mean(self, beside: Vector, tolerance: float) -> Vector:
        """To `tolerance`, relative to itself plus what is added to it."""
        total = self._polynomial(self.m0, self.parts.base)
        crossed = []
        for knot in self.parts.knots:
            value, inside = self._outside(knot)
            total += value
            crossed.append(inside)
        active = np.flatnonzero(np.any(crossed, axis=0))
        start, stop = 0, FIRST
        before = np.zeros(len(total))
        while len(active) and start < LAST:
            t = 2 * math.pi / self.period * np.arange(start + 1, stop + 1)
            terms = self._terms(active, t, [inside[active] for inside in crossed])
            total[active] += terms.sum(-1)
            # Phases may be as good as random, or all alike; the next octave falls as this one did.
            octave = np.maximum(np.sqrt((terms**2).sum(-1)), np.abs(terms.sum(-1)))
            with np.errstate(divide="ignore"):
                fall = np.clip(octave / before[active], LEAST_DECAY, 1)
            before[active] = octave
            active = active[octave * fall > tolerance * np.abs(total + beside)[active]]
            start, stop = stop, 2 * stop
        return total

    def _outside(self, knot: Knot) -> tuple[Vector, np.ndarray]:
        """The mean of a knot's powers without the Fourier sum, and the rows that need the sum:
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
        total, powers = np.zeros(len(self.rows)), [place**k for k in range(len(coefficients))]
        for k, coefficient in enumerate(coefficients):
            for i in range(k + 1):
                total += coefficient * math.comb(k, i) * powers[k - i] * self.moments[i]
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
