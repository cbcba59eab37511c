import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from rugtui.errors import SettingError
from rugtui.theory import moments
from rugtui.theory.bounds import elementwise_and_oracle, linear
from rugtui.theory.optimum import optimum

REFERENCE = json.loads((Path(__file__).parents[1] / "data/theory_reference.json").read_text())

ratio = st.floats(-3, -0.01).map(lambda power: 10**power)
probability = st.floats(-8, 0).map(lambda power: 10**power)


def elementwise(r, p):
    return elementwise_and_oracle(r, p)[0]


def oracle(r, p):
    return elementwise_and_oracle(r, p)[1]


@pytest.mark.parametrize("case", REFERENCE["optimum"], ids=lambda c: f"r={c['r']} p={c['p']}")
def test_against_25_digit_values(case):
    r, p = float(case["r"]), float(case["p"])
    assert linear(r, p) == pytest.approx(float(case["linear"]), rel=1e-13)
    assert elementwise(r, p) == pytest.approx(float(case["bayes"]), rel=2e-11)
    assert oracle(r, p) == pytest.approx(float(case["oracle"]), rel=2e-11)


@settings(max_examples=100, deadline=None)
@given(ratio, probability)
def test_each_decoder_beats_the_one_that_knows_less(r, p):
    slack = 1 + 1e-11
    assert 0 < oracle(r, p) <= elementwise(r, p) * slack
    assert elementwise(r, p) <= optimum(r, p).loss * slack
    assert optimum(r, p).loss <= linear(r, p) * slack


@pytest.mark.parametrize(("r", "p"), [(0.3, 0.2), (0.02, 0.7), (0.6, 0.03)])
def test_elementwise_is_the_loss_of_the_posterior_mean(r, p):
    """E x² − E[E(x | y)²] by adaptive quadrature, from the definitions."""
    s = float(moments.noise(1, r, p))

    def squared_posterior(y):
        on = norm.cdf(y / s) - norm.cdf((y - 1) / s)
        first = y * on + s * (norm.pdf(y / s) - norm.pdf((y - 1) / s))
        return (p * first) ** 2 / (p * on + (1 - p) * norm.pdf(y / s) / s)

    points = [0.0, s, 3 * s, 1.0]
    known, _ = quad(squared_posterior, -8 * s, 1 + 8 * s, points=points, limit=400, epsrel=1e-11)
    assert elementwise(r, p) == pytest.approx(p / 3 - known, rel=1e-8)


def test_oracle_without_compression_of_signal():
    """Narrow noise: V = s² but for the edges of [0, 1], which cost O(s³)."""
    p, r = 1e-4, 0.5
    s = float(moments.noise(1, r, p))
    assert oracle(r, p) == pytest.approx(p * s**2, rel=3 * s)
    assert oracle(r, p) < p * s**2


@given(ratio)
def test_always_on_leaves_nothing_for_an_oracle_to_say(r):
    assert elementwise(r, 1.0) == oracle(r, 1.0)


def test_no_noise_no_loss():
    assert linear(1.0, 0.3) == elementwise(1.0, 0.3) == oracle(1.0, 0.3) == 0


def test_arrays_agree_with_scalars():
    r = np.array([0.001, 0.2, 1.0])[:, None]
    p = np.array([1e-8, 0.05, 1.0])
    for bound in (linear, elementwise, oracle):
        table = bound(r, p)
        assert table.shape == (3, 3)
        for i, j in np.ndindex(3, 3):
            assert table[i, j] == pytest.approx(bound(float(r[i, 0]), float(p[j])), rel=1e-12)


@pytest.mark.parametrize("bound", [linear, elementwise, oracle])
def test_probabilities_outside_0_to_1_are_refused(bound):
    with pytest.raises(SettingError, match="p must be a number above 0 and at most 1"):
        bound(0.5, 0.0)
