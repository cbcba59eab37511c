"""Sparse samples against the law they are drawn from."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.training import data


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def z_scores(observed, mean, variance):
    return (observed.double() - mean) / math.sqrt(variance)


def cells(*sizes, generator):
    return data.sample_sparse(*sizes, generator=generator).dense()


def filled(*sizes, generator):
    return data.sample_filled(*sizes, generator=generator)


both_ways = pytest.mark.parametrize("sample", [cells, filled])


@both_ways
@pytest.mark.parametrize("p", [0.003, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("n_sparse", [64, 100])
def test_counts_are_binomial(sample, p, n_sparse):
    batch = 20_000
    on = sample(n_sparse, p, batch, generator=generator(1)) > 0
    # every column and the total: z-scores of binomial counts
    z = z_scores(on.sum(0), batch * p, batch * p * (1 - p))
    assert abs(z).max() < 4.5
    assert 0.6 < z.var() < 1.5
    cells = batch * n_sparse
    assert abs(z_scores(on.sum(), cells * p, cells * p * (1 - p))) < 4
    # rows: the whole distribution, by its chi-square against the binomial law
    counts = torch.bincount(on.sum(1), minlength=n_sparse + 1).double()
    k = torch.arange(n_sparse + 1).double()
    n = torch.tensor(float(n_sparse), dtype=torch.float64)
    log = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    expected = batch * torch.exp(log + k * math.log(p) + (n - k) * math.log1p(-p))
    common = expected > 8
    chi = ((counts - expected) ** 2 / expected)[common].sum()
    freedom = int(common.sum()) - 1
    assert abs(chi - freedom) < 5 * math.sqrt(2 * freedom)


@both_ways
def test_neighbours_are_independent(sample):
    p, n_sparse = 0.2, 50
    on = sample(n_sparse, p, 40_000, generator=generator()).view(-1) > 0
    both = (on[:-1] & on[1:]).sum()
    pairs = len(on) - 1
    assert abs(z_scores(both, pairs * p * p, pairs * p * p)) < 4


def test_values_are_uniform():
    values = data.sample_sparse(100, 0.3, 10_000, generator=generator()).values.double()
    assert values.min() >= 0
    assert values.max() < 1
    n = len(values)
    assert abs(z_scores(values.mean(), 1 / 2, 1 / 12 / n)) < 4
    assert abs(z_scores((values**2).mean(), 1 / 3, 4 / 45 / n)) < 4


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 1.0])
def test_values_from_one_random_number_for_each_cell_are_uniform(p):
    x = data.sample_filled(100, p, 20_000, generator=generator())
    values = x[x > 0].double()
    n = len(values)
    assert 0.999 < values.max() <= 1
    # Kolmogorov and Smirnov's distance, and that low values say nothing about neighbours
    ranks = torch.arange(1, n + 1) / n
    assert abs(values.sort().values - ranks).max() < 2 / math.sqrt(n)
    pairs = (values[:-1] - 1 / 2) * (values[1:] - 1 / 2)
    assert abs(z_scores(pairs.mean(), 0, 1 / 144 / n)) < 4


def test_batches_of_a_generator_differ_and_odd_sizes_are_complete():
    g = generator(3)
    one, two = (data.sample_filled(7, 0.5, 9, generator=g) for _ in range(2))
    assert one.shape == (9, 7)
    assert not torch.equal(one, two)
    again = generator(3)
    assert torch.equal(one, data.sample_filled(7, 0.5, 9, generator=again))
    assert torch.equal(two, data.sample_filled(7, 0.5, 9, generator=again))


def test_the_stream_of_a_batch_is_the_published_one():
    start, step = (int(word) for word in data._seeds(generator(5)))
    assert step % 2 == 1
    values = data.sample_sparse(10, 0.5, 10, generator=generator(5)).values

    def word(counter):  # SplitMix64 of Java and of many C libraries
        x = counter % 2**64
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    words = [word(start + k * step) for k in range(len(values))]
    assert values.tolist() == [word % 2**24 / 2**24 for word in words]


def test_every_cell_at_p_one():
    x = data.sample_sparse(9, 1.0, 4, generator=generator())
    assert (x.dense() > 0).all()


def test_smallest_p():
    g = generator()
    for p in (1e-12, 1e-300, 5e-324):
        x = data.sample_sparse(512, p, 1024, generator=g)
        assert len(x.values) == 0
        assert not x.dense().any()
        assert x.shape == (1024, 512)
    # at p = 1e-6 short gaps must not come too often: the number on is Poisson
    cells = 1 << 40
    x = data.sample_sparse(1 << 30, 1e-6, 1 << 10, generator=g)
    rows = torch.repeat_interleave(torch.arange(1 << 10), x.starts.diff().long())
    places = rows * (1 << 30) + x.columns
    assert abs(z_scores(torch.tensor(len(places)), cells * 1e-6, cells * 1e-6)) < 4
    gaps = places.diff()
    assert abs(z_scores((gaps <= 100_000).sum(), len(gaps) * 0.0951626, len(gaps) * 0.0861)) < 4
    assert gaps.min() >= 1
    assert places[-1] < cells


@settings(max_examples=60, deadline=None)
@given(
    n_sparse=st.integers(1, 300),
    batch=st.integers(1, 50),
    p=st.floats(1e-4, 1.0),
    k=st.integers(1, 5),
    seed=st.integers(0, 2**40),
)
def test_cells_are_ordered_and_multiply(n_sparse, batch, p, k, seed):
    g = generator(seed)
    x = data.sample_sparse(n_sparse, p, batch, generator=g, dtype=torch.float64)
    rows = torch.repeat_interleave(torch.arange(batch), x.starts.diff().long())
    assert ((rows * n_sparse + x.columns).diff() > 0).all()
    dense = x.dense()
    right = torch.randn(n_sparse, k, generator=g, dtype=torch.float64)
    left = torch.randn(batch, k, generator=g, dtype=torch.float64)
    torch.testing.assert_close(x @ right, dense @ right)
    torch.testing.assert_close(x.T @ left, dense.T @ left)


def test_columns_beyond_sixteen_bits():
    x = data.sample_sparse(70_001, 1e-3, 50, generator=generator(), dtype=torch.float64)
    left = torch.randn(50, 2, generator=generator(1), dtype=torch.float64)
    torch.testing.assert_close(x.T @ left, x.dense().T @ left)


def test_same_generator_same_samples():
    one, two = (data.sample_sparse(64, 0.1, 32, generator=generator(5)) for _ in range(2))
    assert torch.equal(one.columns, two.columns)
    assert torch.equal(one.values, two.values)


def test_dense_samples_have_the_same_law():
    x = data.sample_dense(50, 0.3, 20_000, generator=generator())
    on = x > 0
    assert abs(z_scores(on.sum(0), 6000, 4200)).max() < 4.5
    assert abs(z_scores(x[on].double().mean(), 1 / 2, 1 / 12 / int(on.sum()))) < 4
    assert (data.sample_dense(50, 1.0, 10, generator=generator()) > 0).all()


@pytest.mark.parametrize("where", ["cells", "dense"])
def test_exactly_one_feature_on(where):
    if where == "cells":
        x = data.sample_one(16, 4000, generator=generator()).dense()
    else:
        x = data.sample_one_dense(16, 4000, generator=generator())
    assert x.shape == (4000, 16)
    assert ((x > 0).sum(1) == 1).all()
    assert abs(z_scores((x > 0).sum(0), 250, 250 * 15 / 16)).max() < 4.5


def test_chunks_hold_all_samples():
    pieces = list(data.chunks(100, 0.1, 55, generator=generator(), cells=1000))
    assert [piece.shape[0] for piece in pieces] == [10] * 5 + [5]
    assert [piece.shape[0] for piece in data.chunks(100, 0.1, 2, generator=generator(), cells=1)]
