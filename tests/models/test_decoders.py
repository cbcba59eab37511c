import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from rugtui.errors import UsageError, WeightsError
from rugtui.models.constructions import engineered
from rugtui.models.decoders import (
    DECODERS,
    DecoderView,
    best_jump,
    mean_if_on,
    posterior_mean,
    sampled,
    topk,
)
from rugtui.models.dense import Dense
from rugtui.theory.levels import levels


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batches(n_sparse, p, samples, generator, at_once=64):
    """Sparse data the plain way: a uniform number where a coin says so."""
    for _ in range(samples // at_once):
        on = torch.rand(at_once, n_sparse, generator=generator) < p
        yield torch.rand(at_once, n_sparse, generator=generator) * on


@pytest.mark.parametrize("frame", ["hadamard", "orthonormal"])
@pytest.mark.parametrize("p", [0.02, 0.2])
def test_samples_say_what_theory_says(frame, p):
    """Sizes are finite: beside four standard errors, 4 % (orthonormal: rows differ)."""
    n_sparse = 4096 if frame == "hadamard" else 2048
    weights = engineered(frame, n_sparse, n_sparse // 4, p, generator=seeded())
    results = sampled(weights, p, batches(n_sparse, p, 512, seeded(1)))
    assert [result.name for result in results] == list(DECODERS)
    for result in results:
        slack = 4 * result.standard_error + 0.04 * result.theory
        assert result.loss == pytest.approx(result.theory, abs=slack), result
        assert 0 < result.standard_error < 0.05 * result.loss


def test_the_model_itself_is_the_relu():
    weights = engineered("dct", 96, 24, 0.1, generator=seeded())
    x = next(batches(96, 0.1, 64, seeded(1)))
    (result,) = sampled(weights, 0.1, [x[:30], x[30:]], ["relu"])
    each = (x - weights.forward(x)).square().mean(1)
    assert result.loss == pytest.approx(each.mean().item(), rel=1e-5)
    assert result.standard_error == pytest.approx(each.std().item() / 8, rel=1e-4)


@pytest.mark.parametrize("name", DECODERS)
def test_the_data_are_not_modified(name):
    weights = engineered("dct", 96, 24, 0.1, generator=seeded())
    x = next(batches(96, 0.1, 64, seeded(1)))
    z, before = torch.randn(64, 96), x.clone()
    z_before = z.clone()
    DECODERS[name](DecoderView.of(weights, 0.1, "cpu"), x, z)
    assert torch.equal(x, before)
    assert torch.equal(z, z_before)


def test_topk_passes_the_share_of_the_best_threshold():
    p, n_sparse = 0.1, 256
    weights = engineered("hadamard", n_sparse, 64, p, generator=seeded())
    view = DecoderView.of(weights, p, "cpu")
    x = next(batches(n_sparse, p, 64, seeded(1)))
    z = view.normalised(weights.product(x))
    passed = topk(view, x, z) != 0
    k = round(best_jump(math.sqrt((p / 3 - p**2 / 4) * 3), p).share * n_sparse)
    assert (passed.sum(1) == k).all()
    least = torch.where(passed, z, torch.inf).min(1).values
    most = torch.where(passed, -torch.inf, z).max(1).values
    assert (least >= most).all()


def test_weights_that_cannot_be_decoded_are_refused():
    weights = engineered("hadamard", 64, 16, 0.1, generator=seeded())
    with pytest.raises(UsageError, match="'magic'"):
        sampled(weights, 0.1, [], ["relu", "magic"])
    dead = Dense(torch.zeros(2, 5), torch.zeros(5, 2), torch.zeros(5))
    with pytest.raises(WeightsError, match="positive diagonal"):
        sampled(dead, 0.1, [])


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
