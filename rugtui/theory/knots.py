"""The loss given the interference, as a sum of truncated powers (section 7).

For a given interference, m = b + ν, the loss of one output is

    h(m) = (1 − p) m₊² + p ∫₀¹ (u − (a u + m)₊)² du

a piecewise cubic in m with knots at m = 0 and m = −a. Written as a polynomial and multiples of
x₊ⁿ/n!, x = ± (m − knot), its mean over ν needs only the means of truncated powers.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, " k"]


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
    """h for gains `a` of one kind: 1 positive, −1 negative, 0 negligible (see `kind_of`)."""
    return {1: _passing, -1: _inverting, 0: _flat}[kind](a, p)


def kind_of(a: Vector, extent: Vector) -> np.ndarray:
    """Which form of h is accurate for |m| up to `extent`.

    The forms for a ≠ 0 divide by a²; if a changes m by less than a thousandth of its range, three
    nodes over u are used instead.
    """
    return np.where(np.abs(a) < 1e-3 * extent, 0, np.sign(a)).astype(int)


def _passing(a: Vector, p: float) -> Pieces:
    """a > 0. For m ≥ 0 the output follows the signal, with the loss ∫ ((a − 1) u + m)² du: there is
    no cancellation, although it is small compared with p/3. For m < 0 the signal is lost until
    u = −m/a, which adds (1/a + 1/a²) m³/3 (negative); for m < −a it never passes."""
    one, zero = np.ones_like(a), np.zeros_like(a)
    bend = 2 * p * (1 / a + 1 / a**2)
    return Pieces(
        (p * (a - 1) ** 2 / 3, p * (a - 1), p * one),
        (
            Knot(zero, (Power(2, 1, 2 * (1 - p) * one), Power(3, -1, -bend))),
            Knot(a, (Power(2, -1, 2 * p / a), Power(3, -1, bend))),
        ),
    )


def _inverting(a: Vector, p: float) -> Pieces:
    """a < 0: the signal closes the rectifier. From ∫₀¹ (a u + m)₊² du = 2 (Q3(m + a) − Q3(m))/a and
    its like for the product with u, Q_n(m) = m₊ⁿ/n!; beside p/3 nothing is small."""
    one, zero = np.ones_like(a), np.zeros_like(a)
    bend = 2 * p * (1 / a + 1 / a**2)
    return Pieces(
        (p / 3 * one, zero, zero),
        (
            Knot(zero, (Power(2, 1, 2 * (1 - p) * one), Power(3, 1, -bend))),
            Knot(a, (Power(2, 1, -2 * p / a), Power(3, 1, bend))),
        ),
    )


def _flat(a: Vector, p: float) -> Pieces:
    """a ≈ 0: (u − (a u + m)₊)² = u² − 2u Q1(m + a u) + 2 Q2(m + a u), at three nodes u."""
    one, zero = np.ones_like(a), np.zeros_like(a)
    knots = [Knot(zero, (Power(2, 1, 2 * (1 - p) * one),))]
    for x, w in zip(*np.polynomial.legendre.leggauss(3), strict=True):
        u, part = (x + 1) / 2, p * w / 2
        knots.append(Knot(u * a, (Power(1, 1, -2 * u * part * one), Power(2, 1, 2 * part * one))))
    return Pieces((p / 3 * one, zero, zero), tuple(knots))
