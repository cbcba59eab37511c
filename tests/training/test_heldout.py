"""The held-out loss: what it is, and what it holds on to."""

import weakref

import pytest
import torch

from rugtui.models.dense import Dense
from rugtui.training.heldout import measure, sample_losses


def some_weights(n_sparse=8, n_dense=3):
    generator = torch.Generator().manual_seed(0)
    W_in = torch.randn(n_dense, n_sparse, generator=generator)
    W_out = torch.randn(n_sparse, n_dense, generator=generator)
    return Dense(W_in, W_out, torch.zeros(n_sparse))


def batches(count, seen):
    """One after the other, each of which must be let go before the next is drawn."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        assert not any(one() is not None for one in seen), "two batches are held at once"
        x = torch.rand(16, 8, generator=generator)
        seen.append(weakref.ref(x))
        yield x
        del x


def test_one_batch_is_held_at_a_time():
    seen = []
    measure(some_weights(), batches(4, seen))
    assert len(seen) == 4


def test_it_is_the_mean_over_all_samples_with_its_error():
    every = torch.cat(list(map(torch.clone, batches(3, []))))
    each = sample_losses(some_weights(), every).double()
    found = measure(some_weights(), batches(3, []))
    assert found.mean == pytest.approx(float(each.mean()), rel=1e-6)
    assert found.standard_error == pytest.approx(float(each.std()) / 48**0.5, rel=1e-6)
