"""The law of the interference ν = Σ_j w_j x_j of each row: atom, moments, range (section 7).

All of it follows from the number of non-zero weights, their power sums and their largest values, so
rows given one by one and rows given as values with counts meet here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.theory import characteristic

Vector = Float[np.ndarray, " k"]

TAIL = 1e-5
"""Probability, as a part of p, beyond each end of the range."""


@dataclass(frozen=True)
class Interference:
    """What is known of ν in closed form, one entry a row, and how to ask for the rest.

    `low` … `high` holds ν − mean but for a probability of p · TAIL at each end, or altogether.
    """

    p: float
    mean: Vector
    variance: Vector
    third: Vector
    """E (ν − mean)³."""
    fourth: Vector
    """E (ν − mean)⁴."""
    atom: Vector
    """P(ν = 0) = (1 − p)^m for m non-zero weights."""
    low: Vector
    high: Vector
    _transform: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @classmethod
    def of_rows(cls, rows: Float[np.ndarray, "k n"], p: float) -> Interference:
        """Of rows of weights without their diagonal entries (zeros may stand for them)."""
        sums = [(rows**power).sum(1) for power in range(1, 5)]
        ends = np.maximum(rows.max(1, initial=0), 0), np.maximum(-rows.min(1, initial=0), 0)
        positive = np.maximum(rows, 0).sum(1)
        return cls._of_sums(
            p,
            np.count_nonzero(rows, axis=1),
            sums,
            ends,
            (positive, positive - sums[0]),
            lambda index, t: characteristic.of_rows(rows[index], p, t),
        )

    @classmethod
    def of_groups(
        cls, values: Float[np.ndarray, " g"], counts: Float[np.ndarray, " g"], p: float
    ) -> Interference:
        """Of one row in which values[g] occurs counts[g] times."""
        counts = np.where(values == 0, 0, counts).astype(float)
        one = np.ones(1)
        return cls._of_sums(
            p,
            one * counts.sum(),
            [one * (counts @ values**power) for power in range(1, 5)],
            (one * values.max(initial=0), -one * values.min(initial=0)),
            (one * (counts @ np.maximum(values, 0)), one * (counts @ np.maximum(-values, 0))),
            lambda index, t: characteristic.of_groups(values, counts[None], p, t),
        )

    @classmethod
    def _of_sums(cls, p, number, sums, ends, totals, transform) -> Interference:
        # cumulants of a feature, from its moments p/2, p/3, p/4, p/5
        second = p * (1 / 3 - p / 4)
        third = p * (1 / 4 - p / 2 + p**2 / 4)
        fourth = p * (1 / 5 - p / 2 - p / 3 + p**2 - 3 * p**3 / 8)
        variance = second * sums[1]
        mean = p / 2 * sums[0]
        (largest, lowest), (positive, negative) = ends, totals
        # x_j − p/2 lies between −p/2 and 1 − p/2, and w_j of either sign scales it
        up = np.maximum(largest * (1 - p / 2), lowest * p / 2)
        down = np.maximum(lowest * (1 - p / 2), largest * p / 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            atom = np.where(number > 0, np.exp(number * np.log1p(-p)), 1.0)
        return cls(
            p=p,
            mean=mean,
            variance=variance,
            third=third * sums[2],
            fourth=fourth * sums[3] + 3 * variance**2,
            atom=atom,
            low=-np.minimum(bennett(variance, down, p * TAIL), negative + mean),
            high=np.minimum(bennett(variance, up, p * TAIL), positive - mean),
            _transform=transform,
        )

    def transform(self, index: np.ndarray, t: Float[np.ndarray, " f"]) -> Float[np.ndarray, "j f"]:
        """E[exp(i t (ν − mean)); ν not at its atom] of the rows `index`; t > 0, ascending."""
        atom = self.atom[index, None] * np.exp(-1j * np.multiply.outer(self.mean[index], t))
        return self._transform(index, t) - atom

    def moments(self, index: np.ndarray) -> Float[np.ndarray, "5 j"]:
        """E[(ν − mean)ᵏ; ν not at its atom] for k = 0 … 4, of the rows `index`."""
        one = np.ones(len(index))
        whole = [one, 0 * one, self.variance[index], self.third[index], self.fourth[index]]
        place, atom = -self.mean[index], self.atom[index]
        return np.stack([moment - atom * place**k for k, moment in enumerate(whole)])


def bennett(variance: Vector, jump: Vector, tail: float) -> Vector:
    """The x that a sum of independent terms, each at most `jump`, passes with probability `tail`.

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
