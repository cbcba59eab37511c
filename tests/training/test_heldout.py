"""The held-out loss: what it is, and what it holds on to."""

import weakref

import pytest
import torch

from rugtui.models.dense import Dense
from rugtui.training.data import chunks
from rugtui.training.heldout import measure, measure_rare, sample_losses


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


def test_the_heldout_loss_is_the_mean_over_all_samples_with_its_error():
    every = torch.cat(list(map(torch.clone, batches(3, []))))
    each = sample_losses(some_weights(), every).double()
    found = measure(some_weights(), batches(3, []))
    assert found.mean == pytest.approx(float(each.mean()), rel=1e-6)
    assert found.standard_error == pytest.approx(float(each.std()) / 48**0.5, rel=1e-6)


@pytest.mark.parametrize("p", [0.1, 0.005])
def test_mostly_empty_samples_give_the_same_loss(p):
    """Held against plain sampling of more samples."""
    weights = some_weights()
    weights = Dense(weights.W_in, weights.W_out, torch.linspace(-0.3, 0.1, 8))
    generator = torch.Generator().manual_seed(2)
    plain = measure(weights, chunks(8, p, 400_000, generator=generator, cells=1 << 20))
    rare = measure_rare(weights, p, samples=20_000, batch=4096, generator=generator)
    error = (plain.standard_error**2 + rare.standard_error**2) ** 0.5
    assert abs(rare.mean - plain.mean) < 4 * error
    assert rare.standard_error < 8 * plain.standard_error
