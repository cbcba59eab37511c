"""Features in an order of priority: against sampling, their own W, and the hull of section 12."""

import numpy as np
import pytest
import torch

from rugtui.analysis.statistics import statistics
from rugtui.models.constructions import construct, dense
from rugtui.models.mixtures import mean_exact_loss
from rugtui.settings.settings import Settings
from rugtui.theory.exact import exact_loss
from rugtui.theory.hull import hull, lowest
from rugtui.theory.pairs import lopsided
from rugtui.theory.structures import priority_loss, silencers
from rugtui.training.data import sample_sparse
from rugtui.training.trainer import Trainer, results


def made(name, n_sparse, n_dense, p, **options):
    generator = torch.Generator().manual_seed(0)
    return construct(name, n_sparse, n_dense, p, generator=generator, **options)


@pytest.mark.parametrize("k", range(5, 13))
def test_a_plane_silences_as_many_as_counted(k):
    """What stands before the diagonal of W is far below 0, or 0 but for rounding."""
    W = made(f"priority:{k}", k, 2, 0.05).weights.rows(np.arange(k))
    np.testing.assert_allclose(W.diagonal(), 1, rtol=1e-6)
    before = np.tril(W, -1)
    np.testing.assert_array_equal((before < -1).sum(1), silencers(k))
    assert np.abs(before[before >= -1]).max() < 1e-4
    assert np.abs(np.triu(W, 1)).max() < 0.6  # what stands behind is small


@pytest.mark.parametrize("p", [0.3, 0.05])
@pytest.mark.parametrize("k", [5, 6, 8])
def test_the_loss_of_an_order_of_priority_against_sampling(k, p):
    weights = made("priority", 4 * k, 8, p, tune="exact").weights
    x = sample_sparse(4 * k, p, 100_000, generator=torch.Generator().manual_seed(1)).dense()
    error = ((dense(weights).forward(x) - x) ** 2).mean(1)
    standard_error = float(error.std()) / len(x) ** 0.5
    assert float(error.mean()) == pytest.approx(priority_loss(k, p), abs=4 * standard_error)
    assert mean_exact_loss(weights, p) == pytest.approx(priority_loss(k, p), rel=0.003)


@pytest.mark.parametrize("p", [0.2, 0.05, 0.01])
def test_below_half_the_features_it_is_far_below_where_training_ends(p):
    ratios = np.array([0.1, 0.2, 0.25, 1 / 3, 0.4])
    assert (lowest(p).loss(ratios) < 0.85 * hull(p).loss(ratios)).sum() >= 4 - (p == 0.2)
    above = np.array([0.5, 0.6, 0.75, 0.9])
    np.testing.assert_allclose(lowest(p).loss(above), hull(p).loss(above), rtol=1e-9)
    many = np.linspace(0.02, 0.98, 97)
    assert (lowest(p).loss(many) <= hull(p).loss(many) * (1 + 1e-9)).all()


@pytest.mark.parametrize("tune", ["theory", "exact"])
def test_weights_of_all_sizes_in_a_row_have_the_exact_loss_of_kinds_of_rows(tune):
    """A weight of −10⁸ does not make one of −10 a rounding error of 0."""
    weights = made("priority", 12, 2, 0.05, tune=tune).weights
    of_rows = exact_loss(weights.rows(np.arange(12)), np.arange(12), weights.biases(), 0.05)
    assert of_rows.mean() == pytest.approx(mean_exact_loss(weights, 0.05), rel=1e-4)
    found = statistics(dense(weights), 0.05, generator=np.random.default_rng(0))
    assert found.exact == pytest.approx(of_rows.mean(), rel=1e-4)


def test_two_pairs_are_the_first_of_the_family():
    p = 0.05
    assert priority_loss(4, p) == pytest.approx(p**2 / 6)
    assert lopsided(p).loss < priority_loss(4, p)  # pairs are best at a finite s


@pytest.mark.parametrize(("n_sparse", "n_dense"), [(64, 16), (101, 27), (40, 3), (30, 1), (20, 12)])
def test_any_sizes_are_shared_out_among_planes(n_sparse, n_dense):
    weights, parts = made("priority", n_sparse, n_dense, 0.05)
    assert weights.n_sparse == n_sparse == sum(part.n_sparse for part in parts)
    assert weights.n_dense == n_dense == sum(part.n_dense for part in parts)


def test_the_best_construction_has_the_lowest_loss_there_is():
    best = made("best", 64, 16, 0.05, tune="exact")
    assert {part.structure.kind for part in best.parts} == {"priority"}
    assert mean_exact_loss(best.weights, 0.05) == pytest.approx(lowest(0.05).loss(0.25), rel=0.01)


def test_training_keeps_an_order_of_priority():
    settings = Settings(
        n_sparse=60, n_dense=20, p=0.1, init="priority", steps=1000, device="cpu", seed=1
    )
    training = Trainer(settings)
    for _ in results(training):
        pass
    x = sample_sparse(60, 0.1, 100_000, generator=torch.Generator().manual_seed(2)).dense()
    loss = float(((training.weights().forward(x) - x) ** 2).mean())
    assert loss < 0.75 * hull(0.1).loss(1 / 3)
    assert loss < 1.1 * priority_loss(6, 0.1)
