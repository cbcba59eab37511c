"""What structure weights have, told of weights of which it is known."""

import numpy as np
import pytest
import torch

from rugtui.analysis.statistics import statistics
from rugtui.analysis.structure import antisymmetric_share, eigenvalues
from rugtui.models.constructions import construct, dense
from rugtui.models.dense import Dense
from rugtui.theory.pairs import lopsided

P = 0.05


def made(name, n_sparse=256, n_dense=64):
    generator = torch.Generator().manual_seed(0)
    return construct(name, n_sparse, n_dense, P, generator=generator).weights


def seen(weights):
    return statistics(weights, P, generator=np.random.default_rng(0))


def both(name, *sizes):
    """Of engineered weights by their kinds of rows, and of the same as a matrix."""
    weights = made(name, *sizes)
    return seen(weights), seen(dense(weights))


@pytest.mark.parametrize("n_dense", [64, 128, 192])
def test_pairs_are_pairs(n_dense):
    for found in both("pairs", 256, n_dense):
        assert found.pairs_share == pytest.approx(1)
        assert found.lopsidedness == pytest.approx(1, abs=1e-4)
        assert found.partners == pytest.approx(1, abs=0.05)
        if n_dense <= 128:
            assert found.partner_mean == pytest.approx(-1, abs=0.02)
            share = (n_dense / 256) / (1 - n_dense / 256)  # 1 of (1 − r)/r
            assert found.partner_norm_share == pytest.approx(share, abs=0.02)
        assert found.singles_share == found.abandoned_share == 0


def test_a_symmetric_rug_has_no_structure():
    for found in both("hadamard"):
        assert found.pairs_share == found.singles_share == found.abandoned_share == 0
        assert found.partners < 3
        assert abs(found.skew) < 0.3


def test_lopsided_pairs_and_single_features():
    for found in both("lopsided", 256, 192):
        assert (found.pairs_share, found.singles_share) == (0.5, 0.5)
        assert found.lopsidedness == pytest.approx(lopsided(P).s, rel=1e-3)
        assert found.antisymmetric_share > 0.05


def test_abandoned_features():
    for found in both("lopsided", 256, 100):
        assert found.abandoned_share == pytest.approx(56 / 256)
        assert found.pairs_share == pytest.approx(200 / 256)


@pytest.mark.parametrize(("k", "n_dense"), [(3, 40), (5, 184)])
def test_corners_of_simplices_are_partners_but_not_pairs(k, n_dense):
    for found in both(f"simplex:{k}", 240 // k * k, n_dense):
        assert found.pairs_share == 0
        assert k - 1.1 < found.partners < k + 1


def test_voters_are_partners():
    for found in both("vote:4"):
        assert found.partners == pytest.approx(4, abs=1)
        assert -0.75 < found.partner_mean < -0.5
        assert found.pairs_share == 0
        assert found.skew < -0.5


@pytest.mark.parametrize("name", ["hadamard", "pairs", "simplex:3", "lopsided"])
def test_the_spectrum_against_that_of_the_matrix(name):
    weights = made(name, 96 if name == "simplex:3" else 128, 40)
    W = weights.rows(np.arange(weights.n_sparse))
    expected = np.linalg.eigvals(W)
    expected = expected[np.argsort(-np.abs(expected))][: weights.n_dense]
    for one in (weights, dense(weights)):
        np.testing.assert_allclose(np.abs(eigenvalues(one)), np.abs(expected), rtol=1e-4)
        half = (W - W.T) / 2
        share = (half**2).sum() / (W**2).sum()
        assert antisymmetric_share(one) == pytest.approx(share, abs=1e-6)


def test_weights_that_do_nothing_have_no_structure():
    found = seen(Dense(torch.zeros(2, 6), torch.zeros(6, 2), torch.zeros(6)))
    assert (found.pairs_share, found.partners, found.coherence) == (0, 0, 0)
    assert found.abandoned_share == pytest.approx(1)
