"""The compiled passes against NumPy and SciPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from rugtui.training.kernels import passes
from rugtui.training.kernels.sparse_rows import SparseRows


def sparse(dense):
    kept = csr_array(dense)
    kept.sort_indices()
    arrays = kept.indptr.astype(np.int32), kept.indices.astype(np.int32), kept.data
    return SparseRows(dense.shape, *map(torch.from_numpy, arrays))


def random(shape, share, seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return (rng.random(shape) * (rng.random(shape) < share)).astype(dtype)


shapes = st.tuples(st.integers(1, 20), st.integers(1, 200))


@settings(deadline=None)
@given(shape=shapes, share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_a_transpose_is_scipys(shape, share, seed):
    x = random(shape, share, seed)
    turned = sparse(x).T
    want = csr_array(x.T)
    want.sort_indices()
    for one, other in zip(turned.arrays, (want.indptr, want.indices, want.data), strict=True):
        assert np.array_equal(one, other)


@settings(deadline=None)
@given(
    shape=shapes,
    on=st.floats(0, 1),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_gradient_at_the_outputs_is_in_order_at_every_share(shape, on, share, seed, dtype):
    x, y = random(shape, share, seed, dtype), random(shape, on, seed + 1, dtype)
    weight = random(shape[1], 1, seed + 2, dtype)
    want = np.where(y > 0, weight * (y - x), 0)
    want_loss = float((weight * (y - x) ** 2).sum())
    by_column, room = np.full(shape[1], np.nan, dtype), y.size
    starts, columns = np.empty(shape[0] + 1, np.int32), np.empty(room, np.int32)
    values, residual = np.empty(room, dtype), y.copy()
    found = passes.sparse_gradient(
        residual, sparse(x).arrays, weight, 3.0, room, (starts, columns, values), by_column
    )
    assert found[0] == len(y)
    assert sum(found[1:]) == pytest.approx(want_loss, rel=1e-4)
    count = starts[-1]
    kept = csr_array((values[:count], columns[:count], starts), shape)
    assert kept.has_canonical_format
    np.testing.assert_allclose(kept.toarray(), 3 * want, rtol=1e-5)
    np.testing.assert_allclose(by_column, 3 * want.sum(0), rtol=1e-4, atol=1e-5)


def test_rows_that_were_done_before_too_many_cells_are_on_are_not_subtracted_twice():
    x, y = random((9, 70), 0.3, 0), random((9, 70), 0.9, 1)
    weight, by_column = np.ones(70, np.float32), np.empty(70, np.float32)
    room = 200 + 70
    g = np.empty(10, np.int32), np.empty(room, np.int32), np.empty(room, np.float32)
    residual, targets = y.copy(), sparse(x).arrays
    done, _, missed = passes.sparse_gradient(residual, targets, weight, 1.0, 200, g, by_column)
    assert 0 < done < 9
    loss = missed + passes.dense_gradient(residual, targets, done, weight, by_column)
    want = np.where(y > 0, y - x, 0)
    assert loss == pytest.approx(float(((y - x) ** 2).sum()), rel=1e-5)
    np.testing.assert_allclose(residual, want, rtol=1e-5)
    np.testing.assert_allclose(by_column, want.sum(0), rtol=1e-4)


@pytest.mark.parametrize("place", [0, 7, 8, 63, 64, 127, 129])
def test_a_single_output_is_found_wherever_it_is_in_its_word(place):
    y, x = np.zeros((1, 130), np.float32), sparse(np.zeros((1, 130), np.float32))
    y[0, place] = 2
    g = np.empty(2, np.int32), np.empty(131, np.int32), np.empty(131, np.float32)
    ones = np.ones(130, np.float32)
    passes.sparse_gradient(y, x.arrays, ones, 1.0, 1, g, np.empty(130, np.float32))
    assert g[0].tolist() == [0, 1]
    assert g[1][0] == place


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(bad):
    y, x = random((4, 70), 0.2, 3), sparse(random((4, 70), 0.2, 4))
    y[2, 5] = bad
    room, ones = y.size, np.ones(70, np.float32)
    g = np.empty(5, np.int32), np.empty(room, np.int32), np.empty(room, np.float32)
    by_column = np.empty(70, np.float32)
    found = passes.sparse_gradient(y.copy(), x.arrays, ones, 1.0, room, g, by_column)
    assert not np.isfinite(sum(found))
    assert not np.isfinite(by_column[5])
    assert not np.isfinite(passes.dense_gradient(y, x.arrays, 0, ones, by_column))


def test_logarithms_are_numpys():
    u = np.concatenate([2.0 ** -np.arange(41.0), np.random.default_rng(0).random(10_000) + 1e-12])
    out = np.empty_like(u)
    passes._logarithms(u, out)
    np.testing.assert_allclose(out, np.log(u), rtol=1e-12, atol=1e-15)
