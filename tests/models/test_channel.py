import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from rugtui.models.decoders import best_jump, mean_if_on, posterior_mean
from rugtui.theory.levels import levels


@pytest.mark.parametrize(("r", "p"), [(0.5, 0.01), (0.25, 0.05), (0.1, 0.3), (0.9, 1e-6)])
def test_a_jump_lies_between_the_posterior_and_the_relu(r, p):
    s = math.sqrt((p / 3 - p**2 / 4) * (1 - r) / r)
    best = levels(r, p)
    jump = best_jump(s, p)
    assert best.oracle < best.elementwise < jump.loss <= best.loss * (1 + 1e-6)
    assert jump.loss <= best.linear


@pytest.mark.parametrize(("r", "p"), [(0.5, 0.02), (0.25, 0.2)])
def test_the_best_jump_is_what_a_search_finds(r, p):
    s = math.sqrt((p / 3 - p**2 / 4) * (1 - r) / r)

    def loss(parameters):
        threshold, gain, offset = parameters

        def given_x(x):
            # E (x − y)² over ζ, with the moments of a normal cut off at the threshold
            t = (threshold - x) / s
            q, d = stats.norm.sf(t), stats.norm.pdf(t)
            bias = x - offset - gain * x
            return (
                x**2 * (1 - q) + bias**2 * q - 2 * bias * gain * s * d
                + gain**2 * s**2 * (q + t * d)
            )  # fmt: skip

        on = integrate.quad(given_x, 0, 1, epsabs=1e-12, limit=200)[0]
        return (1 - p) * given_x(0.0) + p * on

    found = optimize.minimize(
        loss, (0.4, 1.0, 0.0), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12}
    )
    jump = best_jump(s, p)
    assert jump.loss == pytest.approx(loss((jump.threshold, jump.gain, jump.offset)), rel=1e-6)
    assert jump.loss == pytest.approx(found.fun, rel=1e-5)


@settings(max_examples=50)
@given(z=st.floats(-0.5, 1.5), s=st.floats(0.02, 3), p=st.floats(1e-3, 1))
def test_posterior_means_are_the_integrals_of_bayes(z, s, p):
    u = np.linspace(0, 1, 20_001)
    likelihood = np.exp(-(((z - u) / s) ** 2) / 2)
    norm = integrate.simpson(likelihood, x=u)
    mean = integrate.simpson(u * likelihood, x=u)
    zero = math.exp(-((z / s) ** 2) / 2)
    assume(abs(z - 0.5) < 0.5 + 8 * s)
    at, noise = torch.tensor(z, dtype=torch.float64), torch.tensor(s, dtype=torch.float64)
    assert float(mean_if_on(at, noise)) == pytest.approx(mean / norm, rel=1e-6)
    wanted = p * mean / ((1 - p) * zero + p * norm)
    assert float(posterior_mean(at, noise, p)) == pytest.approx(wanted, rel=1e-6)


@settings(max_examples=50)
@given(z=st.floats(-1e6, 1e6), s=st.floats(1e-12, 1e3), p=st.floats(1e-9, 1))
def test_posterior_means_are_finite_and_inside(z, s, p):
    at, noise = torch.tensor(z, dtype=torch.float64), torch.tensor(s, dtype=torch.float64)
    for mean in (posterior_mean(at, noise, p), mean_if_on(at, noise)):
        assert -1e-6 <= float(mean) <= 1 + 1e-6
