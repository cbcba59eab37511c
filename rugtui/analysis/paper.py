"""The paper's own measures of symmetry, as its code computes them, so that maps can be compared.

They differ from `statistics`: Δ is a variance over rows (n − 1 in the denominator), not a standard
deviation; Var ν and the mean of ν are of whole rows, with the diagonal; the mean is p/2 times the
mean of a row, not its sum; Λ divides by the second moment, not by its 3/2-th power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.models.base import Weights
from rugtui.models.composite import row_kinds
from rugtui.theory.moments import checked, variance

SAMPLES = 1000
"""Of ν, for the Kolmogorov–Smirnov test."""
CELLS = 1 << 20
"""Cells of W, or active features, held at once."""
PRODUCTS = 1 << 38
"""Multiplications up to which Λ is of all rows: about 10 s on one core at n_sparse 8,192."""


@dataclass(frozen=True, slots=True)
class PaperStatistics:
    """The quantities of the maps of Cowsik, Dolev & Infanger (2024)."""

    delta_diag: float
    """Δ diag(W): variance of W_ii over rows."""
    delta_b: float
    """Δ b_i: variance of the bias over rows, without the mean of ν."""
    delta_var_nu: float
    """Δ Var ν: variance over rows of v Σ_j W_ij²."""
    delta_mean_nu: float
    """Δ E ν: variance over rows of p/2 times the mean of W_ij over j."""
    lambda_max: float
    """Λ: largest Σ|W_ij|³/Σ W_ij² off the diagonal of a row."""
    p_ks: float
    """p-value of the Kolmogorov–Smirnov test that ν of row 0, standardised, is normal; NaN where it
    does not vary."""


def paper_statistics(
    weights: Weights, p: float, *, generator: np.random.Generator
) -> PaperStatistics:
    """Over all rows; `generator` draws the samples of p_ks. Raises SettingError for p outside (0,
    1]. Only Λ needs all of W: if that takes more than PRODUCTS, it is of evenly spaced rows."""
    checked("p", p)
    return PaperStatistics(
        delta_diag=_variance(weights.diagonal()),
        delta_b=_variance(weights.biases()),
        delta_var_nu=_variance(variance(p) * weights.row_squares()),
        delta_mean_nu=_variance(p / 2 * weights.row_sums() / weights.n_sparse),
        lambda_max=_largest_lambda(weights),
        p_ks=_normality(weights, p, generator),
    )


def _variance(values: Float[np.ndarray, " n"]) -> float:
    """With n − 1 in the denominator; exactly 0 if all values are the same."""
    return float(np.var(values - values[0], ddof=1)) if len(values) > 1 else 0.0


def _largest_lambda(weights: Weights) -> float:
    if kinds := row_kinds(weights):
        return max(_lambda(np.abs(one.values)[None], one.counts) for one in kinds)
    n, largest = weights.n_sparse, 0.0
    taken = min(n, max(PRODUCTS // (n * weights.n_dense), 1))
    for rows in np.array_split(np.arange(taken) * n // taken, math.ceil(taken * n / CELLS)):
        off = np.abs(weights.rows(rows))
        off[np.arange(len(rows)), rows] = 0
        largest = max(largest, _lambda(off, np.ones(n)))
    return largest


def _lambda(off: Float[np.ndarray, "k n"], counts: Float[np.ndarray, " n"]) -> float:
    """The largest Λ of these rows of |W|; 0 for a row without interference."""
    second, third = off**2 @ counts, off**3 @ counts
    return float(np.divide(third, second, out=np.zeros(len(off)), where=second > 0).max())


def _normality(weights: Weights, p: float, generator: np.random.Generator) -> float:
    from scipy.stats import kstest

    row = weights.rows(np.array([0]))[0].copy()
    row[0] = 0
    nu = interference(row, p, SAMPLES, generator)
    spread = nu.std(ddof=1)
    return float(kstest((nu - nu.mean()) / spread, "norm").pvalue) if spread > 0 else math.nan


def interference(
    row: Float[np.ndarray, " n"], p: float, samples: int, generator: np.random.Generator
) -> Float[np.ndarray, " samples"]:
    """Samples of Σ_j row_j x_j, with work proportional to the active features (section 10)."""
    total, at, end = np.zeros(samples), -1, samples * len(row)
    while at < end:
        size = min(CELLS, math.ceil(p * (end - at)) + 64)
        active = at + np.cumsum(generator.geometric(p, size))
        at = int(active[-1])
        sample, feature = np.divmod(active[active < end], len(row))
        total += np.bincount(sample, row[feature] * generator.random(len(sample)), samples)
    return total
