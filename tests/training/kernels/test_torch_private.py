"""What PyTorch does not promise gives what its public ways give, and is not needed."""

import inspect

import pytest
import torch

from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.training import data
from rugtui.training.kernels import torch_private
from rugtui.training.kernels.gradient import Gradient
from rugtui.training.kernels.plan import Plan
from rugtui.training.kernels.torch_private import linear_relu, without_compile_wrappers
from rugtui.training.state import Parameters
from rugtui.training.trainer import Trainer

there = pytest.mark.skipif(
    torch_private.LINEAR_POINTWISE is None, reason="no oneDNN in this build of PyTorch"
)


def step(n_sparse=40, n_dense=9, batch=50, most_on=1.0, importance=None):
    g = torch.Generator().manual_seed(3)
    W_in, W_out = torch.randn(n_dense, n_sparse, generator=g), torch.randn(n_sparse, n_dense)
    parameters = Parameters(Dense(W_in, W_out, torch.randn(n_sparse, generator=g)))
    x = data.sample_sparse(n_sparse, 0.1, batch, generator=g)
    gradient = Gradient(parameters, Plan(True, most_on), importance=importance)
    return float(gradient(x)), parameters.gradient.flat


@there
@pytest.mark.parametrize(("batch", "n_sparse", "n_dense"), [(1, 2, 1), (33, 24, 7), (100, 129, 65)])
def test_product_is_pytorchs(batch, n_sparse, n_dense):
    g = torch.Generator().manual_seed(0)
    z, W_out = torch.randn(batch, n_dense, generator=g), torch.randn(n_sparse, n_dense, generator=g)
    b, out = torch.randn(n_sparse, generator=g), torch.full((batch, n_sparse), torch.nan)
    got = linear_relu(z, W_out, b, out)
    assert out.isnan().all()  # it was oneDNN's
    torch.testing.assert_close(got, torch.addmm(b, z, W_out.T).relu())


@there
@pytest.mark.parametrize("most_on", [0.0, 1.0])
@pytest.mark.parametrize("important", [False, True])
def test_step_is_the_same_with_and_without_it(monkeypatch, most_on, important):
    importance = torch.arange(1, 41) ** -0.5 if important else None
    torch.manual_seed(0)
    loss, gradient = step(most_on=most_on, importance=importance)
    monkeypatch.setattr(torch_private, "LINEAR_POINTWISE", None)
    torch.manual_seed(0)
    want_loss, want = step(most_on=most_on, importance=importance)
    assert loss == pytest.approx(want_loss, rel=1e-5)
    torch.testing.assert_close(gradient, want, rtol=1e-4, atol=1e-6)


def test_it_is_used_only_in_single_precision_on_a_cpu():
    for like in (
        {"dtype": torch.float64},
        {"device": "meta"},
    ):
        z, W_out, b, out = (torch.ones(shape, **like) for shape in ((2, 3), (4, 3), (4,), (2, 4)))
        assert linear_relu(z, W_out, b, out) is out


def test_optimizers_that_cannot_be_unwrapped_are_pytorchs_own(monkeypatch):
    settings = Settings(n_sparse=16, n_dense=4, batch=8, steps=0, device="cpu")
    with_bare = Trainer(settings)
    with_bare.advance()

    def newer(function):
        raise AttributeError(function)

    monkeypatch.setattr(inspect, "unwrap", newer)
    without_compile_wrappers.cache_clear()
    try:
        assert without_compile_wrappers(torch.optim.Adam) is torch.optim.Adam
        without = Trainer(settings)
        without.advance()
    finally:
        without_compile_wrappers.cache_clear()
    assert torch.equal(with_bare.weights().W_in, without.weights().W_in)
