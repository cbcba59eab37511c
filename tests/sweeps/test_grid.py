"""The grid of a sweep, and its units."""

import pytest

from rugtui.errors import SettingError
from rugtui.sweeps.grid import Axes, Grid, Variant
from rugtui.sweeps.plan import TOGETHER, left, parameters, units


def test_every_cell_of_the_grid_is_in_one_unit():
    grid = Grid(n_sparse="16,32", ratio="0.25,0.5", p="0.01:0.5:25", seed="0,1")
    keys = [key for unit in units(grid) for key in unit.keys]
    shapes = {(16, 4), (16, 8), (32, 8), (32, 16)}
    assert {key[:2] for key in keys} == shapes
    assert len(keys) == len(set(keys)) == Axes.of(grid).cells == 4 * 25 * (2 * 2 + 2)
    assert all(len({key[:2] for key in unit.keys}) == 1 for unit in units(grid))


def test_large_models_are_units_of_their_own_and_small_ones_share_one():
    kinds = "trained,population,rug"
    grid = Grid(n_sparse="16,1024,4096", ratio="0.25", p="0.01:0.5:25", kinds=kinds)
    assert all(len(unit.cells) == 1 for unit in units(grid) if unit.kind == "trained")
    weighty = [unit for unit in units(grid) if unit.kind in ("population", "rug")]
    counts = {n: [len(u.cells) for u in weighty if u.n_sparse == n] for n in (16, 1024, 4096)}
    assert counts == {16: [20, 5] * 2, 1024: [*[3] * 8, 1] * 2, 4096: [1] * 50}
    for unit in weighty:
        assert len(unit.cells) * parameters(unit.shape) <= max(TOGETHER, parameters(unit.shape))


def test_only_missing_cells_are_left_and_population_units_stay_whole():
    every = units(Grid(n_sparse="16", ratio="0.5", p="0.1,0.2", kinds="population,rug"))
    assert [len(unit.cells) for unit in every] == [2, 2]
    population, rug = left(every, {unit.keys[0] for unit in every})
    assert population == every[0]
    assert rug.keys == every[1].keys[1:]
    assert left(every, {key for unit in every for key in unit.keys}) == []


def test_every_variant_of_the_trained_model_is_a_cell():
    grid = Grid(ratio="0.5", p="0.1", seed="0,1", bias="yes,no", activation="relu,tanh")
    every = units(grid)
    assert len({key for unit in every for key in unit.keys}) == Axes.of(grid).cells == 2 * 4 + 2 + 2
    made = {cell.variant for unit in every for cell in unit.cells if unit.kind == "trained"}
    assert {one.words for one in made} == {"", "no bias", "tanh", "no bias, tanh"}
    assert "4 variants" in Axes.of(grid).words


@pytest.mark.parametrize(
    ("n_sparse", "steps"), [(2, 1000), (128, 3000), (512, 6000), (2048, 12000)]
)
def test_steps_grow_with_size_and_training_may_stop_earlier(n_sparse, steps):
    settings = Grid().settings((n_sparse, 1), 0.1, 0, Variant())
    assert (settings.method, settings.steps, settings.patience) == ("sgd", steps, steps // 4)


def test_k_is_for_topk_alone():
    grid = Grid(n_sparse="16", ratio="0.5", p="0.1", activation="relu,topk", k=3)
    kept = {one.activation: grid.settings((16, 8), 0.1, 0, one).k for one in Axes.of(grid).variants}
    assert kept == {"relu": None, "topk": 3}
    assert grid.settings((16, 8), 0.1, 0).k is None  # population


def test_a_method_turns_trained_into_population():
    assert Grid.asked({"method": "population"}).kinds == "population,rug,theory,linear"
    assert Grid.asked({"method": "sgd"}) == Grid()
    with pytest.raises(SettingError, match="method must be one of sgd, population"):
        Grid.asked({"method": "magic"})


def test_the_ends_of_a_range_are_clamped_as_in_the_paper():
    axes = Axes.of(Grid(n_sparse="128", ratio="0.002:0.8:20"))
    assert [n_dense for _, n_dense in axes.shapes][:2] == [1, 6]
    assert len(axes.shapes) == 20
    assert "1 ratio" in axes.notes[0]


def test_ratios_that_round_to_the_same_n_dense_are_merged():
    axes = Axes.of(Grid(n_sparse="16", ratio="0.1:0.9:50"))
    assert len(axes.shapes) == len(set(axes.shapes)) < 16
    assert "50 ratios" in axes.notes[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ratio": ""}, "ratio must be"),
        ({"ratio": "0.8:0.2:5"}, "FIRST ≤ LAST"),
        ({"p": "0.1:0.9:0"}, "COUNT"),
        ({"p": "0,0.1"}, "p must be numbers above 0"),
        ({"p": "0.5:1.5:3"}, "at most 1"),
        ({"p": "0.1,0.2,0.1"}, "0.1 more than once"),
        ({"ratio": "0.25,0.25"}, "0.25 more than once"),
        ({"n_sparse": "64,64"}, "64 more than once"),
        ({"n_sparse": "16.5"}, "whole numbers"),
        ({"n_sparse": "1"}, "at least 2"),
        ({"n_sparse": "16", "ratio": "0.01"}, "0.0625 to 0.9375 at n_sparse 16"),
        ({"n_sparse": "16", "ratio": "0.99"}, "16 is none"),
        ({"ratio": "0:1:5"}, "ratio must be"),
        ({"seed": "-1"}, "at least 0"),
        ({"kinds": "trained,rugs"}, "'rugs'"),
        ({"kinds": "rug,rug"}, "differ"),
        ({"kinds": ","}, "kinds must be"),
        ({"ratio": "0.1:0.9:2000", "p": "0.1:0.9:2000", "n_sparse": "8192"}, "at most 1,000,000"),
        ({"activation": "relu,magic"}, "activation must be"),
        ({"tied": "yes,true"}, "tied must be values that differ"),
        ({"k": 3}, "k must be auto unless topk is among the activations"),
        ({"n_sparse": "16", "activation": "topk", "k": 17}, "at most n_sparse = 16"),
    ],
)
def test_an_invalid_grid_is_refused_in_one_sentence(given, said):
    with pytest.raises(SettingError) as caught:
        Grid(**given)
    assert said in str(caught.value)
