"""Structured weights against the structure asked for, their dense twins, theory and samples."""

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import UsageError, WeightsError
from rugtui.models.base import Window, block_edges
from rugtui.models.composite import DirectSum, row_kinds
from rugtui.models.constructions import checked_name, construct, dense
from rugtui.models.extremes import cells, extremes
from rugtui.models.mixtures import mean_exact_loss
from rugtui.models.ordering import in_sequency
from rugtui.models.rug import Rug
from rugtui.theory.exact import exact_loss
from rugtui.theory.hull import hull, lowest
from rugtui.theory.optimum import optimum
from rugtui.theory.pairs import lopsided, pairs
from rugtui.training.data import sample_sparse

P = 0.05
SINGLE = 1e-5
"""Relative: weights in an order of priority are far apart in size, and single precision."""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@functools.cache
def made(name, n_sparse, n_dense, p=P, **options):
    return construct(name, n_sparse, n_dense, p, generator=seeded(), **options).weights


def matrix(weights):
    return weights.rows(np.arange(weights.n_sparse))


CASES = [
    ("pairs", 64, 16),
    ("pairs", 64, 40),
    ("pairs", 64, 62),
    ("pairs", 48, 12),
    ("pairs", 48, 24),
    ("pairs", 48, 30),
    ("pairs", 47, 12),
    ("simplex:3", 48, 12),
    ("simplex:3", 50, 40),
    ("simplex:5", 80, 19),
    ("vote:4", 64, 16),
    ("vote:9", 64, 16),
    ("vote:3", 100, 25),
    ("lopsided", 64, 48),
    ("lopsided", 65, 20),
    ("best", 64, 40),
    ("best", 60, 10),
]


@pytest.mark.parametrize(("name", "n_sparse", "n_dense"), CASES)
def test_structured_weights_agree_with_their_dense_form(name, n_sparse, n_dense):
    weights = made(name, n_sparse, n_dense)
    W, twin = matrix(weights), dense(weights)
    assert (weights.n_sparse, twin.n_sparse) == (n_sparse, n_sparse)
    assert weights.n_dense == twin.n_dense <= n_dense
    # entries that are far apart in size are rounded at the largest of them
    assert np.linalg.matrix_rank(W, tol=1e-3 * max(1, 1e-3 * np.abs(W).max())) <= n_dense
    np.testing.assert_allclose(matrix(twin), W, atol=1e-5)
    np.testing.assert_allclose(weights.diagonal(), W.diagonal(), atol=1e-5)
    np.testing.assert_allclose(weights.row_sums(), W.sum(1), rtol=SINGLE, atol=2e-5)
    np.testing.assert_allclose(weights.row_squares(), (W**2).sum(1), rtol=1e-4, atol=1e-9)
    x = torch.rand(5, n_sparse)
    torch.testing.assert_close(twin.forward(x), weights.forward(x), rtol=0, atol=1e-5)
    some, others = np.array([0, 3, n_sparse - 1]), np.array([1, n_sparse // 2])
    np.testing.assert_allclose(cells(weights, some, others), W[some][:, others], atol=1e-6)


@settings(max_examples=50)
@given(data=st.data())
def test_pictures_of_structured_weights(data):
    weights = made(*data.draw(st.sampled_from(CASES)))
    n, W = weights.n_sparse, matrix(weights)
    top, left = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    bottom, right = data.draw(st.integers(top + 1, n)), data.draw(st.integers(left + 1, n))
    height = data.draw(st.integers(1, bottom - top))
    width = data.draw(st.integers(1, right - left))
    window = Window(top, left, bottom, right)
    down, across = block_edges(top, bottom, height), block_edges(left, right, width)
    sums = np.add.reduceat(np.add.reduceat(W[:bottom, :right], down[:-1], 0), across[:-1], 1)
    area = np.outer(np.diff(down), np.diff(across))
    # of sums up to each corner, which lose what is small beside the largest weight
    close = 1e-5 + 1e-15 * n * np.abs(W).max()
    np.testing.assert_allclose(
        weights.pooled(window, height, width), sums / area, rtol=SINGLE, atol=close
    )
    seen = extremes(weights, window)
    inside = W[top:bottom, left:right]
    np.testing.assert_allclose(
        (seen.low, seen.high), (inside.min(), inside.max()), rtol=SINGLE, atol=1e-5
    )


@pytest.mark.parametrize("n_dense", [100, 256, 400, 509])
def test_every_feature_of_a_rug_of_pairs_has_one_partner(n_dense):
    rug = made("pairs", 512, n_dense)
    assert isinstance(rug, Rug)
    relative = rug.counts / rug.counts[0]
    kappa = float(pairs(n_dense / 512, P).kappa)
    assert relative[256] == pytest.approx(-kappa, abs=0.005 if n_dense > 256 else 0)
    assert n_dense > 256 or relative[256] == -1
    if n_dense == 256:
        assert np.count_nonzero(relative) == 2


def test_a_rug_of_weighted_rows_in_sequency_is_the_same_permuted():
    rug = made("pairs", 64, 40)
    ordered, order = in_sequency(rug)
    np.testing.assert_allclose(matrix(ordered), matrix(rug)[np.ix_(order, order)], atol=1e-12)
    again = Rug.of_rows(ordered.chosen, 64, rug.a, rug.b, row_weights=ordered.row_weights)
    np.testing.assert_allclose(again.counts, ordered.counts, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "ratio", "p", "over"),
    [
        ("hadamard", 0.25, 0.05, 0.9999),
        ("pairs", 0.25, 0.05, 0.7452),
        ("pairs", 0.25, 0.01, 0.7088),
        ("pairs", 0.45, 0.05, 0.3571),
        ("pairs", 0.1, 0.01, 0.9031),
        ("vote:4", 0.25, 0.05, 0.7305),
        ("vote:7", 0.25, 0.05, 0.7399),
        ("vote:4", 0.25, 0.01, 0.997),
        ("vote:7", 0.25, 0.01, 0.845),
    ],
)
def test_rugs_of_65536_features_against_published_ratios(name, ratio, p, over):
    n_dense = round(ratio * 65_536)
    loss = mean_exact_loss(made(name, 65_536, n_dense, p), p)
    assert loss / optimum(n_dense / 65_536, p).loss == pytest.approx(over, rel=5e-3)


@pytest.mark.parametrize(("name", "n_sparse", "n_dense"), CASES)
def test_the_exact_loss_is_the_sampled_one(name, n_sparse, n_dense):
    weights = made(name, n_sparse, n_dense)
    x = sample_sparse(n_sparse, P, 1 << 14, generator=seeded(1)).dense()
    each = (x - weights.forward(x)).square().mean(1, dtype=torch.float64)
    found = mean_exact_loss(weights, P)
    assert found == pytest.approx(each.mean().item(), abs=4 * each.std().item() / (1 << 7))


@pytest.mark.parametrize(("name", "n_sparse", "n_dense"), CASES)
def test_kinds_of_rows_are_the_rows(name, n_sparse, n_dense):
    weights = made(name, n_sparse, n_dense)
    kinds = row_kinds(weights)
    if not kinds:
        return
    assert sum(one.number for one in kinds) == n_sparse
    every = np.arange(n_sparse)
    exact = exact_loss(matrix(weights), every, weights.biases(), P, tolerance=1e-5)
    assert mean_exact_loss(weights, P) == pytest.approx(exact.mean(), rel=1e-3)


@pytest.mark.parametrize("name", ["hadamard", "dct", "pairs", "simplex:3", "vote:4"])
def test_tuning_on_the_exact_loss_lowers_it(name):
    theory, exact = (
        made(name, 192 if name != "hadamard" else 256, 48, tune=one) for one in ("theory", "exact")
    )
    assert mean_exact_loss(exact, P) < mean_exact_loss(theory, P)


def test_a_mixture_of_lopsided_pairs_and_single_features():
    known = construct("best", 256, 192, P, generator=seeded())
    assert [str(one) for one in known.parts] == ["128 lopsided in 64", "128 single in 128"]
    assert isinstance(known.weights, DirectSum)
    loss = mean_exact_loss(known.weights, P)
    assert (
        loss
        == pytest.approx(2 * 0.25 * lopsided(P).loss, rel=1e-4)
        == pytest.approx(1.926e-4, rel=0.01)
    )


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.4, 0.6, 0.9])
def test_the_best_mixture_is_near_the_hull_and_below_any_one_structure(ratio):
    n_dense = round(256 * ratio)
    r = n_dense / 256
    found = mean_exact_loss(made("best", 256, n_dense), P)
    assert found < 1.12 * float(hull(P).loss(r))
    for name in ("hadamard", "pairs", "vote:4"):
        assert found <= mean_exact_loss(made(name, 256, n_dense, tune="exact"), P) * (1 + 1e-4)


def test_four_million_features_are_a_few_vectors():
    n = 1 << 22
    weights = made("best", n, 9 * n // 20)
    found = mean_exact_loss(weights, P)
    assert float(lowest(P).loss(0.45)) < found < 0.9 * float(hull(P).loss(0.45))
    assert weights.pooled(Window.whole(n), 8, 8).shape == (8, 8)


@pytest.mark.parametrize("name", ["pair", "simplex:1", "none", "single", "vote", "best:2", ""])
def test_unknown_names_of_constructions_are_refused(name):
    with pytest.raises(UsageError):
        checked_name(name)


def test_no_structure_in_as_many_dimensions_as_features():
    for name in ("pairs", "best", "vote:4", "simplex:3"):
        with pytest.raises(WeightsError):
            made(name, 64, 64)
