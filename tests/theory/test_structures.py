"""Structured interference against values and machinery that share nothing with it."""

import json
import math
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import SettingError, UsageError
from rugtui.theory import gaussian, moments
from rugtui.theory.exact import grouped_row_loss
from rugtui.theory.hull import FILE, TABLE_P, hull, loss_end, table_row
from rugtui.theory.optimum import optimum
from rugtui.theory.pairs import lopsided, pairs
from rugtui.theory.structured_row import StructuredRow
from rugtui.theory.structures import (
    NONE,
    PAIRS,
    Structure,
    structure_loss,
    structured_row,
    vote_weights,
)

# (r, p, loss, a, b, κ), by quadrature over the partner's value and a descent in three variables.
PAIRS_REFERENCE = [
    (0.05, 0.05, 0.01469293910339062, 0.20601677, -0.08152855, 1),
    (0.25, 0.05, 0.0043130334257653865, 1.29764357, -0.37518734, 1),
    (0.5, 0.05, 0.0004159164149400351, 1.00606521, 0.00028430, 1),
    (0.25, 0.6, 0.08187607016306755, 0.27493938, 0.29218958, 1),
    (0.5, 0.6, 0.04944316329500441, 0.75458352, 0.21533532, 1),
    (0.02, 0.002, 0.00027701113890705423, 1.76109886, -0.88716163, 1),
    (0.1, 0.01, 0.0008970082012898393, 1.51412967, -0.55861902, 1),
    (0.45, 0.01, 3.7339458535203543e-05, 1.09133532, -0.06416755, 1),
    (0.51, 0.05, 0.0004157678748379812, 1.00635216, 0.00008967, 0.99904729),
    (0.6, 0.05, 0.00040881740071547357, 1.02235427, -0.01075502, 0.95287506),
    (0.75, 0.05, 0.0003597920506663916, 1.06636211, -0.04180728, 0.70641027),
    (0.9, 0.05, 0.00017211758781045152, 1.08968924, -0.06099129, 0.21828276),
    (0.6, 0.3, 0.013905809558940309, 1.02923065, 0.00746562, 0.89086777),
    (0.9, 0.01, 8.086542056252025e-06, 1.04912468, -0.03292311, 0.28453738),
]
NOISELESS = {2: 4.159160e-4, 3: 3.126121e-4, 4: 2.341158e-4, 5: 1.863197e-4, 8: 1.163125e-4}


def test_pairs_against_quadrature():
    r, p, *expected = np.array(PAIRS_REFERENCE).T
    found = pairs(r, p)
    np.testing.assert_allclose(found.loss, expected[0], rtol=1e-6)
    np.testing.assert_allclose([found.a, found.b, found.kappa], expected[1:], atol=1e-3, rtol=0)


def test_the_loss_of_pairs_is_the_mean_over_the_partner_of_a_gaussian_loss():
    found = pairs(0.6, 0.1)
    x, weight = np.polynomial.legendre.leggauss(60)
    b = found.b - found.kappa * found.a * (x + 1) / 2
    beside = gaussian.loss(found.a, b, found.sigma, 0.1) @ weight / 2
    alone = gaussian.loss(found.a, found.b, found.sigma, 0.1)
    assert found.loss == pytest.approx(0.1 * beside + 0.9 * float(alone), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(r=st.floats(0.01, 0.99), p=st.floats(1e-3, 1))
def test_pairs_are_no_worse_than_symmetry_and_better_with_more_dimensions(r, p):
    here, more = (float(loss) for loss in pairs([r, min(1.05 * r, 1)], p).loss)
    assert here <= float(optimum(r, p).loss) * (1 + 1e-9)
    assert more <= here * (1 + 1e-6)


def test_pairs_gain_nothing_where_all_features_are_on():
    r = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(pairs(r, 1.0).loss, optimum(r, 1.0).loss, rtol=2e-3)


@pytest.mark.parametrize("k", NOISELESS)
def test_a_simplex_without_noise(k):
    found = structure_loss(Structure("simplex", k), (k - 1) / k, 0.05)
    assert found == pytest.approx(NOISELESS[k], rel=3e-4)


def test_a_simplex_does_not_exist_at_larger_ratios():
    assert structure_loss(Structure("simplex", 3), 0.7, 0.05) is None


@pytest.mark.parametrize("p", [0.002, 0.05, 0.4])
def test_any_weights_beside_noise_against_the_exact_machinery(p):
    """Ten million small weights of either sign are as good as Gaussian noise."""
    values, counts, s, n = np.array([-0.4, 0.1, -0.05]), np.array([3.0, 10, 40]), 0.06, 1e7
    mine = StructuredRow(values, counts, s, p)
    small = s / math.sqrt(float(moments.variance(p)) * n)
    grouped = np.append(values, [small, -small]), np.append(counts, [n / 2, n / 2])
    best = mine.best()
    for a, b in ((best.a, best.b), (0.9, -0.2)):
        expected = grouped_row_loss(a * grouped[0], grouped[1], a, b, p, tolerance=1e-7)
        assert mine.loss(a, b) == pytest.approx(expected, rel=5e-4)
    for a, b in ((1.01 * best.a, best.b), (best.a, best.b + 0.002)):
        assert mine.loss(a, b) > best.loss == pytest.approx(mine.loss(best.a, best.b), rel=1e-6)


def test_the_law_without_partners_is_the_symmetric_optimum():
    for r, p in ((0.25, 0.05), (0.05, 0.001), (0.8, 0.3)):
        best, expected = structured_row(NONE, r, p).best(), optimum(r, p)
        assert best.loss == pytest.approx(expected.loss, rel=1e-6)
        assert (best.a, best.b) == pytest.approx((expected.a, expected.b), abs=1e-4)


@pytest.mark.parametrize(("size", "r"), [(1, 0.3), (4, 0.25), (7, 0.1), (10, 0.6)])
def test_weights_of_a_vote_against_all_patterns_of_parities(size, r):
    patterns = np.arange(1 << size)
    odd = (patterns[:, None] >> np.arange(size) & 1).sum(1)
    taken = np.zeros(1 << size)
    left = r * len(taken)
    for m in range(size, -1, -1):
        chosen = odd == m
        taken[chosen] = min(1, left / chosen.sum())
        left -= taken[chosen].sum()
    values, counts = vote_weights(size, r)
    for j in range(1, size + 1):
        sign = np.prod(1 - 2 * (patterns[:, None] >> np.arange(j) & 1), 1)
        assert values[j - 1] == pytest.approx(taken @ sign / taken.sum(), abs=1e-12)
    assert counts.sum() == (1 << size) - 1


def test_one_vote_is_pairs():
    assert structure_loss(Structure("vote", 1), 0.25, 0.05) == pytest.approx(
        structure_loss(PAIRS, 0.25, 0.05), rel=1e-6
    )


@pytest.mark.parametrize(
    ("structure", "r", "p", "over"),
    [("vote:4", 0.25, 0.05, 0.7305), ("vote:7", 0.25, 0.05, 0.7399), ("vote:7", 0.25, 0.01, 0.845)],
)
def test_votes_against_exact_losses_of_rugs(structure, r, p, over):
    found = structure_loss(Structure.parse(structure), r, p)
    assert found / float(optimum(r, p).loss) == pytest.approx(over, rel=2e-3)


@pytest.mark.parametrize(("p", "expected", "s"), [(0.05, 3.8525e-4, 2.96), (0.2, 6.1301e-3, 2.81)])
def test_lopsided_pairs_against_a_descent_in_all_six_numbers(p, expected, s):
    found = lopsided(p)
    assert found.loss == pytest.approx(expected, rel=1e-4)
    assert found.s == pytest.approx(s, rel=0.02)
    both = [
        grouped_row_loss([-a * weight], [1], a, b, p)
        for a, b, weight in zip(found.a, found.b, (found.s, 1 / found.s), strict=True)
    ]
    assert np.mean(both) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("r", "loss"),
    [(0.16, 7.860e-3), (0.2, 5.899e-3), (0.28, 3.364e-3), (0.36, 1.910e-3), (0.4, 1.368e-3),
     (0.44, 9.347e-4), (0.5, 3.8525e-4), (0.75, 1.926e-4)],
)  # fmt: skip
def test_the_hull_against_exact_losses_of_rugs(r, loss):
    assert float(hull(0.05).loss(r)) == pytest.approx(loss, rel=0.01)


def test_phases_share_features_and_dimensions_and_make_the_loss():
    for r in (0.05, 0.27, 0.41, 0.5, 0.6, 1.0):
        phases = hull(0.05).phases(r)
        assert sum(one.share for one in phases) == pytest.approx(1)
        assert sum(one.share * one.ratio for one in phases) == pytest.approx(r)
        mixed = sum(one.share * structure_loss(one.structure, one.ratio, 0.05) for one in phases)
        assert mixed == pytest.approx(float(hull(0.05).loss(r)), rel=5e-3)
    assert [str(one.structure) for one in hull(0.05).phases(0.6)] == ["lopsided", "single"]
    assert str(hull(0.05).phases(0.1)[0].structure) == "abandoned"


def test_the_hull_is_convex_and_below_every_structure():
    known = hull(0.2)
    slopes = np.diff(known.losses) / np.diff(known.ratios)
    assert (np.diff(slopes) >= 0).all()
    for structure, r in (("none", 0.3), ("pairs", 0.31), ("vote:4", 0.2), ("simplex:3", 0.6)):
        loss = structure_loss(Structure.parse(structure), r, 0.2)
        assert float(known.loss(r)) <= loss * 1.002


def test_a_finite_rug_loses_what_few_features_on_cost():
    """Against the exact losses of section 7, which are of drawn rows and an unchanged a and b."""
    for n, low, high in ((1 << 10, 1.122, 1.211), (1 << 13, 1.0158, 1.0248)):
        ratio = structure_loss(NONE, 0.25, 0.01, n) / structure_loss(NONE, 0.25, 0.01)
        assert low < ratio < high


@pytest.mark.parametrize("text", ["pair", "simplex", "simplex:1", "vote:x", "pairs:2", ""])
def test_unknown_names_of_structures_are_refused(text):
    with pytest.raises(UsageError):
        Structure.parse(text)


def test_ratios_and_probabilities_outside_are_refused():
    for r, p in ((0.5, 0.0), (1.2, 0.1), (math.nan, 0.1)):
        with pytest.raises(SettingError):
            structure_loss(PAIRS, r, p)


@pytest.mark.parametrize("place", [0, 25, -2])
def test_the_table_of_hulls_is_what_the_catalogue_gives_today(place):
    """If not, the catalogue was changed: hull.py says how to make the file anew."""
    kept = json.loads(resources.files("rugtui.theory").joinpath(FILE).read_text())
    assert len(kept) == len(TABLE_P)
    now = table_row(float(TABLE_P[place]))
    for name, values in now.items():
        assert kept[place][name] == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize("p", [3e-6, 0.004, 0.05, 0.2])
def test_between_the_p_of_the_table_the_end_of_training_is_close_to_the_hull(p):
    for r in (0.05, 0.25, 0.4, 0.5, 0.6, 0.9):
        assert float(loss_end(r, p)) == pytest.approx(float(hull(p).loss(r)), rel=0.01)


def test_the_end_of_training_is_below_the_optimum_also_beyond_the_table():
    p = np.geomspace(1e-12, 1.0, 200)
    for r in (0.02, 0.3, 0.5, 0.8):
        ends = loss_end(r, p)
        assert (ends <= optimum(r, p).loss * (1 + 1e-9)).all()
        assert (ends > 0).all()
