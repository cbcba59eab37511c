"""Ranges of windows against the least and greatest cell of the matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.models import extremes as module
from rugtui.models.base import Window
from rugtui.models.composite import BlockDiagonal
from rugtui.models.extremes import cells, extremes
from rugtui.models.rug import Rug
from tests.models.test_ordering import some_dense
from tests.models.test_rug import rugs, seeded


def some_window(draw, n):
    top, left = draw(st.integers(0, n - 1)), draw(st.integers(0, n - 1))
    return Window(top, left, draw(st.integers(top + 1, n)), draw(st.integers(left + 1, n)))


@settings(max_examples=200, deadline=None)
@given(rug=rugs(6), data=st.data())
def test_the_range_of_any_window_of_a_rug_is_exact(rug, data):
    at = some_window(data.draw, rug.n_sparse)
    W = rug.rows(np.arange(rug.n_sparse))[at.top : at.bottom, at.left : at.right]
    found = extremes(rug, at)
    assert (found.low, found.high, found.sampled) == (W.min(), W.max(), False)


@settings(deadline=None)
@given(data=st.data())
def test_the_range_of_a_small_window_of_dense_weights_is_exact(data):
    weights = some_dense(30, 4)
    at = some_window(data.draw, 30)
    W = weights.W_out.double() @ weights.W_in.double()
    W = W.numpy()[at.top : at.bottom, at.left : at.right]
    found = extremes(weights, at)
    assert (found.low, found.high) == pytest.approx((W.min(), W.max()), rel=1e-12)
    assert not found.sampled


@settings(deadline=None)
@given(rug=rugs(4), copies=st.integers(1, 4), data=st.data())
def test_the_range_of_any_window_of_blocks_is_exact(rug, copies, data):
    blocks = BlockDiagonal(rug, copies)
    at = some_window(data.draw, blocks.n_sparse)
    W = blocks.rows(np.arange(blocks.n_sparse))
    inside = W[at.top : at.bottom, at.left : at.right]
    found = extremes(blocks, at)
    assert (found.low, found.high, found.sampled) == (inside.min(), inside.max(), False)
    every = np.arange(blocks.n_sparse)
    np.testing.assert_array_equal(cells(blocks, every, every[::2]), W[:, ::2])


def test_a_large_window_is_sampled_says_so_and_keeps_the_diagonal(monkeypatch):
    weights = some_dense(64, 4)
    monkeypatch.setattr(module, "CELLS", 100)
    W = weights.rows(np.arange(64))
    found = extremes(weights, Window(3, 0, 64, 64))
    assert found.sampled
    assert W.min() - 1e-6 <= found.low <= found.high <= W.max() + 1e-6
    assert found.high >= weights.diagonal()[3:].max()
    assert found.low <= weights.diagonal()[3:].min()


def test_a_block_of_a_million_features_is_exact():
    rug = Rug.build(2**20, 2**18, 1.1, 0, generator=seeded())
    at = Window(2**14, 2**15, 2**15, 2**15 + 2**14)
    t = (at.top ^ at.left) >> 14
    block = rug.counts[t << 14 : (t + 1) << 14]
    found = extremes(rug, at)
    assert (found.low, found.high) == (rug.scale * block.min(), rug.scale * block.max())


@pytest.mark.parametrize(
    "weights", [some_dense(20, 5), Rug.build(32, 8, 1.2, 0, generator=seeded())]
)
def test_cells_are_those_of_the_rows(weights):
    rows, columns = np.array([3, 1, 17]), np.array([0, 3])
    np.testing.assert_allclose(
        cells(weights, rows, columns), weights.rows(rows)[:, columns], rtol=1e-5
    )
