"""Statistics of weights against brute force and stored samples."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from rugtui.analysis import statistics as measure
from rugtui.analysis.statistics import EDGES, gaussian_loss, statistics
from rugtui.errors import SettingError, WeightsError
from rugtui.models.constructions import dense, engineered
from rugtui.models.dense import Dense
from rugtui.models.weight_files.weight_file import read_weights
from rugtui.theory.exact import exact_loss
from rugtui.theory.optimum import optimum

DATA = Path(__file__).parents[1] / "data" / "weights"
STORED = json.loads((DATA / "index.json").read_text())


def stored(name):
    return read_weights(DATA / name)


def fresh():
    return np.random.default_rng(0)


@pytest.mark.parametrize("known", STORED, ids=lambda known: known["file"])
def test_the_exact_loss_agrees_with_stored_samples(known):
    found = statistics(stored(known["file"]), known["p"], generator=fresh())
    assert found.exact_standard_error == 0
    assert found.rows == known["n_sparse"]
    assert abs(found.exact - known["monte_carlo_loss"]) < 4 * known["standard_error"]


def test_a_sample_of_rows_has_the_right_standard_error():
    """The exact loss of every row is known: samples of 12 scatter as their errors say."""
    weights, p = stored("random_48_12.npz"), 0.1
    whole = statistics(weights, p, generator=fresh()).exact
    generator = fresh()
    samples = [statistics(weights, p, generator=generator, rows=12) for _ in range(30)]
    pulls = [(one.exact - whole) / one.exact_standard_error for one in samples]
    assert all(one.rows == 12 for one in samples)
    assert 0.6 < np.std(pulls) < 1.7
    assert abs(np.mean(pulls)) < 0.6


def test_statistics_of_the_matrix_itself():
    weights, p = stored("trained_64_16.npz"), 0.05
    W = weights.rows(np.arange(64))
    a, off = np.diag(W).copy(), W - np.diag(np.diag(W))
    entries = off[~np.eye(64, dtype=bool)]
    sigma = np.sqrt((p / 3 - p**2 / 4) * (off**2).sum(1))
    found = statistics(weights, p, generator=fresh())
    assert found.diagonal_mean == pytest.approx(a.mean())
    assert found.diagonal_spread == pytest.approx(a.std())
    assert found.bias_mean == pytest.approx((weights.biases() + p / 2 * off.sum(1)).mean())
    assert found.noise_mean == pytest.approx(sigma.mean(), rel=1e-5)
    assert found.noise_spread == pytest.approx(sigma.std(), rel=1e-4)
    centred = entries - entries.mean()
    assert found.skew == pytest.approx((centred**3).mean() / (centred**2).mean() ** 1.5)
    assert found.interferers == pytest.approx(((off**2).sum(1) ** 2 / (off**4).sum(1)).mean())
    assert found.lyapunov == pytest.approx(
        ((np.abs(off) ** 3).sum(1) / (off**2).sum(1) ** 1.5).mean()
    )


@pytest.mark.parametrize("name", ["rug_64_16.npz", "trained_64_16.npz"])
def test_the_law_of_interference_is_the_sampled_one(name):
    weights, p = stored(name), 0.05
    off = weights.rows(np.arange(64))
    np.fill_diagonal(off, 0)
    rng = fresh()
    x = (rng.random((40_000, 64)) < p) * rng.random((40_000, 64))
    nu = x @ off.T
    nu -= p / 2 * off.sum(1)
    sigma = np.sqrt((p / 3 - p**2 / 4) * (off**2).sum(1))
    found = statistics(weights, p, generator=fresh())
    gaussian, steps = ndtr(np.sort(nu / sigma, 0)), np.arange(len(nu) + 1)[:, None] / len(nu)
    distances = np.maximum(steps[1:] - gaussian, gaussian - steps[:-1]).max(0)
    # 40,000 samples of a row say its distance to 0.005, so a mean over rows is theirs to 0.001
    assert found.kolmogorov_smirnov == pytest.approx(np.mean(distances), abs=2e-3)
    sampled = np.histogram(nu / sigma, EDGES)[0] / nu.size
    assert np.abs(found.histogram - sampled).max() < 4 * np.sqrt(sampled.max() / len(x))
    assert found.histogram.sum() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("n_sparse", "n_dense", "p"), [(64, 16, 0.05), (1024, 256, 0.01)])
def test_one_row_of_a_rug_gives_the_statistics_of_its_matrix(n_sparse, n_dense, p):
    generator = torch.Generator().manual_seed(0)
    rug = engineered("hadamard", n_sparse, n_dense, p, generator=generator)
    short = statistics(rug, p, generator=fresh())
    long = statistics(dense(rug), p, generator=fresh(), rows=8)
    assert short.exact_standard_error == 0
    for name, value in short.numbers().items():
        if "spread" not in name and name != "rows":
            close = 1e-3 if name == "kolmogorov_smirnov" else 1e-4
            assert value == pytest.approx(long.numbers()[name], rel=close), name
    np.testing.assert_allclose(short.histogram, long.histogram, atol=1e-4)
    assert short.gaussian == pytest.approx(float(optimum(n_dense / n_sparse, p).loss), rel=1e-9)


def test_weights_without_interference():
    weights = Dense(torch.eye(6)[:3], torch.eye(6)[:, :3], torch.zeros(6))
    found = statistics(weights, 0.3, generator=fresh())
    # Half of the features pass untouched, the others are 0: half of p/3.
    assert found.exact == pytest.approx(0.05)
    assert found.gaussian == pytest.approx(0.05)
    assert found.kolmogorov_smirnov == 0
    assert found.skew == found.lyapunov == found.interferers == 0


def test_the_gaussian_loss_needs_no_sample():
    weights = stored("random_48_12.npz")
    assert gaussian_loss(weights, 0.1) == statistics(weights, 0.1, generator=fresh()).gaussian


def test_few_rows_at_a_time_are_all_rows(monkeypatch):
    weights = stored("random_48_12.npz")
    whole = statistics(weights, 0.1, generator=fresh())
    monkeypatch.setattr(measure, "CELLS", 48 * 7)
    parts = statistics(weights, 0.1, generator=fresh())
    # each part has a grid of its own for the law of its rows
    assert parts.numbers() == pytest.approx(whole.numbers(), rel=5e-5)
    np.testing.assert_allclose(parts.histogram, whole.histogram, atol=1e-6)


@pytest.mark.parametrize("name", ["W_in", "W_out", "b"])
def test_weights_that_are_not_finite_are_refused_in_one_sentence(name):
    parts = {"W_in": torch.ones(2, 6), "W_out": torch.ones(6, 2), "b": torch.zeros(6)}
    parts[name].view(-1)[1] = torch.nan
    for ask in (gaussian_loss, lambda w, p: statistics(w, p, generator=fresh())):
        with pytest.raises(WeightsError, match="must be finite numbers, but"):
            ask(Dense(**parts), 0.1)


@pytest.mark.filterwarnings("error")
def test_finite_weights_with_infinite_products_are_refused_too():
    large = Dense(1e20 * torch.ones(2, 6), torch.tensor([[1e20, -1e20]] * 6), torch.zeros(6))
    with pytest.raises(WeightsError, match="must be finite numbers, but 6 of 6 rows"):
        gaussian_loss(large, 0.1)


def test_probabilities_outside_0_to_1_are_refused():
    with pytest.raises(SettingError, match="p must be"):
        statistics(stored("random_48_12.npz"), 0.0, generator=fresh())


def test_the_gaussian_loss_of_all_rows_sharpens_a_sample():
    weights, p = stored("trained_64_16.npz"), 0.05
    rows = statistics(weights, p, generator=fresh(), rows=16)
    index = np.sort(fresh().choice(64, 16, replace=False))
    losses = exact_loss(weights.rows(index), index, weights.biases()[index], p)
    assert rows.exact_standard_error < 0.7 * losses.std(ddof=1) / 4


def test_few_laws_and_a_wider_tolerance_change_little():
    weights = read_weights(DATA / "trained_64_16.npz")
    few, every = (
        statistics(weights, 0.05, generator=np.random.default_rng(0), **asked)
        for asked in ({"laws": 16, "tolerance": 1e-4}, {})
    )
    assert few.exact == pytest.approx(every.exact, rel=1e-4)
    assert few.kolmogorov_smirnov == pytest.approx(every.kolmogorov_smirnov, rel=0.2)
    assert few.skew == pytest.approx(every.skew)
