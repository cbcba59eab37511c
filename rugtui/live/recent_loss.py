"""The loss now, read off the last results: a mean would lag a descent, and its error not say so.

A polynomial in the step is fitted to log loss, in which an exponential is a line and 1/step nearly
one, and read at the newest step. It is a line; a square, then a cube is added only where that takes
off more than KEEN times what it would take off noise: on a plateau each degree costs, the mean has
an error of s/√n, a line at its end one of 2 s/√n. The error is that of the fitted value, with s²
from the residuals. exp of a mean of logarithms is low by a factor of e^(s²/2), which is put back.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

KEEN = 4.0
"""F of one degree more: of noise alone it is above this about once in fifteen times."""
HIGHEST = 3
LEAST = 8
"""Results below which their mean is all that is asked of them."""


def loss_now(
    steps: Float[np.ndarray, " n"], losses: Float[np.ndarray, " n"]
) -> tuple[float, float]:
    """The loss at the last of rising `steps` and its standard error (NaN below two results).

    Losses are finite, and positive but where all weights are perfect: then it is their mean.
    """
    if losses.size < 2:
        return (float(losses[0]) if losses.size else math.nan), math.nan
    if losses.size < LEAST or losses.min() <= 0 or steps[0] == steps[-1]:
        return float(losses.mean()), float(losses.std(ddof=1) / math.sqrt(losses.size))
    back = (steps - steps[-1]) / (steps[-1] - steps[0])
    value, rest, share = _fitted(back, np.log(losses), 1)
    for degree in range(2, HIGHEST + 1):
        finer = _fitted(back, np.log(losses), degree)
        taken = rest * (losses.size - degree) - finer[1] * (losses.size - degree - 1)
        if taken <= KEEN * finer[1]:
            break
        value, rest, share = finer
    loss = math.exp(value + rest / 2)
    return loss, loss * math.sqrt(rest * share)


def _fitted(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], degree: int
) -> tuple[float, float, float]:
    """A polynomial's value at 0, the variance of the residuals, and the value's part of it."""
    powers = np.vander(x, degree + 1, increasing=True)
    basis, upper = np.linalg.qr(powers)
    row = np.linalg.solve(upper.T, np.eye(degree + 1)[0])  # the value is this · basisᵀ y
    seen = basis.T @ y
    off = y - basis @ seen
    return float(row @ seen), float(off @ off) / (len(y) - degree - 1), float(row @ row)
