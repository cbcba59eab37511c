"""The statistics of section 8: losses of weights without sampling, and how symmetric they are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from rugtui.analysis.strata import Strata
from rugtui.analysis.structure import (
    StructureStatistics,
    antisymmetric_share,
    eigenvalues,
    structure_statistics,
)
from rugtui.errors import WeightsError
from rugtui.models.base import Weights
from rugtui.models.composite import RowKind, row_kinds
from rugtui.settings.law import USUAL_LAW, MagnitudeLaw
from rugtui.theory import gaussian
from rugtui.theory.exact import TOLERANCE, expected_loss
from rugtui.theory.interference import Distribution, Groups, Interference, Rows, RowWeights
from rugtui.theory.moments import checked, variance

EDGES = np.linspace(-4, 4, 65)
"""Of the histogram of ν, in standard deviations from its mean."""
ARRAYS = ("histogram", "gaussian_histogram", "eigenvalues")
CELLS = 1 << 21
"""Cells of W held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics(StructureStatistics):
    """Statistics of weights at one p. Losses are mean squared errors per feature; spreads are
    standard deviations over rows.

    Exact loss, skew, interferers, Lyapunov's ratio, the distance from a Gaussian, the histograms
    and the structure are taken over `rows` rows, the others over all of W.
    """

    p: float
    n_sparse: int
    gaussian: float
    """Gaussian loss of section 3."""
    diagonal_mean: float
    diagonal_spread: float
    bias_mean: float
    """Of b + μ, the b of theory."""
    bias_spread: float
    noise_mean: float
    """Of σ_i."""
    noise_spread: float
    rows: int
    """How many rows those above are taken over; n_sparse if a few represent all."""
    exact: float
    """Exact loss of section 7."""
    exact_standard_error: float
    """Of its mean over rows; 0 if all were taken."""
    skew: float
    """Skewness of the entries off the diagonal: third standardised moment about their mean."""
    interferers: float
    """(ΣW²)²/ΣW⁴ of a row off the diagonal: the effective number of entries in its noise."""
    lyapunov: float
    """Σ|W|³/(ΣW²)^{3/2} of a row off the diagonal: small where the central limit theorem holds."""
    kolmogorov_smirnov: float
    """Distance of the law of ν from a Gaussian."""
    histogram: Float[np.ndarray, " bins"]
    """Probability that (ν − E ν)/σ lies in each bin between EDGES, mean over rows."""
    gaussian_histogram: Float[np.ndarray, " bins"]
    antisymmetric_share: float
    """‖(W − Wᵀ)/2‖² over ‖W‖²: 0 where W is symmetric."""
    eigenvalues: Float[np.ndarray, " k"]
    """Of W, those that are not 0, by decreasing size; empty if they take too long to compute."""

    def numbers(self) -> dict[str, float]:
        """All fields except arrays, by name; those of structure last."""
        structure = {field.name for field in dataclasses.fields(StructureStatistics)}
        names = [field.name for field in dataclasses.fields(self) if field.name not in ARRAYS]
        return {name: getattr(self, name) for name in sorted(names, key=structure.__contains__)}


def gaussian_loss(weights: Weights, p: float) -> float:
    """The Gaussian loss of these weights, averaged over all rows (section 3). Raises SettingError
    for p outside (0, 1], WeightsError for weights that are not finite."""
    kinds = row_kinds(weights)
    a, b, sigma = _rows_in_theory(weights, p, kinds)
    return float(_shares(weights, kinds) @ gaussian.loss(a, b, sigma, p))


def identity_loss(weights: Weights, p: float, law: MagnitudeLaw = USUAL_LAW) -> float:
    """The exact loss of y = W x + b, without an activation, from two moments of x.

    With E = W − 1, each row's error Σ_j E_ij x_j + b_i has mean b_i + p E u Σ_j E_ij and variance
    v Σ_j E_ij² (section 2). Raises SettingError for p outside (0, 1].
    """
    checked("p", p)
    a, b = weights.diagonal(), weights.biases()
    mean = b + p * law.mean * (weights.row_sums() - 1)
    squares = weights.row_squares() - 2 * a + 1
    return float(np.mean(mean**2 + law.variance(p) * squares))


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

    The exact loss, to a relative error of about `tolerance`, and the law of ν are over `rows` rows,
    one drawn from each stratum (None: all rows). The distance to a Gaussian and the histogram are
    means over `laws` of these rows, evenly spaced (None: all). Raises SettingError for p outside
    (0, 1], WeightsError for weights that are not finite.
    """
    kinds = row_kinds(weights)
    a, b, sigma = _rows_in_theory(weights, p, kinds)
    in_theory, n_sparse = gaussian.loss(a, b, sigma, p), weights.n_sparse
    shares = _shares(weights, kinds)
    if kinds:
        drawn = Strata.kinds(np.array([one.first for one in kinds]), shares, in_theory)
    else:
        count = n_sparse if rows is None else min(rows, n_sparse)
        drawn = Strata.draw(in_theory, a, count, generator)
    parts = [_measure(*part, p, tolerance, laws) for part in _sources(weights, kinds, drawn)]
    losses, moments, third, distance, masses, of_laws = (
        np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)
    )
    exact, error = drawn.mean(losses)
    diagonal, bias, noise = (_spread(one, shares) for one in (a, b, sigma))
    structure = structure_statistics(weights, drawn.rows, drawn.shares)
    return Statistics(
        p=p,
        n_sparse=n_sparse,
        gaussian=float(shares @ in_theory),
        diagonal_mean=diagonal[0],
        diagonal_spread=diagonal[1],
        bias_mean=bias[0],
        bias_spread=bias[1],
        noise_mean=noise[0],
        noise_spread=noise[1],
        rows=n_sparse if kinds else len(losses),
        exact=exact,
        exact_standard_error=error,
        skew=_skew(moments @ drawn.shares, n_sparse - 1),
        interferers=float(drawn.shares @ _ratio(moments[2] ** 2, moments[4])),
        lyapunov=float(drawn.shares @ _ratio(third, moments[2] ** 1.5)),
        kolmogorov_smirnov=float(np.average(distance, weights=of_laws)),
        histogram=np.average(masses, -1, of_laws),
        gaussian_histogram=np.diff(ndtr(EDGES)),
        antisymmetric_share=antisymmetric_share(weights),
        eigenvalues=eigenvalues(weights),
        **dataclasses.asdict(structure),
    )


def _sources(
    weights: Weights, kinds: list[RowKind], drawn: Strata
) -> Iterator[tuple[RowWeights, np.ndarray, np.ndarray, np.ndarray]]:
    """The rows drawn, without their diagonal, with a_i, b_i and share: CELLS of W at a time."""
    if kinds:
        for one, share in zip(kinds, drawn.shares, strict=True):
            source = Groups(one.values, one.counts)
            yield source, np.array([one.a]), np.array([one.b]), np.array([share])
        return
    a, b, n_sparse = weights.diagonal(), weights.biases(), weights.n_sparse
    parts = math.ceil(len(drawn.rows) * n_sparse / CELLS)
    for at in np.array_split(np.arange(len(drawn.rows)), parts):
        some = drawn.rows[at]
        off = np.array(weights.rows(some))
        off[np.arange(len(some)), some] = 0
        yield Rows(off, a[some]), a[some], b[some], drawn.shares[at]


def _measure(
    source: RowWeights,
    a: np.ndarray,
    b: np.ndarray,
    shares: np.ndarray,
    p: float,
    tolerance: float,
    laws: int | None,
) -> tuple[np.ndarray, ...]:
    """For each row, in the last axis: the exact loss; Σ_j W_ijⁿ for n = 0 … 4 and Σ_j |W_ij|³ off
    the diagonal; then for every k-th row its distance to a Gaussian, masses between EDGES,
    share."""
    every = 1 if laws is None else max(1, math.ceil(len(a) / laws))
    some = Rows(source.rows[::every], a[::every]) if isinstance(source, Rows) else source
    law, distribution = Interference.of(source, p), Distribution.of(some, p)
    values, counts = source.values(np.arange(len(a))), source.counts
    return (
        expected_loss(law, a, b, tolerance=tolerance),
        np.stack([(counts * values**n).sum(1) for n in range(5)]),
        (counts * np.abs(values) ** 3).sum(1),
        distribution.distance_to_gaussian(),
        distribution.masses(EDGES).T,
        shares[::every],
    )


def _rows_in_theory(
    weights: Weights, p: float, kinds: Sequence[RowKind] = ()
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a_i, b_i + μ_i, σ_i) of all rows, or of each kind of row (section 2)."""
    checked("p", p)
    if kinds:
        a, b = (np.array([getattr(one, name) for one in kinds]) for name in "ab")
        off = np.array([one.counts @ one.values for one in kinds])
        rest = np.array([one.counts @ one.values**2 for one in kinds])
    else:
        a, b = weights.diagonal(), weights.biases()
        with np.errstate(invalid="ignore"):
            off, rest = weights.row_sums() - a, weights.row_squares() - a**2
    bad = np.count_nonzero(~np.isfinite([a, b, off, rest]).all(0))
    if bad:
        raise WeightsError(
            f"Weights must be finite numbers, but {bad} of {len(a)} rows of W are not; "
            "go back to a checkpoint from before training diverged."
        )
    return a, b + p / 2 * off, np.sqrt(variance(p) * np.maximum(rest, 0))


def _shares(weights: Weights, kinds: Sequence[RowKind]) -> np.ndarray:
    """The share of each row, or of each kind of row, in all rows."""
    return np.array([one.number for one in kinds] or [1] * weights.n_sparse) / weights.n_sparse


def _spread(values: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation."""
    mean = shares @ values
    return float(mean), float(np.sqrt(max(shares @ (values - mean) ** 2, 0.0)))


def _skew(moments: Float[np.ndarray, " orders"], entries: int) -> float:
    """Third standardised central moment of the entries of all rows together."""
    first, second, third = moments[1:4] / entries
    central = second - first**2, third - 3 * first * second + 2 * first**3
    return float(_ratio(central[1], max(central[0], 0.0) ** 1.5))


def _ratio(above, below):
    """above / below, and 0 where `below` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(below) > 0, np.divide(above, below), 0.0)
