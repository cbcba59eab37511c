"""Weights → the numbers of section 8: losses without sampling, and symmetry with its breaking."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from rugtui.errors import WeightsError
from rugtui.theory import gaussian
from rugtui.theory.distribution import Distribution
from rugtui.theory.exact import TOLERANCE, expected_loss
from rugtui.theory.interference import Groups, Interference, Rows, Source
from rugtui.theory.moments import checked, variance
from rugtui.weights.base import Weights

EDGES = np.linspace(-4, 4, 65)
"""Of the histogram of ν, in standard deviations from its mean."""
CELLS = 1 << 21
"""Cells of W held at once."""
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
    """Probability that (ν − E ν)/σ lies in each bin between EDGES, mean over rows."""
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
    row sums and row norms alone.

    Raises SettingError for p outside (0, 1], WeightsError for weights that are not finite.
    """
    a, b, sigma = _rows_in_theory(weights, p)
    return float(np.mean(gaussian.loss(a, b, sigma, p)))


def statistics(
    weights: Weights,
    p: float,
    *,
    generator: np.random.Generator,
    rows: int | None = None,
    tolerance: float = TOLERANCE,
    laws: int | None = None,
) -> Statistics:
    """The statistics of section 8 at probability p in (0, 1].

    The exact loss and the law of ν are of `rows` rows drawn without replacement (None: of all);
    the exact loss is good to about `tolerance`, relative. The distance to a
    Gaussian and the histogram are means over `laws` of these rows, evenly among them (None: all).
    Raises SettingError for such a p, WeightsError for weights that are not finite.
    """
    a, b, sigma = _rows_in_theory(weights, p)
    parts = [_look(*part, p, tolerance, laws) for part in _sources(weights, rows, generator)]
    index, losses, moments, third, distance, masses = (
        np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)
    )
    in_theory = gaussian.loss(a, b, sigma, p)
    exact, error = _mean_of_all(losses, in_theory, index)
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
        rows=weights.n_sparse if isinstance(weights, Alike) else len(losses),
        exact=exact,
        exact_standard_error=error,
        skew=_skew(moments, weights.n_sparse - 1),
        interferers=float(np.mean(_ratio(moments[2] ** 2, moments[4]))),
        lyapunov=float(np.mean(_ratio(third, moments[2] ** 1.5))),
        kolmogorov_smirnov=float(distance.mean()),
        histogram=masses.mean(-1),
        gaussian_histogram=np.diff(ndtr(EDGES)),
    )


def _sources(
    weights: Weights, rows: int | None, generator: np.random.Generator
) -> Iterator[tuple[Source, np.ndarray, np.ndarray, np.ndarray]]:
    """Rows drawn, off the diagonal, with i, a_i and b_i: as many at a time as memory likes."""
    a, b, n_sparse = weights.diagonal(), weights.biases(), weights.n_sparse
    if isinstance(weights, Alike):
        values, counts = weights.grouped_row()
        yield Groups(values, counts.astype(float)), np.zeros(1, int), a[:1], b[:1]
        return
    few = rows is not None and rows < n_sparse
    index = np.sort(generator.choice(n_sparse, rows, replace=False)) if few else np.arange(n_sparse)
    for some in np.array_split(index, math.ceil(len(index) * n_sparse / CELLS)):
        off = np.array(weights.rows(some))
        off[np.arange(len(some)), some] = 0
        yield Rows(off), some, a[some], b[some]


def _look(
    source: Source,
    index: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    p: float,
    tolerance: float,
    laws: int | None,
) -> tuple[np.ndarray, ...]:
    """Of each row, in the last axis: i; the exact loss; Σ_j W_ijⁿ for n = 0 … 4 and Σ_j |W_ij|³
    off the diagonal; distance to a Gaussian; masses between EDGES."""
    law, distribution = Interference.of(source, p), Distribution.of(_some(source, laws), p)
    values, counts = source.values(np.arange(len(a))), source.counts
    return (
        index,
        expected_loss(law, a, b, tolerance=tolerance),
        np.stack([(counts * values**n).sum(1) for n in range(5)]),
        (counts * np.abs(values) ** 3).sum(1),
        distribution.distance_to_gaussian(),
        distribution.masses(EDGES).T,
    )


def _some(source: Source, laws: int | None) -> Source:
    """At most so many rows, evenly among those of a source."""
    if laws is None or not isinstance(source, Rows):
        return source
    return Rows(source.rows[:: max(1, math.ceil(len(source.rows) / laws))])


def _rows_in_theory(weights: Weights, p: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a_i, b_i + μ_i, σ_i) of all rows, or of the one that stands for all (section 2)."""
    checked("p", p)
    rows = slice(1 if isinstance(weights, Alike) else None)
    known = weights.diagonal(), weights.biases(), weights.row_sums(), weights.row_squares()
    a, b, sums, squares = (values[rows] for values in known)
    bad = np.count_nonzero(~np.isfinite([a, b, sums, squares]).all(0))
    if bad:
        raise WeightsError(
            f"Weights must be finite numbers, but {bad} of {len(a)} rows of W are not; "
            "go back to a checkpoint from before training diverged."
        )
    mean = p / 2 * (sums - a)
    return a, b + mean, np.sqrt(variance(p) * np.maximum(squares - a**2, 0))


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


def _skew(moments: Float[np.ndarray, "5 k"], entries: int) -> float:
    """E W³ / (E W²)^{3/2} of the entries of all rows together."""
    second, third = moments[2].mean() / entries, moments[3].mean() / entries
    return float(_ratio(third, second**1.5))


def _ratio(above, below):
    """above / below, 0 where there is nothing below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(below) > 0, np.divide(above, below), 0.0)
