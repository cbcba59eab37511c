"""Weights so negative that their features close the output, whatever else is on (section 7).

The loss given b + ν differs from p/3 only above the lower knot L = min(0, −a). Weights that are not
negative raise b + ν by at most y₀ = b + Σ⁺ − L above it, where Σ⁺ is the range of their sum. A
feature of weight w < −y₀ closes the output unless u < y₀/|w|. Let N be what all such features
subtract together: only its distribution below y₀ matters, which is an atom and a polynomial,
because no u is near 1, however many features there are:

    P(N = 0) = Π_j (1 − p),  ρ(y) = Σ_{k≥1} c_k yᵏ⁻¹/(k − 1)!,  Σ_k c_k xᵏ = Π_j (1 − p + px/|w_j|)

and E h(b + ν) = P(N = 0) M(0) + ∫₀^{y₀} ρ(y) M(y) dy + P(N > y₀) p/3, where M(y) is the loss
without these features at the bias b − y. A few nodes are enough, each a row of `exact` without
disproportionate weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rugtui.theory.interference import TAIL, Groups, Interference, Vector, bennett

CLOSING = 16.0
"""Weights with −w above this many y₀ are treated here: the series would lose digits."""
NODES = 16
"""Nodes on each side of the knots, between which M is nearly smooth."""
AT_ONCE = 24
"""Closing features that may be on together with N below y₀: (1/CLOSING)^24 is negligible."""


@dataclass(frozen=True)
class Part:
    """E h(b + ν) = share · (losses of `rest` at the biases `b`) + closed · p/3."""

    rest: Groups
    b: Vector
    share: Vector
    closed: float


def heights(law: Interference, a: Vector, b: Vector) -> Vector:
    """y₀ of each row: how far b + ν may be above its lower knot, except with probability p · TAIL.

    If it is 0, the output is always closed, and the loss is p/3.
    """
    counts, p = law.source.counts, law.p
    up = np.maximum(law.source.values(np.arange(len(a))), 0)
    total, square = (counts * up).sum(1), (counts * up**2).sum(1)
    reach = bennett(p * (1 / 3 - p / 4) * square, up.max(1, initial=0) * (1 - p / 2), p * TAIL)
    above = p / 2 * total + np.minimum(reach, (1 - p / 2) * total)
    return np.maximum(b + above + np.maximum(a, 0), 0)


def closes(law: Interference, height: Vector) -> Bool[np.ndarray, " k"]:
    """The rows with a weight that closes the output."""
    lowest = law.source.values(np.arange(len(height))).min(1, initial=0)
    return lowest < -CLOSING * height


def without_closing(law: Interference, row: int, a: float, b: float, height: float) -> Part:
    """The parts of a row that `closes`."""
    values = law.source.values(np.array([row]))[0]
    closing = values < -CLOSING * height
    number = _number(law, row, np.where(closing, values, 0))
    rest = np.where(closing, 0, values)
    y, weight = _nodes(height, b, a)
    silent, density = _sum_below(height, values[closing], number[closing], law.p, y)
    share = np.concatenate([[silent], weight * density])
    times = np.tile(_number(law, row, rest), (len(share), 1))
    y = np.concatenate([[0.0], y])
    return Part(Groups(rest, times), b - y, share, max(1 - share.sum(), 0.0))


def _number(law: Interference, row: int, values: Float[np.ndarray, " g"]) -> Vector:
    """Counts of values, as rows of an array."""
    match law.source:
        case Groups() as groups:
            return np.where(values == 0, 0, groups.counts[row])
        case source:
            return source.counts[row] * (values != 0)


def _nodes(height: float, b: float, a: float) -> tuple[Vector, Vector]:
    """Nodes and weights over 0 … y₀, split where b − y is at a knot."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    edges = np.unique(np.clip([0, b, b + a, height], 0, height))
    left, width = edges[:-1, None], np.diff(edges)[:, None]
    return (left + width * (x + 1) / 2).ravel(), (width * w / 2).ravel()


def _sum_below(
    height: float, values: Vector, number: Vector, p: float, y: Vector
) -> tuple[float, Vector]:
    """P(N = 0), and the density of N at y < y₀."""
    reach = np.repeat(height / -values, number.astype(int))
    c = np.zeros(AT_ONCE + 1)
    c[0] = 1
    for one in reach:
        c[1:] = (1 - p) * c[1:] + p * one * c[:-1]
        c[0] *= 1 - p
    powers = sum(
        (c[k] * (y / height) ** (k - 1) / math.factorial(k - 1) for k in range(1, AT_ONCE + 1)),
        start=np.zeros_like(y),
    )
    return float(c[0]), powers / height
