from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import WeightsError
from rugtui.models import base as model_sizes
from rugtui.models.base import Window, block_edges
from rugtui.models.composite import BlockDiagonal
from rugtui.models.constructions import build, dense, engineered
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug
from rugtui.settings.settings import Construction
from rugtui.theory import gaussian, moments
from rugtui.theory.optimum import optimum
from rugtui.training.data import sample_sparse

FRAMES = get_args(Construction)
FLAT = [frame for frame in FRAMES if frame != "orthonormal"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def matrix(weights):
    return weights.rows(np.arange(weights.n_sparse))


@pytest.mark.parametrize("frame", FRAMES)
def test_w_is_a_scaled_projection_with_the_diagonal_asked_for(frame):
    weights = build(frame, 256, 64, 0.1, 1.3, -0.2, generator=seeded())
    W = matrix(weights)
    assert (weights.n_sparse, weights.n_dense) == (256, 64)
    assert np.linalg.matrix_rank(W, tol=1e-3) == 64
    np.testing.assert_allclose(W, W.T, atol=1e-6)
    np.testing.assert_allclose(W @ W, 1.3 * 4 * W, atol=2e-5)
    assert W.diagonal().mean() == pytest.approx(1.3, rel=1e-6)


@pytest.mark.parametrize("frame", FLAT)
def test_all_features_are_alike(frame):
    weights = build(frame, 256, 64, 0.1, 1.3, -0.2, generator=seeded())
    np.testing.assert_allclose(weights.diagonal(), 1.3, rtol=1e-6)
    np.testing.assert_allclose(weights.row_squares(), 1.3**2 * 4, rtol=1e-5)
    assert np.ptp(weights.biases()) < 1e-6


@pytest.mark.parametrize("frame", FRAMES)
def test_the_bias_counts_the_mean_of_the_interference(frame):
    p = 0.1
    weights = engineered(frame, 256, 64, p, generator=seeded())
    mean = p / 2 * (weights.row_sums() - weights.diagonal())
    np.testing.assert_allclose(weights.biases() + mean, optimum(0.25, p).b, atol=2e-6)


@pytest.mark.parametrize("frame", FRAMES)
def test_the_gaussian_loss_is_that_of_the_optimum(frame):
    p = 0.05
    weights = engineered(frame, 1024, 256, p, generator=seeded())
    a, every = weights.diagonal(), weights.row_sums()
    sigma = np.sqrt(moments.variance(p) * (weights.row_squares() - a**2))
    found = gaussian.loss(a, weights.biases() + p / 2 * (every - a), sigma, p).mean()
    # a_i of random rows has a relative spread of √(2(1 − r)/n_dense): second order in the loss
    assert found == pytest.approx(optimum(0.25, p).loss, rel=1e-5 if frame in FLAT else 0.02)


def sampled_loss(weights, p, samples=512):
    x = sample_sparse(weights.n_sparse, p, samples, generator=seeded(1)).dense()
    each = (x - weights.forward(x)).square().mean(1)
    return each.mean().item(), each.std().item() / samples**0.5


@pytest.mark.parametrize("frame", ["hadamard", "orthonormal", "dct", "block"])
def test_the_true_loss_is_the_gaussian_one_for_many_small_interferers(frame):
    p = 0.1
    weights = engineered(frame, 2048, 512, p, generator=seeded())
    loss, error = sampled_loss(weights, p)
    assert loss == pytest.approx(optimum(0.25, p).loss, rel=0.02, abs=4 * error)


@pytest.mark.parametrize("frame", ["natural", "sequency"])
def test_the_true_loss_of_ordered_rows_is_far_from_it(frame):
    p = 0.1
    weights = engineered(frame, 2048, 512, p, generator=seeded())
    W = np.abs(np.delete(weights.rows(np.array([0]))[0], 0)) / weights.diagonal()[0]
    assert (W > 0.99).sum() == 3
    assert (W < 0.01).sum() == len(W) - 3
    loss, error = sampled_loss(weights, p)
    assert loss - 10 * error > 1.5 * optimum(0.25, p).loss


@pytest.mark.parametrize("frame", FRAMES)
def test_dense_is_the_same_model(frame):
    weights = engineered(frame, 64, 16, 0.1, generator=seeded())
    same = dense(weights)
    assert isinstance(same, Dense)
    np.testing.assert_allclose(matrix(same), matrix(weights), atol=1e-6)
    x = torch.rand(5, 64)
    torch.testing.assert_close(same.forward(x), weights.forward(x), rtol=0, atol=1e-5)


@st.composite
def sizes(draw, most=40):
    n_sparse = draw(st.integers(2, most))
    return n_sparse, draw(st.integers(1, n_sparse - 1))


@settings(max_examples=50)
@given(size=sizes(), seed=st.integers(0, 9))
def test_cosine_rows_of_any_size_are_flat(size, seed):
    n_sparse, n_dense = size
    weights = build("dct", n_sparse, n_dense, 0.1, 1.0, 0.0, generator=seeded(seed))
    W = matrix(weights)
    np.testing.assert_allclose(W @ W, n_sparse / n_dense * W, atol=1e-4)
    np.testing.assert_allclose(W.sum(1), 0, atol=1e-4)
    if n_dense % 2 == 0 or n_sparse % 2 == 0:
        np.testing.assert_allclose(W.diagonal(), 1, rtol=1e-5)


@settings(max_examples=50)
@given(data=st.data())
def test_a_block_diagonal_agrees_with_its_dense_matrix(data):
    inner = data.draw(st.sampled_from(["hadamard", "dct"]))
    block = build(inner, 8, 3, 0.1, 1.1, -0.1, generator=seeded())
    assert isinstance(block, Rug | Dense)
    weights = BlockDiagonal(block, data.draw(st.integers(1, 5)))
    n = weights.n_sparse
    W = np.kron(np.eye(weights.copies), matrix(block))
    np.testing.assert_array_equal(matrix(weights), W)
    np.testing.assert_allclose(weights.row_sums(), W.sum(1), atol=1e-6)
    np.testing.assert_allclose(weights.row_squares(), (W**2).sum(1), rtol=1e-6)
    top, left = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    bottom, right = data.draw(st.integers(top + 1, n)), data.draw(st.integers(left + 1, n))
    height = data.draw(st.integers(1, bottom - top))
    width = data.draw(st.integers(1, right - left))
    down, across = block_edges(top, bottom, height), block_edges(left, right, width)
    sums = np.add.reduceat(np.add.reduceat(W[:bottom, :right], down[:-1], 0), across[:-1], 1)
    np.testing.assert_allclose(
        weights.pooled(Window(top, left, bottom, right), height, width),
        sums / np.outer(np.diff(down), np.diff(across)),
        atol=1e-6,
    )


def test_blocks_are_rugs_where_they_can_be():
    for n_sparse, n_dense, kind, copies in [
        (512, 128, Rug, 2),
        (96, 24, Dense, 2),
        (24, 9, Rug, 3),
    ]:
        weights = engineered("block", n_sparse, n_dense, 0.1, generator=seeded())
        assert isinstance(weights, BlockDiagonal)
        assert (type(weights.block), weights.copies) == (kind, copies)


@pytest.mark.parametrize(
    ("frame", "n_sparse", "n_dense", "told"),
    [
        ("hadamard", 48, 12, "the constructions dct and orthonormal"),
        ("dct", 48, 48, "from 1 to 47"),
        ("orthonormal", 48, 0, "from 1 to 47"),
        ("block", 48, 13, "common divisor"),
        ("block", 48, 48, "from 1 to 47"),
    ],
)
def test_sizes_that_a_construction_does_not_have_are_refused(frame, n_sparse, n_dense, told):
    with pytest.raises(WeightsError, match=told):
        build(frame, n_sparse, n_dense, 0.1, 1.0, 0.0, generator=seeded())


def test_memory_is_checked_before_it_is_allocated(monkeypatch):
    rug = build("hadamard", 1024, 256, 0.1, 1.0, 0.0, generator=seeded())
    monkeypatch.setattr(model_sizes, "available_memory", lambda: 2**20)
    with pytest.raises(WeightsError, match="GiB"):
        build("orthonormal", 1024, 256, 0.1, 1.0, 0.0, generator=seeded())
    with pytest.raises(WeightsError, match="GiB"):
        dense(rug)


@pytest.mark.parametrize("frame", FRAMES)
def test_the_generator_decides(frame):
    def built(seed):
        return matrix(build(frame, 64, 16, 0.1, 1.0, 0.0, generator=seeded(seed)))

    np.testing.assert_array_equal(built(1), built(1))
    if frame not in ("natural", "sequency"):
        assert not np.allclose(built(1), built(2))
