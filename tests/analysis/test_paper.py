"""The paper's quantities against a direct computation from their definition in its code."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp, kstest

from rugtui.analysis import paper
from rugtui.analysis.paper import interference, paper_statistics
from rugtui.models.constructions import dense, engineered
from rugtui.models.dense import Dense
from rugtui.models.weight_files.weight_file import read_weights

DATA = Path(__file__).parents[1] / "data" / "weights"


def fresh():
    return np.random.default_rng(0)


def directly(weights, p):
    """All but the p-value, with the matrix in one piece."""
    W_in, W_out = (one.double().numpy() for one in (weights.W_in, weights.W_out))
    W = W_out @ W_in
    v = p / 3 - p**2 / 4
    eps = W * (1 - np.eye(len(W)))
    return {
        "delta_diag": np.diag(W).var(ddof=1),
        "delta_b": weights.b.double().numpy().var(ddof=1),
        "delta_var_nu": ((W**2).sum(axis=1) * v).var(ddof=1),
        "delta_mean_nu": (W.mean(axis=1) * p / 2).var(ddof=1),
        "lambda_max": ((np.abs(eps) ** 3).sum(axis=1) / (eps**2).sum(axis=1)).max(),
    }


@pytest.mark.parametrize("name", ["trained_64_16.npz", "random_48_12.npz"])
def test_every_quantity_is_the_papers(name, monkeypatch):
    monkeypatch.setattr(paper, "CELLS", 500)  # several parts
    weights = read_weights(DATA / name)
    found = dataclasses.asdict(paper_statistics(weights, 0.05, generator=fresh()))
    nu = interference(weights.rows(np.array([0]))[0] * (np.arange(weights.n_sparse) > 0), 0.05,
                      1000, fresh())  # fmt: skip
    p_value = kstest((nu - nu.mean()) / nu.std(ddof=1), "norm").pvalue
    assert found.pop("p_ks") == p_value
    assert found == pytest.approx(directly(weights, 0.05), rel=1e-4)


@pytest.mark.parametrize("p", [0.05, 0.6, 1.0])
def test_samples_of_interference_are_those_of_a_mask_over_all_features(p):
    row = fresh().normal(size=40)
    x = (fresh().random((4000, 40)) < p) * np.random.default_rng(1).random((4000, 40))
    found = interference(row, p, 4000, np.random.default_rng(2))
    assert ks_2samp(found, x @ row).pvalue > 1e-3


def test_rows_of_a_rug_are_all_alike():
    rug = engineered("hadamard", 64, 16, 0.05, generator=torch.Generator().manual_seed(0))
    found = paper_statistics(rug, 0.05, generator=fresh())
    assert found.delta_diag == found.delta_b == 0
    assert max(found.delta_var_nu, found.delta_mean_nu) < 1e-25
    assert found.lambda_max == pytest.approx(directly(dense(rug), 0.05)["lambda_max"])


def test_many_weak_interferers_pass_for_normal_and_few_strong_ones_do_not():
    """At n_sparse 2,048 and p 0.5 the central limit theorem holds; one interferer is uniform."""
    many = engineered("hadamard", 2048, 512, 0.5, generator=torch.Generator().manual_seed(0))
    assert paper_statistics(many, 0.5, generator=fresh()).p_ks > 0.05
    few = Dense(torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0], [-1.0]]), torch.zeros(2))
    assert paper_statistics(few, 0.05, generator=fresh()).p_ks < 1e-6


def test_weights_without_interference_have_no_p_value():
    identity = Dense(torch.eye(3), torch.eye(3), torch.zeros(3))
    found = paper_statistics(identity, 0.1, generator=fresh())
    assert math.isnan(found.p_ks)
    assert found.lambda_max == 0
