import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import SettingError
from rugtui.theory import gaussian, moments

REFERENCE = json.loads((Path(__file__).parents[1] / "data/theory_reference.json").read_text())

scale = st.floats(1e-6, 2)
bias = st.floats(-2, 2)
gain = st.floats(-2, 2).filter(lambda a: abs(a) > 1e-6)
probability = st.floats(1e-8, 1)


@pytest.mark.parametrize("case", REFERENCE["fixed"], ids=str)
def test_loss_against_25_digit_quadrature(case):
    a, b, sigma, p, loss = (float(case[key]) for key in ("a", "b", "sigma", "p", "loss"))
    assert gaussian.loss(a, b, sigma, p) == pytest.approx(loss, rel=1e-12)


def exact_rectified(m: float, sigma: float) -> tuple[float, float]:
    with mpmath.workdps(400):  # Φ(−37) ~ 1e-300, and the differences below cancel
        s, t = mpmath.mpf(sigma), mpmath.mpf(m) / mpmath.mpf(sigma)
        passes, peak = mpmath.ncdf(t), mpmath.npdf(t)
        return float(s * (t * passes + peak)), float(s**2 * ((1 + t**2) * passes + t * peak))


@settings(max_examples=60, deadline=None)
@given(st.floats(-37, 37), st.floats(1e-5, 10))
def test_rectified_moments_keep_their_digits_far_in_the_tail(t, sigma):
    m = t * sigma
    first, second = exact_rectified(m, sigma)
    assert gaussian.relu_mean(m, sigma) == pytest.approx(first, rel=1e-12, abs=1e-307)
    assert gaussian.relu_square(m, sigma) == pytest.approx(second, rel=1e-12, abs=1e-307)


def test_no_noise_is_the_rectifier():
    m = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(gaussian.relu_mean(m, 0), [0, 0, 3])
    np.testing.assert_array_equal(gaussian.relu_square(m, 0), [0, 0, 9])


def closed_form(a, b, sigma, p):
    """The antiderivatives, at 60 digits because they cancel: with Q_n = E (m + σz)₊ⁿ/n! of slope
    Q_{n−1}, the "on" part is 1/3 − 2 Q2(a+b)/a + 2 (1/a + 1/a²) (Q3(a+b) − Q3(b))."""
    with mpmath.workdps(80):
        a, b, s, p = (mpmath.mpf(float(value)) for value in (a, b, sigma, p))

        def q(n, m):
            t = m / s
            passes, peak = mpmath.ncdf(t), mpmath.npdf(t)
            if n == 2:
                return s**2 * ((1 + t**2) * passes + t * peak) / 2
            return s**3 * ((t**3 + 3 * t) * passes + (t**2 + 2) * peak) / 6

        on = mpmath.mpf(1) / 3 - 2 * q(2, a + b) / a
        on += 2 * (1 / a + 1 / a**2) * (q(3, a + b) - q(3, b))
        return float((1 - p) * 2 * q(2, b) + p * on)


@settings(max_examples=100, deadline=None)
@given(gain, bias, scale, probability)
def test_loss_against_its_antiderivative(a, b, sigma, p):
    assert gaussian.loss(a, b, sigma, p) == pytest.approx(
        closed_form(a, b, sigma, p), rel=1e-11, abs=1e-300
    )


@settings(max_examples=100, deadline=None)
@given(gain, bias, st.floats(1e-3, 2), probability)
def test_gradient_against_differences(a, b, sigma, p):
    point, step = np.array([a, b, sigma]), 1e-5 * sigma
    loss = gaussian.loss(a, b, sigma, p)
    for axis, slope in enumerate(gaussian.loss_gradient(a, b, sigma, p)):
        shift = step * np.eye(3)[axis]
        difference = gaussian.loss(*(point + shift), p) - gaussian.loss(*(point - shift), p)
        # a central difference is wrong by step² f'''/6, f''' ≲ (1 + |a|)/σ², and by rounding
        assert slope == pytest.approx(
            difference / (2 * step), abs=1e-9 * (1 + abs(a)) + 1e-14 * loss / step
        )


@pytest.mark.parametrize("sigma", [1e-4, 1e-8, 1e-12])
def test_a_loss_of_the_order_of_tiny_noise_keeps_its_digits(sigma):
    """1 − a and b of the size of σ: the error a u + b − u must not be formed from a u."""
    a, b, p = 1 + 0.3 * sigma, -4 * sigma, 1e-3
    with mpmath.workdps(60):
        m = [mpmath.mpf(float(value)) for value in (a, b, sigma, p)]
        # far above the kink, but for u of the size of σ, the output is the pre-activation
        lost = (m[0] - 1) ** 2 / 3 + (m[0] - 1) * m[1] + m[1] ** 2 + m[2] ** 2
        expected = float(m[3] * lost)
    silent = (1 - p) * gaussian.relu_square(b, sigma)
    assert gaussian.loss(a, b, sigma, p) == pytest.approx(expected + silent, rel=30 * sigma + 1e-12)


def test_loss_against_sampling():
    generator = np.random.default_rng(5)
    a, b, sigma, p, n = 1.2, -0.3, 0.2, 0.1, 400_000
    x = generator.random(n) * (generator.random(n) < p)
    error = (x - np.maximum(a * x + b + sigma * generator.standard_normal(n), 0)) ** 2
    standard_error = error.std() / np.sqrt(n)
    assert abs(gaussian.loss(a, b, sigma, p) - error.mean()) < 4 * standard_error


@settings(max_examples=50, deadline=None)
@given(bias, probability)
def test_limits_of_no_noise_and_no_gain(b, p):
    """σ = 0 is the limit σ → 0; a = 0 is a constant output, whose loss is elementary."""
    assert gaussian.loss(1, b, 0, p) == pytest.approx(gaussian.loss(1, b, 1e-9, p), abs=1e-8)
    level = max(b, 0)
    constant = p / 3 - p * level + level**2
    assert gaussian.loss(0, b, 0, p) == pytest.approx(constant, rel=1e-12)
    assert gaussian.loss(1e-14, b, 0, p) == pytest.approx(constant, rel=1e-12)


def test_arguments_broadcast():
    a = np.array([0.5, 1.0])[:, None]
    sigma = np.array([0.1, 0.2, 0.3])
    table = gaussian.loss(a, -0.1, sigma, 0.05)
    assert table.shape == (2, 3)
    assert table[1, 2] == gaussian.loss(1.0, -0.1, 0.3, 0.05)
    assert all(part.shape == (2, 3) for part in gaussian.loss_gradient(a, -0.1, sigma, 0.05))


@given(probability)
def test_moments_of_a_feature(p):
    assert moments.variance(p) == pytest.approx(p / 3 - (p / 2) ** 2)


@pytest.mark.parametrize("bad", [0, -0.1, 1.01, np.nan, np.inf, "many", [0.5, 2]])
def test_a_bad_number_is_refused_in_one_sentence(bad):
    with pytest.raises(SettingError, match="p must be a number above 0 and at most 1, but it is"):
        moments.checked("p", bad)
