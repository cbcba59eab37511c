"""The sentence under the theory table."""

import pytest

from rugtui.analysis.verdict import caveat, comparable, death, verdict
from rugtui.settings.settings import Settings
from rugtui.theory.levels import levels

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


def test_a_difference_within_the_noise_is_none():
    assert "plateau" in verdict(1.03 * AT.loss, 0.02 * AT.loss, AT, None)


def test_a_loss_that_jumps_about_is_on_no_plateau():
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


def test_no_sentence_calls_it_a_floor():
    said = [verdict(k / 10 * AT.loss, 1e-6, AT, None) for k in range(1, 40)]
    assert not any("floor" in one or "bound" in one for one in said)


def test_nothing_is_said_of_nothing():
    assert verdict(float("nan"), 0.0, AT, None) == ""


def test_what_does_not_hold_is_said():
    assert caveat(Settings()) == ""
    said = caveat(Settings(activation="gelu", bias=False))
    assert "are of a ReLU, not of gelu; elementwise and oracle hold" in said
    assert "Gaussian(W) and exact(W) hold without" in said
    assert "linear is the best there is" in caveat(Settings(activation="identity"))
    assert "weighed by importance and no line is" in caveat(Settings(importance=1.0))
    assert "p = 1/n_sparse = 0.00195" in caveat(Settings(data="one"))


def test_only_what_L_star_is_of_is_held_against_it():
    assert comparable(Settings(tied=True, bias=False))
    for change in ({"activation": "tanh"}, {"importance": 1.0}, {"data": "one"}):
        assert not comparable(Settings(**change))


def test_dead_outputs_are_said():
    assert death(0, Settings()) == ""
    assert death(1, Settings()).startswith("1 of 512 outputs is dead")
    assert death(512, Settings()).startswith("All outputs are dead")


def test_what_helps_dead_outputs_is_what_may_have_killed_them():
    usual = Settings().usual_rate
    assert f"lr {usual:.2g} say" in death(512, Settings(lr=100 * usual))
    for innocent in ({}, {"lr": usual}, {"lr": 1.0, "method": "population"}):
        said = death(512, Settings(**innocent))
        assert said.endswith("start anew with other weights (init).")
