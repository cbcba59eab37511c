"""Weights → the numbers of section 8: losses without sampling, and symmetry with its breaking."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from rugtui.theory import exact, gaussian
from rugtui.theory.interference import Interference
from rugtui.theory.law import CENTRES, Law, law_on_grid
from rugtui.theory.moments import variance
from rugtui.weights.base import Weights

BINS = 64
"""Of the histogram of ν, from −SPAN to SPAN of its scale; each holds whole cells of the law."""
SPAN = 4.0
LEAST_FOR_REGRESSION = 8


@runtime_checkable
class Alike(Protocol):
    """Weights whose rows all hold the same values in another order: one row is every row."""

    def grouped_row(self) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """The distinct values of a row off its diagonal, and how often each occurs."""
        ...


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of weights at one p. Losses are per feature; spreads are standard deviations
    over rows. What follows `rows` is of that many rows, what stands before of all."""

    p: float
    n_sparse: int
    gaussian: float
    """Gaussian loss of section 3."""
    diagonal_mean: float
    diagonal_spread: float
    bias_mean: float
    """Of b + μ, as the theory counts it."""
    bias_spread: float
    noise_mean: float
    """Of σ_i."""
    noise_spread: float
    rows: int
    """How many rows the rest was taken of; n_sparse where one stands for all."""
    exact: float
    """Exact loss of section 7."""
    exact_standard_error: float
    """Of its mean over rows; 0 where all were taken."""
    skew: float
    """Third standardised moment about zero of the entries off the diagonal."""
    interferers: float
    """(ΣW²)²/ΣW⁴ of a row off the diagonal: how many entries make its noise."""
    lyapunov: float
    """Σ|W|³/(ΣW²)^{3/2} of a row off the diagonal: small where the central limit theorem holds."""
    kolmogorov_smirnov: float
    """Distance of the law of ν from a Gaussian."""
    histogram: Float[np.ndarray, " bins"]
    """Masses of ν − E ν in BINS bins of ±SPAN times the root mean square of σ."""
    gaussian_histogram: Float[np.ndarray, " bins"]

    def numbers(self) -> dict[str, float]:
        """All but the histograms, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if "histogram" not in field.name
        }


def gaussian_loss(weights: Weights, p: float) -> float:
    """The Gaussian loss of these weights, averaged over all rows (section 3): needs the diagonal,
    row sums and row norms alone. Raises SettingError for p outside (0, 1]."""
    a, b, sigma = _rows_in_theory(weights, p)
    return float(np.mean(gaussian.loss(a, b, sigma, p)))


def statistics(
    weights: Weights, p: float, *, generator: np.random.Generator, rows: int | None = None
) -> Statistics:
    """The statistics of section 8 at probability p in (0, 1].

    The exact loss and the law of ν are of `rows` rows drawn without replacement (None: of all).
    Raises SettingError for such a p, WeightsError for weights that are not finite.
    """
    a, b, sigma = _rows_in_theory(weights, p)
    sample = _one_for_all(weights, p) if isinstance(weights, Alike) else None
    if sample is None:
        sample = _drawn(weights, p, weights.n_sparse if rows is None else rows, generator)
    in_theory = gaussian.loss(a, b, sigma, p)
    mean, error = _mean_of_all(sample.losses, in_theory, sample.index)
    return Statistics(
        p=p,
        n_sparse=weights.n_sparse,
        gaussian=float(in_theory.mean()),
        diagonal_mean=float(a.mean()),
        diagonal_spread=float(a.std()),
        bias_mean=float(b.mean()),
        bias_spread=float(b.std()),
        noise_mean=float(sigma.mean()),
        noise_spread=float(sigma.std()),
        rows=sample.rows,
        exact=mean,
        exact_standard_error=error,
        skew=_skew(sample.moments, weights.n_sparse - 1),
        interferers=float(np.mean(_ratio(sample.moments[2] ** 2, sample.moments[4]))),
        lyapunov=float(np.mean(_ratio(sample.third, sample.moments[2] ** 1.5))),
        kolmogorov_smirnov=float(sample.law.distance().mean()),
        histogram=_binned(sample.law.masses),
        gaussian_histogram=_binned(sample.law.gaussian),
    )


@dataclass(frozen=True)
class _Sample:
    rows: int
    index: Int[np.ndarray, " k"]
    losses: Float[np.ndarray, " k"]
    moments: dict[int, Float[np.ndarray, " k"]]
    """Σ_j W_ij^n off the diagonal."""
    third: Float[np.ndarray, " k"]
    """Σ_j |W_ij|³ off the diagonal."""
    law: Law


def _drawn(weights: Weights, p: float, rows: int, generator: np.random.Generator) -> _Sample:
    n_sparse = weights.n_sparse
    rows = min(rows, n_sparse)
    index = np.sort(generator.choice(n_sparse, rows, replace=False))
    drawn = weights.rows(index)
    losses = exact.exact_loss(drawn, index, weights.biases()[index], p)
    off = drawn.copy()
    off[np.arange(rows), index] = 0
    moments = {n: (off**n).sum(1) for n in (2, 3, 4)}
    law = law_on_grid(Interference.of_rows(off, p))
    return _Sample(rows, index, losses, moments, (np.abs(off) ** 3).sum(1), law)


def _one_for_all(weights: Weights, p: float) -> _Sample:
    assert isinstance(weights, Alike)
    values, counts = weights.grouped_row()
    a, b = weights.diagonal()[:1], weights.biases()[:1]
    losses = np.array([exact.grouped_row_loss(values, counts, a, b, p)])
    moments = {n: np.array([counts @ values**n]) for n in (2, 3, 4)}
    law = law_on_grid(Interference.of_groups(values, counts.astype(float), p))
    third = np.array([counts @ np.abs(values) ** 3])
    return _Sample(weights.n_sparse, np.zeros(1, int), losses, moments, third, law)


def _rows_in_theory(weights: Weights, p: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a_i, b_i + μ_i, σ_i) of all rows, or of the one that stands for all (section 2)."""
    rows = slice(1 if isinstance(weights, Alike) else None)
    a, b = weights.diagonal()[rows], weights.biases()[rows]
    mean = p / 2 * (weights.row_sums()[rows] - a)
    square = np.maximum(weights.row_squares()[rows] - a**2, 0)
    return a, b + mean, np.sqrt(variance(p) * square)


def _mean_of_all(
    losses: Float[np.ndarray, " k"],
    in_theory: Float[np.ndarray, " n_sparse"],
    index: Int[np.ndarray, " k"],
) -> tuple[float, float]:
    """The mean of all rows' exact losses from those of a sample, and its standard error.

    The Gaussian loss of a row, known for all, tells its exact loss but for a remainder: of the
    trained model at (512, 128, 0.05) correlations are 0.99 and more. So the sample is asked for the
    remainder about the regression line alone, and says it five to thirty times more sharply.
    """
    rows, n_sparse = len(losses), len(in_theory)
    if rows == n_sparse:
        return float(losses.mean()), 0.0
    if rows < LEAST_FOR_REGRESSION:
        spread = losses.std(ddof=1) if rows > 1 else math.nan
        return float(losses.mean()), float(spread / math.sqrt(rows))
    known = in_theory[index]
    slope = float(_ratio(np.cov(losses, known)[0, 1], known.var(ddof=1)))
    rest = losses - slope * known
    share = (n_sparse - rows) / (n_sparse - 1)  # drawn without replacement
    spread = math.sqrt(((rest - rest.mean()) ** 2).sum() / (rows - 2))
    mean = rest.mean() + slope * in_theory.mean()
    return float(mean), spread * math.sqrt(share / rows)


def _skew(moments: dict[int, np.ndarray], entries: int) -> float:
    """E W³ / (E W²)^{3/2} of the entries of all rows together."""
    second, third = moments[2].mean() / entries, moments[3].mean() / entries
    return float(_ratio(third, second**1.5))


def _ratio(above, below):
    """above / below, 0 where there is nothing below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(below) > 0, np.divide(above, below), 0.0)


def _binned(masses: Float[np.ndarray, "k cells"]) -> Float[np.ndarray, " bins"]:
    """Mean over rows of the masses in bins of ±SPAN."""
    edges = np.linspace(-SPAN, SPAN, BINS + 1)
    return np.maximum(np.histogram(CENTRES, edges, weights=masses.mean(0))[0], 0)
