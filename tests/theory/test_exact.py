import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import SettingError, WeightsError
from rugtui.models.rug import Rug
from rugtui.theory import gaussian, interference, moments, series
from rugtui.theory.exact import exact_loss, grouped_row_loss
from rugtui.theory.optimum import optimum

DATA = Path(__file__).parents[1] / "data/weights"
STORED = json.loads((DATA / "index.json").read_text())

weight = st.floats(-2, 2)
bias = st.floats(-2, 2)
probability = st.one_of(st.floats(1e-6, 1), st.just(1.0), st.just(0.5))


def stored(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(DATA / name) as file:
        return file["W_out"].astype(float) @ file["W_in"].astype(float), file["b"].astype(float)


def given_interference(nu, a, b, p):
    """The loss with ν held fixed, from the definition: u by 40 nodes on each side of the kink."""
    m = b + np.asarray(nu)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kink = np.clip(np.nan_to_num(-m / a), 0, 1)
    x, w = np.polynomial.legendre.leggauss(40)
    on = 0.0
    for low, high in ((0, kink), (kink, 1)):
        u = low + (high - low) * (x[:, None] + 1) / 2
        on = on + (high - low) * (w / 2 @ (u - np.maximum(a * u + m, 0)) ** 2)
    return (1 - p) * np.maximum(m, 0) ** 2 + p * on


def by_enumeration(weights, a, b, p, points=250):
    """E over which of a few features are on; those that are, by the midpoint rule in each."""
    middle = (np.arange(points) + 0.5) / points
    total = 0.0
    for on in np.ndindex(*(2 for _ in weights)):
        nu = np.zeros(1)
        for w in np.asarray(weights)[np.array(on, bool)]:
            nu = np.add.outer(nu, w * middle).ravel()
        chance = p ** sum(on) * (1 - p) ** (len(on) - sum(on))
        total += chance * given_interference(nu, a, b, p).mean()
    return total


def one_row(weights, a, b, p, **more):
    row = np.concatenate([[a], weights])[None]
    return exact_loss(row, np.array([0]), np.array([b]), p, **more)[0]


@pytest.mark.parametrize("case", STORED, ids=lambda case: case["file"])
def test_stored_weights_agree_with_sampling(case):
    W, b = stored(case["file"])
    loss = exact_loss(W, np.arange(len(W)), b, case["p"]).mean()
    assert abs(loss - case["monte_carlo_loss"]) < 4 * case["standard_error"]


@pytest.mark.parametrize("case", STORED, ids=lambda case: case["file"])
def test_stored_weights_are_stable_when_the_resolution_is_doubled(case, monkeypatch):
    W, b = stored(case["file"])
    some = np.arange(0, len(W), 4)
    loss = exact_loss(W[some], some, b[some], case["p"])
    monkeypatch.setattr(series, "FIRST", 1024)
    np.testing.assert_allclose(loss, exact_loss(W[some], some, b[some], case["p"]), rtol=1e-5)
    monkeypatch.setattr("rugtui.theory.exact.PERIOD", 2 * interference.PERIOD)
    np.testing.assert_allclose(loss, exact_loss(W[some], some, b[some], case["p"]), rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(weight, min_size=1, max_size=2), weight, bias, probability)
def test_few_weights_against_enumeration(weights, a, b, p):
    """Any signs, any knot inside, at the edge of or outside the range of ν; a = 0; zeros."""
    expected = by_enumeration(weights, a, b, p)
    assert one_row(weights, a, b, p, tolerance=1e-7) == pytest.approx(
        expected, rel=2e-5, abs=1e-5 * p
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 200), st.floats(0.01, 1), weight, st.floats(-0.5, 0.5))
def test_fresh_random_weights_against_sampling(seed, n, p, a, b):
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal(n) * generator.uniform(0.02, 0.5)
    weights[: n // 8] *= -4
    samples = 20_000
    x = generator.random((samples, n)) * (generator.random((samples, n)) < p)
    signal = generator.random(samples) * (generator.random(samples) < p)
    error = (signal - np.maximum(a * signal + b + x @ weights, 0)) ** 2
    # p · 1e-5 covers rare losses that 20,000 samples may miss altogether
    standard_error = error.std() / np.sqrt(samples) + 1e-5 * p
    assert abs(one_row(weights, a, b, p) - error.mean()) < 5 * standard_error


@settings(max_examples=40, deadline=None)
@given(weight, bias, probability)
def test_no_interference_at_all(a, b, p):
    assert one_row([0.0, 0.0], a, b, p) == pytest.approx(gaussian.loss(a, b, 0, p), rel=1e-12)
    assert exact_loss(np.array([[a]]), np.array([0]), np.array([b]), p)[0] == pytest.approx(
        gaussian.loss(a, b, 0, p), rel=1e-12
    )


@pytest.mark.parametrize("p", [1e-8, 1e-4, 0.3, 1.0])
def test_one_huge_weight_beside_many_small(p):
    """Conditioned on the huge feature the rest is a law of its own, shifted."""
    generator = np.random.default_rng(3)
    small = generator.standard_normal(100) * 0.05
    huge, a, b = 30.0, 1.1, -0.2
    x, w = np.polynomial.legendre.leggauss(100)
    without = one_row(small, a, b, p)
    shifted = [one_row(small, a, b + huge * u, p) for u in (x + 1) / 2]
    expected = (1 - p) * without + p * np.dot(w / 2, shifted)
    assert one_row([huge, *small], a, b, p) == pytest.approx(expected, rel=3e-5)


@pytest.mark.parametrize("p", [1e-8, 1e-4, 0.05, 1.0])
@pytest.mark.parametrize("size", [30, 1e3, 1e6, 1e12])
def test_one_hugely_negative_weight_beside_many_small(p, size):
    """While it is on, ν is shifted down by size · u: too far for any output, unless u is small."""
    generator = np.random.default_rng(3)
    small = generator.standard_normal(100) * 0.05
    a, b = 1.1, -0.2
    x, w = np.polynomial.legendre.leggauss(60)
    reach = min(1, 12 / size)
    shifted = [one_row(small, a, b - size * u, p) for u in reach * (x + 1) / 2]
    on = reach * np.dot(w / 2, shifted) + (1 - reach) * p / 3
    expected = (1 - p) * one_row(small, a, b, p) + p * on
    assert one_row([-size, *small], a, b, p) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("p", [1e-6, 0.05, 1.0])
def test_many_hugely_negative_weights_leave_the_output_open_while_all_are_off(p):
    a, b, count = 1.2, 0.3, 40
    off = (1 - p) ** count
    expected = off * gaussian.loss(a, b, 0, p) + (1 - off) * p / 3
    assert one_row(np.full(count, -1e9), a, b, p) == pytest.approx(expected, rel=1e-6)
    grouped = grouped_row_loss([-1e9, 0.0], [count, 5], a, b, p)
    assert grouped == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("p", [1e-6, 0.05, 1.0])
def test_an_output_that_never_opens_loses_everything(p):
    assert one_row([-1e9, -0.3, 0.1], 0.5, -40.0, p) == p / 3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60), st.floats(0.01, 1), weight, st.floats(-0.5, 0.5))
def test_heavy_tails_against_sampling(seed, n, p, a, b):
    """Weights from 1e-4 to 1e6, of both signs or negative alone, all scales beside each other."""
    generator = np.random.default_rng(seed)
    weights = 10 ** generator.uniform(-4, 6, n)
    weights *= -1 if seed % 2 else generator.choice([-1, 1], n)
    samples = 20_000
    x = generator.random((samples, n)) * (generator.random((samples, n)) < p)
    signal = generator.random(samples) * (generator.random(samples) < p)
    error = (signal - np.maximum(a * signal + b + x @ weights, 0)) ** 2
    # rare losses that 20,000 samples may miss altogether: p of the largest that one feature causes
    missed = 1e-4 * p * max(weights.max(), 1) ** 2
    found = one_row(weights, a, b, p)
    assert found >= 0
    assert abs(found - error.mean()) < 5 * error.std() / np.sqrt(samples) + missed


@pytest.mark.parametrize("p", [0.5, 0.9, 1.0])
def test_many_weights_tend_to_the_gaussian_loss(p):
    excess = []
    for n in (100, 100_000):
        generator = np.random.default_rng(8)
        weights = generator.standard_normal(n)
        weights *= 0.3 / np.sqrt(moments.variance(p) * (weights**2).sum())
        b = 0.1 - p / 2 * weights.sum()
        excess.append(one_row(weights, 0.8, b, p) / gaussian.loss(0.8, 0.1, 0.3, p) - 1)
    assert abs(excess[0]) < 2e-3
    assert abs(excess[1]) < 3e-6


def test_the_loss_of_a_row_does_not_depend_on_other_rows():
    W, b = stored("trained_64_16.npz")
    together = exact_loss(W, np.arange(64), b, 0.05)
    chosen = np.array([40, 3, 17])
    alone = exact_loss(W[chosen], chosen, b[chosen], 0.05)
    np.testing.assert_allclose(alone, together[chosen], rtol=1e-5)


def test_the_weights_are_not_modified():
    W, b = stored("random_48_12.npz")
    before = W.copy()
    exact_loss(W, np.arange(48), b, 0.1)
    np.testing.assert_array_equal(W, before)


@pytest.mark.parametrize("p", [0.01, 0.05, 0.7])
def test_groups_are_rows(p):
    generator = torch.Generator().manual_seed(4)
    rug = Rug.build(256, 64, 1.2, -0.4, p=p, generator=generator)
    values, counts = rug.grouped_row()
    assert len(values) < 60
    grouped = grouped_row_loss(values, counts, rug.a, rug.b, p)
    row = exact_loss(rug.rows(np.array([7])), np.array([7]), np.array([rug.b]), p)[0]
    assert grouped == pytest.approx(row, rel=1e-6)


@pytest.mark.parametrize(
    ("power", "p", "low", "high"),
    [
        (7, 0.01, 1.8, 2.5),
        (10, 0.01, 1.11, 1.22),
        (10, 0.05, 1.002, 1.03),
        (13, 0.01, 1.019, 1.026),
        (13, 0.05, 1.001, 1.003),
        (16, 0.01, 1.0022, 1.0031),
        (16, 0.05, 1.0001, 1.0003),
    ],
)
def test_the_finite_size_correction_of_rugs(power, p, low, high):
    """Exact / Gaussian at r = 1/4 falls like 1/(n_sparse p); within the range, which rows are drawn
    decides (six draws at each of the small sizes)."""
    n = 1 << power
    best = optimum(0.25, p)
    rug = Rug.build(n, n // 4, best.a, best.b, p=p, generator=torch.Generator().manual_seed(1))
    values, counts = rug.grouped_row()
    assert low < grouped_row_loss(values, counts, rug.a, rug.b, p) / best.loss < high


@pytest.mark.parametrize("p", [0.02, 0.2])
def test_against_cell_masses(p):
    """The same law another way: masses of 2^14 cells by an inverse FFT, each charged at its centre.

    The transform is multiplied by that of a cell before it is inverted, so masses are exact up to
    what wraps around; charging the centre costs a relative (cell/σ)² or so.
    """
    generator = np.random.default_rng(2)
    weights = np.concatenate([generator.standard_normal(80) * 0.08, [-0.6, -0.5, 0.4]])
    a, b, cells, reach = 1.2, -0.3, 1 << 14, 6.0
    cell = 2 * reach / cells
    t = 2 * np.pi * np.fft.fftfreq(cells, cell)
    s = np.multiply.outer(weights, np.where(t == 0, 1e-12, t))
    transform = np.prod(1 - p + p * np.expm1(1j * s) / (1j * s), axis=0)
    masses = np.fft.fft(transform * np.sinc(t * cell / (2 * np.pi))).real / cells
    centres = np.fft.fftfreq(cells, 1 / cells) * cell
    expected = masses @ given_interference(centres, a, b, p)
    assert one_row(weights, a, b, p, tolerance=1e-8) == pytest.approx(expected, rel=3e-5)


def test_four_million_features():
    """A row of 2²² binomial weights, as a rug of that size has, is 300 distinct values."""
    generator = np.random.default_rng(0)
    n, p = 1 << 22, 0.05
    counts = generator.binomial(1 << 20, 0.5, n) * 2 - (1 << 20)
    values, number = np.unique(counts[: 1 << 20], return_counts=True)
    best = optimum(0.25, p)
    values = values * best.a / (1 << 20)
    number = 4 * number
    sigma = np.sqrt(moments.variance(p) * number @ values**2)
    b = best.b - p / 2 * number @ values
    expected = gaussian.loss(best.a, best.b, sigma, p)
    assert grouped_row_loss(values, number, best.a, b, p) == pytest.approx(expected, rel=3e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinite_weights_are_refused_in_one_sentence(bad):
    W, b = stored("random_48_12.npz")
    W[3, 5] = bad
    with pytest.raises(WeightsError, match="must be finite numbers, but 1 of 2304 are not"):
        exact_loss(W, np.arange(48), b, 0.1)
    with pytest.raises(WeightsError, match="finite"):
        grouped_row_loss([0.1, bad], [3, 4], 1.0, 0.0, 0.1)


@pytest.mark.parametrize("size", [1e100, 1e308])
def test_weights_whose_sum_overflows_are_refused_in_one_sentence(size):
    with pytest.raises(WeightsError, match="absolute weights of a row must add up to"):
        one_row(np.full(10, size), 1.0, 0.0, 0.1)


@pytest.mark.parametrize("p", [0.0, -1.0, 1.5, np.nan])
def test_probabilities_outside_0_to_1_are_refused(p):
    with pytest.raises(SettingError, match="p must be"):
        one_row([0.1], 1.0, 0.0, p)


@pytest.mark.parametrize("p", [0.02, 0.4])
def test_weights_that_are_rounding_errors_count_as_zero(p):
    """Weights of size 1e-9 beside others move nothing, and cost no resolution."""
    weights = np.array([0.3, -0.2, 0.1])
    dust = 1e-9 * np.random.default_rng(0).standard_normal(20)
    expected = one_row(weights, 1.1, -0.1, p)
    assert one_row([*weights, *dust], 1.1, -0.1, p) == pytest.approx(expected, rel=1e-6)
