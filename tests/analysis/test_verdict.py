"""The sentence under the theory table."""

import dataclasses

import numpy as np
import pytest
import torch

from rugtui.analysis.statistics import statistics
from rugtui.analysis.verdict import caveat, comparable, death, verdict
from rugtui.models.constructions import construct, dense, engineered
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.theory.levels import levels, structured_levels
from rugtui.theory.optimum import optimum

AT = levels(0.25, 0.05)


@pytest.mark.parametrize(
    ("ratio", "sentence"),
    [
        (2.5, "2.5 times L*, and above the linear optimum too"),
        (1.3, "30 % above L*, below the linear optimum"),
        (1.004, "On the symmetric plateau: within 0.4 % of L*"),
        (0.75, "25 % below the symmetric prediction L*"),
    ],
)
def test_where_a_loss_stands(ratio, sentence):
    assert sentence in verdict(ratio * AT.loss, 0.0, AT, None)


def test_a_difference_within_the_noise_does_not_count():
    assert "plateau" in verdict(1.03 * AT.loss, 0.02 * AT.loss, AT, None)


def test_a_noisy_loss_is_not_on_a_plateau():
    said = verdict(6.2 * AT.loss, 2 * AT.loss, AT, None, begins=False)
    assert said == "6.2 times L*, and above the linear optimum too."


def test_only_a_run_that_begins_has_just_begun():
    assert verdict(2.5 * AT.loss, 0.0, AT, None).endswith("too: it has just begun.")
    assert "begun" not in verdict(2.5 * AT.loss, 0.0, AT, None, begins=False)


def test_a_gaussian_loss_is_called_one():
    said = verdict(1.004 * AT.loss, 0.0, AT, None, gaussian=True)
    assert said == "Gaussian loss on the symmetric plateau: within 0.4 % of L*."
    assert verdict(1.3 * AT.loss, 0.0, AT, None, gaussian=True).startswith("Gaussian loss 30 %")


def test_a_rug_is_called_a_rug():
    assert verdict(1.02 * AT.loss, 1e-6, AT, None, rug=True).startswith("The rug is 2 % above L*")


def test_no_sentence_calls_the_optimum_a_floor():
    said = [verdict(k / 10 * AT.loss, 1e-6, AT, None) for k in range(1, 40)]
    assert not any("floor" in one or "bound" in one for one in said)


def test_there_is_no_sentence_without_a_loss():
    assert verdict(float("nan"), 0.0, AT, None) == ""


def test_predictions_that_do_not_hold_are_named():
    assert caveat(Settings()) == ""
    said = caveat(Settings(activation="gelu", bias=False))
    assert "assume a ReLU, not gelu, which sees one pre-activation at a time" in said
    assert "Gaussian(W) and exact(W) need none" in said
    assert "linear is the least possible loss" in caveat(Settings(activation="identity"))
    assert "weighted by importance, and the levels of theory are not" in caveat(
        Settings(importance=1.0)
    )
    assert "p = 1/n_sparse = 0.00195" in caveat(Settings(data="one"))


def test_only_comparable_losses_are_compared_with_L_star():
    assert comparable(Settings(tied=True, bias=False))
    for change in ({"activation": "tanh"}, {"importance": 1.0}, {"data": "one"}):
        assert not comparable(Settings(**change))


def test_dead_outputs_are_reported():
    assert death(0, Settings()) == ""
    assert death(1, Settings()).startswith("1 of 512 outputs is dead")
    assert death(512, Settings()).startswith("All outputs are dead")


def test_what_helps_dead_outputs_is_what_may_have_killed_them():
    usual = Settings().usual_rate
    assert f"lr {usual:.2g} say" in death(512, Settings(lr=100 * usual))
    for innocent in ({}, {"lr": usual}, {"lr": 1.0, "method": "population"}):
        said = death(512, Settings(**innocent))
        assert said.endswith("start again with other weights (init).")


def rug_with(change, n_sparse=256, p=0.05):
    """(statistics, levels) of a rug whose W_in, W_out and b `change` has altered."""
    generator = torch.Generator().manual_seed(0)
    made = dense(engineered("hadamard", n_sparse, n_sparse // 4, p, generator=generator))
    weights = Dense(*change(made.W_in, made.W_out, made.b))
    return statistics(weights, p, generator=np.random.default_rng(0)), levels(0.25, p)


def scale(n, size):
    return 1 + size * torch.randn(n, generator=torch.Generator().manual_seed(1))


def test_the_cause_with_the_largest_share_is_named():
    """Each change is the cause of the loss that it adds; the others are not named."""
    n = 256
    for change, cause in (
        (lambda W_in, W, b: (W_in * scale(n, 0.4), W, b), "the diagonal varies ("),
        (lambda W_in, W, b: (W_in, W * scale(n, 0.4)[:, None], b), "the noise varies ("),
        (lambda W_in, W, b: (W_in, W, b * scale(n, 1.2)), "the bias varies (-0."),
        (lambda W_in, W, b: (W_in, 0.5 * W, b), "the average row is not at the optimum"),
    ):
        measured, best = rug_with(change)
        said = verdict(measured.exact, 0.0, best, measured, begins=False)
        assert "above L*" in said or "times L*" in said
        assert cause in said, said
        assert said.count("varies") + said.count("average row") == 1
        assert "KS" not in said.split(". ")[0]


def test_a_rug_of_few_interferers_does_not_blame_its_size():
    """Interference of a few features has no central limit, however large n_sparse is."""
    p, n = 0.05, 256
    made = engineered("block", n, n // 4, p, generator=torch.Generator().manual_seed(0))
    measured = statistics(made, p, generator=np.random.default_rng(0))
    said = verdict(measured.exact, 0.0, levels(0.25, p), measured, rug=True)
    assert "finite size" not in said


def made_up(**known):
    """A rug's statistics with some of them at will, at the optimum but for these."""
    best, (measured, _) = optimum(0.25, 0.05), rug_with(lambda *same: same)
    rows = {
        "diagonal_mean": float(best.a), "diagonal_spread": 0.0, "bias_mean": float(best.b),
        "bias_spread": 0.0, "noise_mean": float(best.sigma), "noise_spread": 0.0,
    }  # fmt: skip
    losses = {"gaussian": AT.loss, "exact": AT.loss, "exact_standard_error": 0.0}
    shape = {"skew": 0.0, "interferers": 85.0, "kolmogorov_smirnov": 0.01}
    return dataclasses.replace(measured, **{**rows, **losses, **shape, **known})


@pytest.mark.parametrize(
    ("known", "said", "unsaid"),
    [
        ({"exact": 0.8 * AT.loss, "skew": -1.2}, "skewed (skew of W -1.2)", "KS"),
        ({"exact": 0.8 * AT.loss, "skew": -0.1}, "below the symmetric prediction L*.", "skew"),
        (
            {"exact": 3.94 * AT.loss, "interferers": 3.0},
            "few features interfere with each (3",
            "KS",
        ),
        ({"exact": 1.2 * AT.loss, "kolmogorov_smirnov": 0.08}, "not Gaussian (KS 0.08)", "skew"),
        ({"exact": 1.2 * AT.loss, "exact_standard_error": 0.1 * AT.loss}, "below the linear", ": "),
    ],
)
def test_interference_is_blamed_where_a_statistic_shows_it(known, said, unsaid):
    told = verdict(known["exact"], 0.0, AT, made_up(**known), begins=False)
    assert said in told
    assert unsaid not in told


def test_statistics_of_another_moment_name_no_cause():
    measured = made_up(exact=0.8 * AT.loss, skew=-1.2)
    assert "skew" not in verdict(1.3 * AT.loss, 0.0, AT, measured).split(". ")[0]
    other = levels(0.25, 0.2)
    assert verdict(0.7 * other.loss, 0.0, other, made_up()).endswith("prediction L*.")


@pytest.mark.parametrize(
    ("name", "n_dense", "sentence"),
    [
        ("pairs", 128, "100 % of features are in mutual pairs: within 1 % of the paired optimum"),
        ("lopsided", 192, "50 % of features are in mutual pairs, 50 % single: within 1 % of the "),
        ("lopsided", 230, "20 % of features are in mutual pairs, 80 % single: within 1 % of the "),
        ("vote:4", 64, "A row has 5.0 strong negative partners: within 3 % of the predicted end"),
    ],
)
def test_which_structure_weights_have(name, n_dense, sentence):
    weights = construct(
        name, 256, n_dense, 0.05, generator=torch.Generator().manual_seed(0)
    ).weights
    found = statistics(weights, 0.05, generator=np.random.default_rng(0))
    at, below = levels(n_dense / 256, 0.05), structured_levels(n_dense / 256, 0.05)
    said = verdict(found.exact, 0.0, at, found, below)
    assert sentence in said
    assert f"{found.exact / at.loss:.0%} of L*".replace("%", " %") in said
    assert verdict(found.exact, 0.0, at, found, below, rug=True).startswith("The rug: ")


def test_no_structure_is_named_above_the_symmetric_optimum():
    weights = construct("pairs", 256, 64, 0.05, generator=torch.Generator().manual_seed(0)).weights
    found = statistics(weights, 0.05, generator=np.random.default_rng(0))
    at, below = levels(0.25, 0.05), structured_levels(0.25, 0.05)
    assert "mutual" not in verdict(1.2 * at.loss, 0.0, at, found, below)
