import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from rugtui.theory.optimum import optimum
from rugtui.theory.sparse_limit import high_sparsity, leading_order, threshold


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
def test_the_optimum_tends_to_it(r):
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
