"""Estimates from a few rows against the mean of all, over many draws."""

import math
from pathlib import Path

import numpy as np
import pytest

from rugtui.analysis.statistics import _rows_in_theory
from rugtui.analysis.strata import Strata
from rugtui.models.weight_files.weight_file import read_weights
from rugtui.settings.settings import Settings
from rugtui.theory import gaussian
from rugtui.theory.exact import exact_loss
from rugtui.training.trainer import Trainer

DATA = Path(__file__).parents[1] / "data" / "weights"


def of(weights, p):
    """Gaussian losses, diagonal and exact losses of all rows."""
    every = np.arange(weights.n_sparse)
    a, b, sigma = _rows_in_theory(weights, p)
    return gaussian.loss(a, b, sigma, p), a, exact_loss(weights.rows(every), every, weights.b, p)


def trained():
    return of(read_weights(DATA / "trained_64_16.npz"), 0.05)


def unfinished():
    """Few steps at small r: rows differ widely, and a line through some misses others."""
    settings = Settings(
        n_sparse=64, n_dense=9, p=0.0707, method="population", steps=40, device="cpu"
    )
    training = Trainer(settings)
    while not training.done:
        training.advance()
    return of(training.weights(), settings.p)


def bent():
    """Rows over two decades, exact losses that are no straight line of the Gaussian ones."""
    rng = np.random.default_rng(1)
    known = 0.01 * np.exp(rng.normal(0, 1.5, 64))
    return known, np.ones(64), 0.05 * known**0.6 * np.exp(0.2 * rng.normal(size=64))


def one_huge_row():
    rng = np.random.default_rng(2)
    known = 0.006 * np.exp(rng.normal(0, 0.3, 64))
    losses = 0.7 * known * np.exp(0.05 * rng.normal(size=64))
    known[7], losses[7] = 3.0, 1.1
    return known, np.ones(64), losses


def ordinary():
    """A trained model's rows at (512, 128, 0.05): a correlation of 0.996."""
    rng = np.random.default_rng(3)
    known = 0.0065 * np.exp(rng.normal(0, 0.3, 512))
    return known, np.ones(512), 0.001 + 0.55 * known + 1e-4 * rng.normal(size=512)


CASES = [
    (trained, 8, 4.0),
    (trained, 16, 5.0),
    (unfinished, 16, 1.2),
    (bent, 16, 3.0),
    (one_huge_row, 8, 100.0),
    (one_huge_row, 16, 100.0),
    (ordinary, 16, 4.0),
    (ordinary, 64, 7.0),
]


@pytest.mark.parametrize(("rows", "count", "gain"), CASES)
def test_estimates_scatter_as_their_errors_say_and_less_than_plain_means(rows, count, gain):
    known, diagonal, losses = rows()
    truth, generator = losses.mean(), np.random.default_rng(0)
    draws = [Strata.draw(known, diagonal, count, generator) for _ in range(600)]
    means, errors = np.array([draw.mean(losses[draw.rows]) for draw in draws]).T
    pulls = (means - truth) / errors
    assert 0.7 < pulls.std() < 1.45
    assert np.abs(pulls).max() < 8
    assert abs(means.mean() - truth) < 4 * means.std() / math.sqrt(len(means))
    assert means.min() >= losses.min()
    left = (len(losses) - count) / len(losses)
    plain = losses.std(ddof=1) * math.sqrt(left / count)
    assert plain > gain * np.sqrt(np.mean((means - truth) ** 2))
    assert all(len(set(draw.rows)) == count for draw in draws)
    assert all(math.isclose(draw.shares.sum(), 1) for draw in draws)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 56, 57, 63, 64])
@pytest.mark.parametrize(
    "known",
    [np.zeros(64), np.ones(64), np.geomspace(1e-9, 1, 64), np.r_[np.zeros(63), 1.0]],
    ids=["zero", "alike", "decades", "one"],
)
def test_any_number_of_rows_of_any_losses(known, count):
    generator = np.random.default_rng(0)
    diagonal = np.where(np.arange(64) % 3 == 0, 0.0, 1.0)
    draw = Strata.draw(known, diagonal, count, generator)
    mean, error = draw.mean(known[draw.rows])
    assert len(set(draw.rows)) == count
    assert draw.sizes.min() >= 1
    assert draw.sizes.sum() == 64
    assert mean >= 0
    assert math.isnan(error) == (count == 1)
    if count == 64:
        assert mean == pytest.approx(known.mean())
        assert error == 0


def test_a_row_far_above_the_others_is_always_drawn():
    known, diagonal, _ = one_huge_row()
    generator = np.random.default_rng(0)
    assert all(7 in Strata.draw(known, diagonal, 4, generator).rows for _ in range(100))
