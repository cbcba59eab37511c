"""The gradient by hand against autograd, in float64, for everything that a step can be."""

import itertools

import pytest
import torch

from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.training import data
from rugtui.training.kernels.autograd import BY_AUTOGRAD, reference_gradient
from rugtui.training.kernels.gradient import Gradient
from rugtui.training.kernels.plan import DEVICE, FullMatrixPath, Plan, choose
from rugtui.training.state import Parameters

N_SPARSE, N_DENSE, BATCH = 24, 7, 33
SPARSE = Plan(sparse_encoder=True, most_on=1)
HALF = Plan(sparse_encoder=True, most_on=0)
TOO_MANY = Plan(sparse_encoder=True, most_on=0.1)
DENSE = Plan(sparse_encoder=False, most_on=0)
PLANS = [DEVICE, DENSE, HALF, TOO_MANY, SPARSE]
NAMES = ["device", "dense", "half", "too many", "sparse"]
PLAIN = {"tied": False, "bias": True, "activation": "relu", "importance": None}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(n_sparse=N_SPARSE, n_dense=N_DENSE, dtype=torch.float64):
    g = generator(1)

    def normal(*shape):
        return torch.randn(*shape, generator=g, dtype=dtype)

    return Dense(normal(n_dense, n_sparse) / 3, normal(n_sparse, n_dense) / 3, normal(n_sparse) / 3)


def check(start, x, dense, plan, *, tied, bias, activation, importance):
    parameters = Parameters(start, tied=tied, bias=bias)
    step = Gradient(parameters, plan, activation=activation, importance=importance)
    leaves = start.W_in, None if tied else start.W_out, start.b if bias else None
    weight = 1.0 if importance is None else importance
    want, *slopes = reference_gradient(dense, leaves, activation=activation, importance=weight)
    for _ in range(2):  # the buffers of the first step must not leak into the second
        got = step(x)
    torch.testing.assert_close(got, want)
    own = parameters.gradient
    found = [own.W_in, *[own.W_out] * (not tied), *[own.b] * bias]
    for part, slope in zip(found, slopes, strict=True):
        torch.testing.assert_close(part, slope)


@pytest.mark.parametrize("activation", BY_AUTOGRAD)
@pytest.mark.parametrize("plan", PLANS, ids=NAMES)
@pytest.mark.parametrize(("tied", "bias", "important"), itertools.product([False, True], repeat=3))
def test_gradient_is_autograds(activation, plan, tied, bias, important):
    importance = torch.arange(1, N_SPARSE + 1, dtype=torch.float64) ** -0.7 if important else None
    x = data.sample_sparse(N_SPARSE, 0.2, BATCH, generator=generator(), dtype=torch.float64)
    check(
        weights(),
        x,
        x.dense(),
        plan,
        tied=tied,
        bias=bias,
        activation=activation,
        importance=importance,
    )


@pytest.mark.parametrize("p", [1e-9, 0.01, 1.0])
@pytest.mark.parametrize("plan", PLANS, ids=NAMES)
@pytest.mark.parametrize("n_dense", [1, 5])
def test_gradient_at_the_ends_of_p(p, plan, n_dense):
    x = data.sample_sparse(N_SPARSE, p, BATCH, generator=generator(), dtype=torch.float64)
    check(weights(n_dense=n_dense), x, x.dense(), plan, **PLAIN)


def test_gradient_of_a_dense_batch():
    x = data.sample_sparse(N_SPARSE, 0.3, BATCH, generator=generator(), dtype=torch.float64).dense()
    check(weights(), x, x, DENSE, **PLAIN)


@pytest.mark.parametrize("n_dense", [5, 32, 37])  # in columns, in rows, and some of each
def test_gradient_however_its_buffers_lie(n_dense):
    start = weights(n_sparse=40, n_dense=n_dense, dtype=torch.float32)
    x = data.sample_filled(40, 0.5, BATCH, generator=generator())
    check(start, x, x, DENSE, **PLAIN)


SQUARE = {"n_sparse": 12, "n_dense": 9}


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize(("tied", "bias", "important"), itertools.product([False, True], repeat=3))
def test_gradient_through_square_matrices_is_autograds(activation, tied, bias, important):
    assert FullMatrixPath.of(**SQUARE, batch=100).forward
    importance = torch.arange(1, 13, dtype=torch.float64) ** -0.7 if important else None
    x = data.sample_filled(12, 0.5, 100, generator=generator(), dtype=torch.float64)
    check(
        weights(**SQUARE),
        x,
        x,
        DENSE,
        tied=tied,
        bias=bias,
        activation=activation,
        importance=importance,
    )


def test_gradient_through_a_square_matrix_backward_alone():
    squares = FullMatrixPath.of(12, 6, 100)
    assert squares.backward
    assert not squares.forward
    assert 4 < squares.products < 5
    x = data.sample_filled(12, 0.5, 100, generator=generator(), dtype=torch.float64)
    check(weights(n_sparse=12, n_dense=6), x, x, DENSE, **PLAIN)


def test_no_feature_and_no_output_on():
    start = weights()
    start.b.fill_(-9.0)
    x = data.sample_sparse(N_SPARSE, 1e-12, BATCH, generator=generator(), dtype=torch.float64)
    parameters = Parameters(start)
    step = Gradient(parameters, SPARSE)
    assert step(x) == 0
    assert not parameters.gradient.flat.any()
    assert not step.rows_on.any()


def test_a_step_that_is_cancelled_leaves_the_weights():
    class StopError(Exception):
        pass

    def check_cancelled():
        raise StopError

    parameters = Parameters(weights())
    before = parameters.weights.flat.clone()
    x = data.sample_sparse(N_SPARSE, 0.2, BATCH, generator=generator(), dtype=torch.float64)
    with pytest.raises(StopError):
        Gradient(parameters, SPARSE)(x, check_cancelled)
    assert torch.equal(before, parameters.weights.flat)


@pytest.mark.parametrize("plan", PLANS, ids=NAMES)
def test_bfloat16_products_cost_digits_and_nothing_else(plan):
    x = data.sample_sparse(N_SPARSE, 0.2, BATCH, generator=generator())
    full, half = (Parameters(weights(dtype=torch.float32)) for _ in range(2))
    losses = Gradient(full, plan)(x), Gradient(half, plan, half=True)(x)
    torch.testing.assert_close(*losses, rtol=0.01, atol=0)
    off = (half.gradient.flat - full.gradient.flat).norm() / full.gradient.flat.norm()
    assert 1e-5 < off < 0.02


@pytest.mark.parametrize(
    ("p", "kind", "said"),
    [
        (0.01, "cpu", "sparse"),
        (0.1, "cpu", "sparse"),
        (0.15, "cpu", "sparse enc"),
        (0.2, "cpu", "dense"),
        (0.01, "cuda", "dense"),
    ],
)
def test_the_plan_has_a_short_name(p, kind, said):
    assert str(choose(Settings(p=p), kind=kind)) == said
