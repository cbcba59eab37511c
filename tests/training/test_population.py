"""Descent of the Gaussian loss: the closed forms, the gradient, and where it arrives."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.theory.moments import variance
from rugtui.training.population import evaluate, means, row_losses
from rugtui.training.state import Parameters
from rugtui.training.trainer import Trainer, results
from tests.training.states import same_state

REFERENCE = json.loads((Path(__file__).parents[1] / "data/theory_reference.json").read_text())


def doubles(*numbers):
    return [torch.tensor([float(number)], dtype=torch.float64) for number in numbers]


@pytest.mark.parametrize("known", REFERENCE["fixed"], ids=str)
def test_rows_against_reference(known):
    rows = row_losses(*doubles(known["a"], known["b"], known["sigma"]), float(known["p"]))
    assert rows.loss.item() == pytest.approx(float(known["loss"]), rel=1e-9)


@given(
    a=st.floats(-2, 2),
    beta=st.floats(-2, 2),
    sigma=st.floats(0.02, 2),
    p=st.sampled_from([0.001, 0.05, 0.7, 1.0]),
)
def test_slopes_are_those_of_the_definition(a, beta, sigma, p):
    leaves = [leaf.requires_grad_() for leaf in doubles(a, beta, sigma)]
    loss = by_quadrature(*leaves, p).sum()
    slopes = torch.autograd.grad(loss, leaves)
    rows = row_losses(*(leaf.detach() for leaf in leaves), p)
    got = rows.loss, rows.by_a, rows.by_beta, rows.by_sigma
    for one, other in zip(got, (loss.detach(), *slopes), strict=True):
        torch.testing.assert_close(one.squeeze(), other.squeeze(), rtol=1e-8, atol=1e-11)


def by_quadrature(a, beta, sigma, p):
    """Section 3 as it is written: 400 nodes in pieces, and autograd for the slopes."""
    x, weight = np.polynomial.legendre.leggauss(40)
    u = torch.from_numpy(np.concatenate([(x + 1 + 2 * k) / 20 for k in range(10)]))
    weight = torch.from_numpy(np.tile(weight / 20, 10))

    def R1(m, s):
        t = m / s
        return m * torch.special.ndtr(t) + s * torch.exp(-t * t / 2) / math.sqrt(2 * math.pi)

    def R2(m, s):
        t = m / s
        phi = torch.exp(-t * t / 2) / math.sqrt(2 * math.pi)
        return (m * m + s * s) * torch.special.ndtr(t) + m * s * phi

    m, s = a[:, None] * u + beta[:, None], sigma[:, None]
    return (1 - p) * R2(beta, sigma) + p * ((u * u - 2 * u * R1(m, s) + R2(m, s)) @ weight)


@pytest.mark.parametrize("p", [0.03, 0.5, 1.0])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_gradient_is_autograds(p, bias, tied):
    n_sparse, n_dense = 14, 5
    g = torch.Generator().manual_seed(3)

    def normal(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64) / 2

    start = Dense(normal(n_dense, n_sparse), normal(n_sparse, n_dense), normal(n_sparse))
    parameters = Parameters(start, tied=tied, bias=bias)
    own = parameters.weights
    # the gradient is taken at fixed β = b + μ where there is a bias
    beta = (own.b + means(own, p)).requires_grad_()
    W_in = own.W_in.clone().requires_grad_()
    W_out = W_in.T if tied else own.W_out.clone().requires_grad_()
    W = W_out @ W_in
    a = W.diagonal()
    sigma = torch.sqrt(float(variance(p)) * ((W * W).sum(1) - a * a))
    at = beta if bias else (p / 2) * (W.sum(1) - a)
    want = by_quadrature(a, at, sigma, p)
    want.sum().backward()
    loss, _ = evaluate(own, parameters.gradient, beta.detach(), p, tied=tied, bias=bias)
    assert loss.mean().item() == pytest.approx(want.mean().item(), rel=1e-9)
    torch.testing.assert_close(parameters.gradient.W_in, W_in.grad)
    if not tied:
        torch.testing.assert_close(parameters.gradient.W_out, W_out.grad)
    if bias:
        torch.testing.assert_close(parameters.gradient.b, beta.grad)


@pytest.mark.parametrize("known", REFERENCE["optimum"], ids=lambda k: f"r={k['r']} p={k['p']}")
def test_arrives_at_the_symmetric_optimum(known):
    n_sparse = 260
    n_dense = round(float(known["r"]) * n_sparse)
    assert n_dense == float(known["r"]) * n_sparse
    settings = Settings(
        n_sparse=n_sparse, n_dense=n_dense, p=float(known["p"]), method="population", steps=250
    )
    (*_, last) = results(Trainer(settings.replace(device="cpu")))
    # At large p and small r rows of two kinds together do better than the symmetric optimum: 0.94
    # of L* was seen. Elsewhere it is where the descent ends.
    least = 0.93 if float(known["p"]) >= 0.1 and float(known["r"]) < 0.5 else 0.99
    assert least < last.loss / float(known["loss"]) < 1.01
    assert last.dead == 0
    assert last.samples == 0


def test_changing_the_method_goes_on_from_the_same_weights():
    settings = Settings(n_sparse=64, n_dense=16, p=0.1, batch=64, steps=0, device="cpu")
    training = Trainer(settings)
    for _ in range(3):
        training.advance()
    before = training.weights()
    training.change(settings.replace(method="population"))
    assert torch.equal(before.W_in, training.weights().W_in)
    losses = [training._method.step(0, lambda: None) for _ in range(40)]
    assert losses[-1] < 0.95 * losses[0]
    training.change(settings)
    assert training.advance().method == "sgd"


def test_restored_run_is_the_run_that_never_stopped():
    settings = Settings(n_sparse=64, n_dense=16, p=0.1, method="population", steps=0, device="cpu")
    through, stopped = Trainer(settings), Trainer(settings)
    wanted = [through.advance() for _ in range(4)]
    stopped.advance()
    state = stopped.state()
    again = Trainer(settings.replace(seed=5))
    again.restore(state)
    assert [again.advance() for _ in range(3)] == wanted[1:]
    same_state(through.state(), again.state())
