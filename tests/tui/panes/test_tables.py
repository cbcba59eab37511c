"""Header and theory table as text."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from rich.style import Style

from rugtui.analysis import numbers
from rugtui.analysis import statistics as measure
from rugtui.analysis.glossary import LOSSES, SYMMETRY
from rugtui.live.frame import Reading
from rugtui.live.history import History
from rugtui.settings.settings import Settings
from rugtui.training.initial import initial
from rugtui.tui.charts.lines import sentences
from rugtui.tui.charts.palette import DARK
from rugtui.tui.header import headline
from rugtui.tui.panes.pane import NAME
from rugtui.tui.panes.symmetry import waiting
from rugtui.tui.panes.theory import theory_rows, theory_table
from tests.tui.fake import LEVELS, some_frame


def text(strips):
    return "\n".join(strip.text.rstrip() for strip in strips)


def test_each_row_compares_the_live_loss_with_theory():
    frame = some_frame(trained=Reading(loss=2 * LEVELS.loss, standard_error=LEVELS.loss / 10))
    table = theory_table(frame, DARK, 60, 20)
    line = next(strip.text.split() for strip in table if strip.text.startswith("L*(r, p)"))
    assert line[2:] == ["0.005789", "2.000", "+10.0"]


def test_the_rug_has_its_own_live_loss_and_no_held_out_one():
    frame = some_frame(shown="rug", rug=Reading(loss=0.0061, standard_error=1e-5))
    names = [row.name for row in theory_rows(frame)]
    assert names[0] == "rug, sampled"
    assert "held out" not in names
    assert "0.006100" in text(theory_table(frame, DARK, 60, 20))


@pytest.mark.parametrize("height", [3, 5, 11, 30])
@pytest.mark.parametrize("width", [20, 38, 60])
def test_the_table_fills_its_pane_and_keeps_the_verdict(width, height):
    strips = theory_table(some_frame(), DARK, width, height)
    assert [strip.cell_length for strip in strips] == [width] * height
    assert "live" in text(strips)
    if height >= 11:
        assert "plateau" in text(strips)
    if height >= 4:
        assert "L*(r, p)" in text(strips)


def test_in_a_pane_of_120_by_40_the_number_line_stays_whatever_else_is_there():
    weights = initial(Settings(n_sparse=64, n_dense=16), generator=torch.Generator())
    measured = measure.statistics(weights, 0.05, generator=np.random.default_rng(0))
    reading = Reading(
        loss=0.006, standard_error=1e-5, statistics=measured, heldout=0.007, measured_at=1
    )
    for words in ("Short.", "A longer verdict. " * 30):
        shown = text(theory_table(some_frame(trained=reading, verdict=words), DARK, 58, 14))
        assert "▼" in shown.split("\n")[2]
        assert "linear" in shown.split("\n")[3]
        assert "L*(r, p)" in shown
        assert ("held out" in shown) == ("exact(W)" in shown)


@pytest.mark.parametrize("width", range(24, 40))
def test_no_number_is_cut(width):
    frame = some_frame(verdict="")
    whole = [set(text(theory_table(frame, DARK, one, 12)).split()) for one in (38, 60)]
    words = text(theory_table(frame, DARK, width, 9)).split()
    assert {word for word in words if "─" not in word} <= whole[0] | whole[1]


def test_a_long_verdict_leaves_the_important_rows():
    frame = some_frame(verdict="25 % below the symmetric prediction L*. " * 5)
    strips = theory_table(frame, DARK, 38, 9)
    shown = [strip.text.split("  ")[0].strip() for strip in strips]
    assert {"live", "L*(r, p)", "linear"} <= set(shown)
    assert strips[-1].text.strip()


@pytest.mark.parametrize(
    ("recipe", "rate"),
    [
        ({}, "lr 0.00013"),
        ({"method": "population"}, "lr 0.025"),
        ({"schedule": "warmup"}, "lr 0.025"),
    ],
)
def test_the_rate_is_the_one_in_force(recipe, rate):
    history = History()
    history.append(step=1, seconds=0.1, loss=1.0, lr=0.025)
    frame = some_frame(settings=Settings().replace(**recipe), history=history.view())
    assert f" {rate} " in headline(frame, DARK, 200).text


def test_before_its_first_step_a_method_has_no_rate_of_its_own():
    history = History()
    history.append(step=1, seconds=0.1, loss=1.0, lr=0.025, batch=64)
    population = Settings(method="population")
    assert (
        " lr "
        not in headline(some_frame(settings=population, history=history.view()), DARK, 200).text
    )
    history.append(step=2, seconds=0.1, loss=1.0, lr=0.5, batch=0)
    assert (
        " lr 0.5 "
        in headline(some_frame(settings=population, history=history.view()), DARK, 200).text
    )
    warm = Settings(schedule="warmup")
    assert " lr " not in headline(some_frame(settings=warm, history=history.view()), DARK, 200).text


def test_the_header_leaves_out_the_least_important_first():
    frame = some_frame()
    wide, usual, narrow = (headline(frame, DARK, width).text for width in (200, 120, 60))
    assert "r 0.25" in wide
    assert "sparse" in wide
    assert "1.002 × L*" in usual
    assert "step 2,000" in narrow
    assert "steps/s" not in narrow


def test_the_header_says_how_far_a_run_is_and_how_long_it_takes():
    frame = some_frame(settings=Settings(steps=8000))
    said = headline(frame, DARK, 160).text
    assert "step 2,000 of 8,000 · ━━─" in said
    assert "01:00 left" in said
    assert "left" not in headline(some_frame(settings=Settings(steps=0)), DARK, 160).text
    paused = headline(some_frame(settings=Settings(steps=8000), phase="paused"), DARK, 160).text
    assert "left" not in paused
    assert "steps/s" not in paused


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_the_header_has_a_margin(width):
    said = headline(some_frame(settings=Settings(steps=8000)), DARK, width).text
    assert said[0] == said[-1] == " "


@pytest.mark.parametrize("width", [10, 40, 80, 120, 200])
def test_the_header_fills_its_line(width):
    assert headline(some_frame(), DARK, width).cell_length == width


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0054312, "0.005431"), (2.1e-6, "2.100e-6"), (0, "0.000000"), (math.nan, "-")],
)
def test_losses_keep_comparable_digits(value, shown):
    assert numbers.loss(value) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0, "00:00"), (75.9, "01:15"), (3725, "1:02:05")])
def test_durations(seconds, shown):
    assert numbers.duration(seconds) == shown


def test_a_verdict_without_room_keeps_whole_sentences():
    verdict = "The rug is 12 % above L*, as its size has it. Interference is skewed (KS 0.02)."
    told = [text(sentences(verdict, Style.null(), 38, most)) for most in (1, 2, 4)]
    assert " ".join(told[0].split()) == "The rug is 12 % above L*, as its …"
    assert " ".join(told[1].split()) == "The rug is 12 % above L*, as its size has it. …"
    assert " ".join(told[2].split()) == verdict


def test_the_header_says_when_nothing_comes():
    pace = "steps/s"
    assert pace in headline(some_frame(), DARK, 100).text
    still = headline(some_frame(), DARK, 100, 12.3).text
    assert "no news for 12 s" in still
    assert pace not in still


def test_missing_statistics_are_explained():
    assert waiting(some_frame(step=0)) == "Statistics follow the first steps."
    assert waiting(some_frame()) == "Computing statistics of the trained weights …"
    assert "of the rug weights" in waiting(some_frame(step=0, shown="rug"))
    opened = waiting(some_frame(step=0, phase="opened"))
    assert opened == "Computing statistics of the trained weights …"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-0.32141, "−0.3214"),
        (3.427e-5, "3.427e-5"),
        (22134.0, "22,134"),
        (1e7, "1e7"),
        (-1.2e12, "−1.2e12"),
    ],
)
def test_figures_are_short(value, shown):
    assert numbers.figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2e-5, "2e-5"),
        (2e-10, "2e-10"),
        (1e7, "1e7"),
        (1e10, "1e10"),
        (1e100, "1e100"),
        (-3e-308, "-3e-308"),
        (1.0, "1e0"),
    ],
)
def test_exponents_have_no_plus_and_no_zeros(value, shown):
    assert numbers.short_exponent(f"{value:.0e}") == shown
    assert float(numbers.short_exponent(f"{value:.3e}")) == pytest.approx(value)
    assert numbers.short_exponent("e 0.05, 12, nan") == "e 0.05, 12, nan"


def test_minus_signs_are_true_and_no_line_ends_between_them_and_their_number():
    told = numbers.minus("skew of W -1.6, 1e-5, -.5, x-1, n_dense-2")
    assert told == "skew of W −1.6, 1e-5, −.5, x-1, n_dense-2"
    assert numbers.deviation(-12.34) == "−12.3"


def tails(**known):
    """What stands behind the value of each row."""
    frame = some_frame(**known)
    table = [strip.text.split() for strip in theory_table(frame, DARK, 60, 20)]
    names = ("Gaussian(W)", "exact(W)", "L*(r,", "linear")
    return {line[0]: line[-2:] for line in table if line and line[0] in names}


def test_losses_of_another_step_are_not_compared_with_the_live_loss(statistics):
    then = Reading(loss=0.004, standard_error=1e-5, statistics=statistics, measured_at=1000)
    assert tails(step=2000, trained=then)["exact(W)"] == ["-", "-"]
    assert tails(step=1000, trained=then)["exact(W)"] != ["-", "-"]
    known = dataclasses.replace(then, heldout=0.0058, heldout_standard_error=1e-5)
    assert tails(step=2000, trained=known)["exact(W)"] != ["-", "-"]


@pytest.mark.parametrize("recipe", [{"activation": "gelu"}, {"data": "one"}, {"importance": 1.0}])
def test_exact_and_gaussian_losses_are_only_shown_for_a_relu_on_equal_features(recipe, statistics):
    known = Reading(loss=0.004, standard_error=1e-5, statistics=statistics, measured_at=2000)
    settings = Settings(**recipe)
    shown = tails(settings=settings, trained=known)
    assert not {"Gaussian(W)", "exact(W)"} & set(shown)
    assert (shown["linear"] == ["-", "-"]) == ("importance" in recipe)
    rug = tails(settings=settings, shown="rug", rug=known)
    assert {"Gaussian(W)", "exact(W)"} <= set(rug)
    assert rug["linear"] != ["-", "-"]


@pytest.fixture
def statistics():
    settings = Settings(n_sparse=8, n_dense=2, p=0.05)
    weights = initial(settings, generator=torch.Generator().manual_seed(0))
    return measure.statistics(weights, 0.05, generator=np.random.default_rng(0))


def test_names_of_rows_fit_their_column_so_that_a_click_finds_them():
    names = [one.name for one in (*LOSSES.values(), *SYMMETRY.values())]
    assert max(map(len, names)) <= NAME
