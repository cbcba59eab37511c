"""Steps of jumprelu, gated and topk: against differences of the loss, and of the smoothed loss at
the jump of a threshold."""

import numpy as np
import pytest
import torch

from rugtui.models.activations import output, with_parameters
from rugtui.models.dense import Dense
from rugtui.training import data
from rugtui.training.heldout import sample_losses
from rugtui.training.kernels import autograd
from rugtui.training.kernels.autograd import AutogradGradient, JumpReLU
from rugtui.training.state import Parameters

N_SPARSE, N_DENSE, BATCH, K = 20, 6, 40, 5


def some(activation, *, tied=False, bias=True):
    """Parameters at random, and a batch."""
    g = torch.Generator().manual_seed(1)
    like = {"generator": g, "dtype": torch.float64}
    W_in, W_out = (torch.randn(N_DENSE, N_SPARSE, **like) / 2 for _ in range(2))
    b = torch.randn(N_SPARSE, **like) / 3 if bias else torch.zeros(N_SPARSE, dtype=torch.float64)
    weights = with_parameters(Dense(W_in, W_out.T.contiguous(), b), activation)
    if weights.extra is not None:
        weights.extra.add_(torch.rand(weights.extra.shape, **like) / 4)
    x = data.sample_sparse(N_SPARSE, 0.2, BATCH, generator=g, dtype=torch.float64)
    return Parameters(weights, tied=tied, bias=bias), x


@pytest.mark.parametrize("activation", ["jumprelu", "gated", "topk"])
@pytest.mark.parametrize("more", [{}, {"tied": True}, {"bias": False}], ids=str)
def test_gradient_is_the_slope_of_the_loss(activation, more):
    """Between jumps: a small step crosses none. The gate's is the slope of its auxiliary loss."""
    if activation == "gated" and "bias" in more:
        pytest.skip("the gate has a bias")
    parameters, x = some(activation, **more)
    importance = torch.arange(1, N_SPARSE + 1, dtype=torch.float64) ** -0.7
    step = AutogradGradient(parameters, activation=activation, k=K, importance=importance)
    found, flat = float(step(x)), parameters.weights.flat

    def loss(weights):
        both = [activation, "relu"] if activation == "gated" else [activation]
        return [
            float(sample_losses(weights, x, activation=one, k=K, importance=importance).mean())
            for one in both
        ]

    assert found == pytest.approx(loss(parameters.weights.dense())[0], rel=1e-12)
    slopes = []
    for i in range(len(flat)):
        ends = []
        for shift in (1e-7, -1e-7):
            moved = flat.clone()
            moved[i] += shift
            ends.append(sum(loss(parameters.views(moved).dense())))
        slopes.append((ends[0] - ends[1]) / 2e-7)
    got = parameters.gradient.flat.numpy()
    rows = N_SPARSE if activation == "jumprelu" else 0  # of thresholds, which are on the jump
    learned = slice(0, len(flat) - rows)
    np.testing.assert_allclose(got[learned], np.array(slopes)[learned], atol=2e-7)
    y = output(parameters.weights.dense(), _pre(parameters, x), activation, k=K)
    assert step.rows_on.tolist() == (y != 0).any(0).tolist()


def _pre(parameters, x):
    own = parameters.weights
    return x.dense() @ own.W_in.T @ own.W_out.T + own.b


def test_gradient_of_a_threshold_is_the_papers():
    """∂L/∂θ = ∂L/∂y · −(θ/ε) 1[|h − θ| < ε/2], and so nearly the slope of the loss averaged over
    thresholds within ε/2: equal at the jump itself, h = θ."""
    g = torch.Generator().manual_seed(2)
    x = torch.rand(400_000, 1, generator=g, dtype=torch.float64)
    h = x + 0.3 * torch.randn(x.shape, generator=g, dtype=torch.float64)
    theta, width = torch.full((1,), 0.4, dtype=torch.float64, requires_grad=True), 0.02

    def loss(at):
        return float((x - torch.where(h > at, h, 0)).square().mean())

    assert width < autograd.BANDWIDTH
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autograd, "BANDWIDTH", width)
        y = JumpReLU.apply(h, theta)
        (found,) = torch.autograd.grad((x - y).square().mean(), theta)
    near = ((h - 0.4).abs() < width / 2).double()
    paper = float((2 * (y.detach() - x) * -0.4 / width * near).mean())
    assert float(found) == pytest.approx(paper, rel=1e-12)
    smoothed = (loss(0.4 + width / 2) - loss(0.4 - width / 2)) / width
    assert float(found) == pytest.approx(smoothed, rel=0.05)


def test_topk_keeps_so_many_positive_outputs():
    parameters, x = some("topk")
    pre = _pre(parameters, x)
    y = output(parameters.weights.dense(), pre, "topk", k=K)
    for row, kept in zip(pre, y, strict=True):
        largest = [i for i in row.argsort(descending=True)[:K].tolist() if row[i] > 0]
        assert sorted(kept.nonzero().flatten().tolist()) == sorted(largest)
        torch.testing.assert_close(kept[largest], row[largest])


@pytest.mark.parametrize("activation", ["jumprelu", "gated"])
def test_initial_parameters_are_on_where_a_relu_is(activation):
    b = torch.full((3,), -0.3)
    weights = with_parameters(Dense(torch.ones(1, 3), torch.ones(3, 1), b), activation)
    Wx = torch.tensor([[0.2, 0.31, 1.0]])
    y = output(weights, Wx + weights.b, activation, k=0)
    torch.testing.assert_close(y, torch.tensor([[0.0, 0.31, 1.0]]))
