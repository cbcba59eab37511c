"""Orders against the matrix itself with rows and columns permuted."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import WeightsError
from rugtui.models import ordering as order_module
from rugtui.models.base import Window
from rugtui.models.composite import BlockDiagonal
from rugtui.models.constructions import construct
from rugtui.models.dense import Dense
from rugtui.models.ordering import beside_partners, clusters, in_pairs, in_sequency, permuted
from rugtui.models.orthogonal_rows import sequency_order
from rugtui.models.rug import Rug
from tests.models.test_rug import rugs, seeded


def some_dense(n_sparse, n_dense, seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    return Dense(
        torch.randn(n_dense, n_sparse, dtype=dtype),
        torch.randn(n_sparse, n_dense, dtype=dtype),
        torch.randn(n_sparse, dtype=dtype),
    )


def matrix(weights):
    return weights.rows(np.arange(weights.n_sparse))


@settings(deadline=None)
@given(rug=rugs())
def test_a_rug_in_sequency_is_its_matrix_permuted_and_still_a_rug(rug):
    ordered, order = in_sequency(rug)
    np.testing.assert_array_equal(matrix(ordered), matrix(rug)[np.ix_(order, order)])
    # The same counts, made from its own rows of H by the transform
    again = Rug.of_rows(ordered.chosen, rug.n_sparse, rug.a, rug.b)
    np.testing.assert_array_equal(ordered.counts, again.counts)
    x = torch.rand(3, rug.n_sparse, dtype=torch.float64)
    torch.testing.assert_close(ordered.forward(x[:, order]), rug.forward(x)[:, order])


@settings(deadline=None)
@given(rug=rugs(5), bits=st.integers(1, 3))
def test_blocks_of_rugs_are_one_rug(rug, bits):
    blocks = BlockDiagonal(rug, 1 << bits)
    ordered, order = in_sequency(blocks)
    assert isinstance(ordered, Rug)
    expected = matrix(blocks)[np.ix_(order, order)]
    np.testing.assert_allclose(matrix(ordered), expected, atol=1e-12)


def test_the_sequency_order_is_linear():
    order = sequency_order(64)
    i, j = np.arange(64)[:, None], np.arange(64)
    np.testing.assert_array_equal(order[i ^ j], order[i] ^ order[j])


@settings(deadline=None)
@given(n_sparse=st.integers(2, 40), seed=st.integers(0, 9))
def test_dense_weights_permute_as_their_matrix_does(n_sparse, seed):
    weights = some_dense(n_sparse, 3, seed)
    order = np.random.default_rng(seed).permutation(n_sparse)
    moved = permuted(weights, order)
    np.testing.assert_allclose(matrix(moved), matrix(weights)[np.ix_(order, order)], rtol=1e-6)
    np.testing.assert_array_equal(moved.biases(), weights.biases()[order])
    window = Window(0, 1, n_sparse, n_sparse)
    np.testing.assert_allclose(
        moved.pooled(window, 1, 1),
        matrix(weights)[np.ix_(order, order[1:])].mean(keepdims=True),
        atol=1e-5,
    )


def test_sequency_needs_a_power_of_two():
    with pytest.raises(WeightsError, match="power of two"):
        in_sequency(some_dense(12, 3))


def test_blocks_that_were_shuffled_are_found_again():
    """Features that interfere within their block alone end up side by side."""
    blocks, size = 4, 12
    n = blocks * size
    block = np.kron(np.eye(blocks), np.full((size, size), -0.3))
    W = block + 0.02 * np.random.default_rng(1).normal(size=(n, n)) + 1.5 * np.eye(n)
    shuffle = np.random.default_rng(2).permutation(n)
    mixed = torch.tensor(W[np.ix_(shuffle, shuffle)])
    weights = Dense(torch.eye(n, dtype=torch.float64), mixed, torch.zeros(n))
    order = clusters(weights)
    assert sorted(order) == list(range(n))
    homes = shuffle[order] // size
    assert np.count_nonzero(np.diff(homes)) == blocks - 1


@settings(deadline=None)
@given(n_sparse=st.integers(2, 40), n_dense=st.integers(1, 5), seed=st.integers(0, 5))
def test_a_clustered_order_is_always_an_order(n_sparse, n_dense, seed):
    assert sorted(clusters(some_dense(n_sparse, n_dense, seed))) == list(range(n_sparse))


def test_the_strongest_pair_is_side_by_side():
    weights = some_dense(50, 7)
    W = matrix(weights)
    strength = np.triu(W**2 + W.T**2, 1)
    i, j = np.unravel_index(strength.argmax(), W.shape)
    place = np.argsort(clusters(weights))
    assert abs(place[i] - place[j]) == 1


def test_too_many_features_are_not_clustered(monkeypatch):
    monkeypatch.setattr(order_module, "PRODUCTS_CPU", 10)
    with pytest.raises(WeightsError, match="too many"):
        clusters(some_dense(50, 7))


def test_a_rug_has_no_clusters():
    rug = Rug.build(16, 4, 1, 0, generator=seeded())
    with pytest.raises(WeightsError, match="clusters as they are"):
        clusters(BlockDiagonal(rug, 2))
    with pytest.raises(WeightsError, match="no clusters"):
        clusters(rug)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_orders_on_a_gpu_are_those_on_the_cpu():
    weights = some_dense(64, 16)
    there = Dense(weights.W_in.cuda(), weights.W_out.cuda(), weights.b.cuda())
    assert clusters(there).tolist() == clusters(weights).tolist()
    np.testing.assert_allclose(
        matrix(in_sequency(there)[0]), matrix(in_sequency(weights)[0]), atol=1e-4
    )
    rug = Rug.build(16, 4, 1, 0, generator=seeded(), device="cuda")
    ordered, order = in_sequency(BlockDiagonal(rug, 2))
    blocks = matrix(BlockDiagonal(rug, 2))
    np.testing.assert_allclose(matrix(ordered), blocks[np.ix_(order, order)], atol=1e-12)


@pytest.mark.parametrize("n_dense", [16, 40])
def test_partners_of_a_rug_of_pairs_side_by_side(n_dense):
    rug = construct("pairs", 64, n_dense, 0.05, generator=torch.Generator().manual_seed(0)).weights
    assert isinstance(rug, Rug)
    ordered, order = beside_partners(rug)
    np.testing.assert_allclose(matrix(ordered), matrix(rug)[np.ix_(order, order)], atol=1e-12)
    W = matrix(ordered)
    np.testing.assert_array_equal(W.argmin(1), np.arange(64) ^ 1)


def test_mutual_partners_are_side_by_side_whatever_else_is_strong():
    """Ten features in five hidden dimensions, two a dimension with opposite signs, shuffled; and
    two that interfere more strongly, but positively."""
    rng = np.random.default_rng(0)
    W_in = torch.zeros(6, 12)
    shuffled = rng.permutation(10)
    for k in range(5):
        W_in[k, shuffled[2 * k]], W_in[k, shuffled[2 * k + 1]] = 1.0, -0.9 - 0.01 * k
    W_in[5, 10:] = 2.0
    order = in_pairs(Dense(W_in, W_in.T.clone(), torch.zeros(12)))
    assert sorted(order.tolist()) == list(range(12))
    found = {frozenset(order[2 * k : 2 * k + 2].tolist()) for k in range(5)}
    assert found == {frozenset(shuffled[2 * k : 2 * k + 2].tolist()) for k in range(5)}
    assert order[10:].tolist() == [10, 11]
