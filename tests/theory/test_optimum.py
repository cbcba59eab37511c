import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from rugtui.errors import SettingError
from rugtui.theory import gaussian, moments
from rugtui.theory.optimum import _brackets, high_sparsity, leading_order, optimum, threshold

REFERENCE = json.loads((Path(__file__).parents[1] / "data/theory_reference.json").read_text())

ratio = st.floats(-3, -0.01).map(lambda power: 10**power)
probability = st.floats(-8, 0).map(lambda power: 10**power)


@pytest.mark.parametrize("case", REFERENCE["optimum"], ids=lambda c: f"r={c['r']} p={c['p']}")
def test_against_25_digit_values(case):
    best = optimum(float(case["r"]), float(case["p"]))
    for name in ("loss", "a", "b", "sigma"):
        assert getattr(best, name) == pytest.approx(float(case[name]), rel=1e-11), name


@settings(max_examples=60, deadline=None)
@given(ratio, probability)
def test_the_gradient_vanishes_there(r, p):
    """The chain rule through σ = κ a: both derivatives are zero, on the scale of their terms."""
    best = optimum(r, p)
    by_a, by_b, by_sigma = gaussian.loss_gradient(best.a, best.b, best.sigma, p)
    kappa = moments.noise(1, r, p)
    assert abs(by_a + kappa * by_sigma) < 1e-10 * abs(kappa * by_sigma) + 1e-18
    assert abs(by_b) < 1e-10 * best.sigma * np.sqrt(p)
    assert by_sigma > 0  # more noise than rank forces would cost


@settings(max_examples=12, deadline=None)
@given(ratio, probability, st.integers(0, 2**32))
def test_nothing_sampled_is_lower(r, p, seed):
    """Neither basin hides a lower point: 10,000 (a, θ) drawn over both, none below L*."""
    generator = np.random.default_rng(seed)
    a = np.exp(generator.uniform(np.log(r) - 1, np.log(4), 10_000))
    kappa = moments.noise(1, r, p)
    theta = np.where(
        generator.random(a.size) < 0.5,
        kappa * generator.uniform(-3, 8, a.size),
        generator.uniform(-2, 1, a.size) * (1 + p / r),
    )
    assert (gaussian.loss(a, -a * theta, kappa * a, p) >= optimum(r, p).loss * (1 - 1e-12)).all()


@settings(max_examples=60, deadline=None)
@given(ratio, probability)
def test_below_the_linear_decoder_and_above_nothing(r, p):
    assert 0 < optimum(r, p).loss <= (1 - r) * moments.variance(p) * (1 + 1e-12)


def test_linear_gives_way_to_thresholding_steeply_but_without_a_jump():
    """a rises faster than r⁴ through the crossover, and every refinement of r halves its steps."""
    p = 0.001
    steps = []
    for count in (500, 1000, 2000):
        best = optimum(np.geomspace(1e-4, 0.1, count), p)
        assert best.a[0] == pytest.approx(1e-4, rel=0.02)
        assert best.b[0] > 0 > best.b[-1]
        assert best.a[-1] > 1
        steps.append(np.diff(np.log(best.a)).max())
    assert steps[0] * 500 / np.log(1000) > 4
    assert steps[0] / steps[1] == pytest.approx(2, rel=0.05)
    assert steps[1] / steps[2] == pytest.approx(2, rel=0.05)


def profile(k, kappa, p):
    """E[x g]²/E[g²] at θ = kκ, 40 digits: what the best a takes from the loss p/3 at threshold θ.

    In units of κ the signal runs over 0 … 1/κ; H_n(t) = E (t + z)₊ⁿ/n!.
    """

    def families(t):
        passes, peak = mpmath.ncdf(t), mpmath.npdf(t)
        return ((1 + t * t) * passes + t * peak) / 2, (
            (t**3 + 3 * t) * passes + (t * t + 2) * peak
        ) / 6

    (low2, low3), (high2, high3) = families(-k), families(1 / kappa - k)
    product = p * kappa**3 * (high2 / kappa - (high3 - low3))
    return product**2 / (2 * kappa**2 * ((1 - p) * low2 + p * kappa * (high3 - low3)))


@pytest.mark.parametrize("p", [1e-8, 1e-5, 1e-3, 0.05, 0.5])
@pytest.mark.parametrize("r", [1e-3, 0.3, "p", "10p"])
def test_an_independent_scan_finds_the_same_single_basin(r, p):
    """Thresholds from far below the linear optimum to beyond all signal; r ≈ p log(1/p) is where
    linear gives way to thresholding."""
    r = {"p": p, "10p": min(10 * p, 0.9)}.get(r, r)
    with mpmath.workdps(40):
        kappa = mpmath.mpf(float(moments.noise(1, r, p)))
        lowest = -(p * kappa / float(moments.variance(p)) + 12)
        k = [lowest * (1 - mpmath.mpf(i) / 30) ** 2 for i in range(30)]
        k += [min(mpmath.mpf(14), 1 / kappa + 6) * i / 80 for i in range(81)]
        gain = [profile(each, kappa, mpmath.mpf(p)) for each in k]
        peaks = [i for i in range(1, 110) if gain[i - 1] < gain[i] > gain[i + 1]]
        assert len(peaks) == 1
        assert gain[0] < gain[peaks[0]] > gain[-1]
        best, at = optimum(r, p), peaks[0]
        theta = -best.b / best.a / kappa
        assert k[at - 1] < theta < k[at + 1]
        known = mpmath.mpf(p) / 3 - profile(theta, kappa, mpmath.mpf(p))
        assert best.loss == pytest.approx(float(known), rel=1e-10)


@pytest.mark.parametrize("p", [1e-20, 1e-30, 1e-33, 1e-35, 1e-50, 1e-150])
def test_any_sparsity_has_an_optimum(p):
    """Far below what anybody trains at: the high-sparsity form, wrong by O(kσ), is the truth."""
    for r in (1e-3, 0.25, 0.999):
        best = optimum(r, p)
        assert best.loss == pytest.approx(float(high_sparsity(r, p)), rel=3e-8)
        assert best.sigma == pytest.approx(float(moments.noise(best.a, r, p)), rel=1e-12)
        assert best.b == pytest.approx(-float(threshold(p)) * best.sigma, rel=3e-8)
    assert optimum(0.25, 5e-324).loss == 0


def test_one_basin_only():
    """The scan finds exactly one minimum at each of 2,500 (r, p)."""
    r, p = (
        grid.ravel()
        for grid in np.meshgrid(np.geomspace(1e-4, 0.999, 50), np.geomspace(1e-8, 1, 50))
    )
    pair, _, _ = _brackets(moments.noise(1, r, p), p)
    np.testing.assert_array_equal(pair, np.arange(r.size))


def test_arrays_agree_with_scalars():
    r = np.array([0.05, 0.3, 1.0])[:, None]
    p = np.array([1e-6, 0.01, 1.0])
    table = optimum(r, p)
    assert table.loss.shape == (3, 3)
    for i, j in np.ndindex(3, 3):
        alone = optimum(float(r[i, 0]), float(p[j]))
        assert table.loss[i, j] == pytest.approx(alone.loss, rel=1e-13)
        assert table.a[i, j] == pytest.approx(alone.a, rel=1e-12)


@settings(max_examples=30)
@given(probability)
def test_no_compression_no_loss(p):
    best = optimum(1.0, p)
    assert (best.loss, best.a, best.b, best.sigma) == (0, 1, 0, 0)
    nearly = optimum(1 - 1e-9, p)
    assert 0 < nearly.loss < 1e-9 * p
    assert nearly.a == pytest.approx(1, abs=1e-3)


def test_an_answer_is_remembered():
    assert optimum(0.123, 0.045) is optimum(0.123, 0.045)
    assert isinstance(optimum(0.123, 0.045).loss, float)


@pytest.mark.parametrize(("r", "p", "name"), [(0, 0.1, "r"), (0.1, 0, "p"), (1.5, 0.1, "r")])
def test_ratios_and_probabilities_outside_0_to_1_are_refused(r, p, name):
    with pytest.raises(SettingError, match=f"{name} must be a number above 0 and at most 1"):
        optimum(r, p)


def test_the_minimum_over_k_by_golden_section():
    r, p = 0.3, 1e-3

    def form(k):
        passed = (1 + k**2) * norm.cdf(-k) - k * norm.pdf(k)
        return p**2 * (1 - r) / (3 * r) * (1 + k**2 / 4 + passed / p)

    lowest = minimize_scalar(form, bounds=(0, 10), method="bounded")
    assert high_sparsity(r, p) == pytest.approx(lowest.fun, rel=1e-9)
    assert threshold(p) == pytest.approx(lowest.x, rel=1e-4)


def test_the_published_example():
    assert high_sparsity(0.5, 1e-6) / 1e-6 == pytest.approx(2.0975e-6, rel=1e-4)
    assert optimum(0.5, 1e-6).loss / 1e-6 == pytest.approx(2.1008e-6, rel=1e-4)


@pytest.mark.parametrize("r", [0.1, 0.5, 0.9])
def test_the_optimum_tends_to_high_sparsity(r):
    """The error falls with p like √p up to logarithms: p → p/100 gains near a factor 10."""
    p = np.array([1e-4, 1e-6, 1e-8])
    error = np.abs(high_sparsity(r, p) / optimum(r, p).loss - 1)
    assert error[-1] < 1e-3
    assert (error[:-1] / error[1:] > 5).all()


def test_the_leading_order_is_approached_slowly():
    """1 and log log(1/p) are small beside log(1/p), but only just: 7 % off at 1e-20."""
    p = np.array([1e-20, 1e-60, 1e-100, 1e-140])
    excess = leading_order(0.5, p) / high_sparsity(0.5, p) - 1
    assert (np.diff(excess) < 0).all()
    assert excess[0] == pytest.approx(0.074, abs=1e-3)
    assert 0 < excess[-1] < 0.025


@given(st.floats(-290, 0).map(lambda power: 10**power))
def test_threshold_solves_its_equation(p):
    k = threshold(p)
    passed = norm.pdf(k) - k * norm.sf(k)
    if k < 20:  # beyond, the naive difference on the right has lost its digits
        assert p * k == pytest.approx(4 * passed, rel=1e-10 * (1 + k**4))
    assert 0.6 < k < 37
