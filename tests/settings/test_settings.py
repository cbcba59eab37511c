"""Settings: valid and invalid values, messages, and settings that have no effect."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rugtui.errors import SettingError
from rugtui.settings.fields import numbers
from rugtui.settings.settings import Settings, declared, fields, no_effect, unused
from rugtui.training.trainer import Trainer

SMALL = Settings(n_sparse=16, n_dense=4, p=0.2, batch=8, steps=60, device="cpu")
OTHER = {
    "lr": 0.3,
    "momentum": 0.5,
    "weight_decay": 0.5,
    "schedule": "warmup",
    "optimizer": "sgd",
    "p": 0.9,
    "matmul": "bf16",
}


def test_every_field_is_declared_with_a_sentence():
    names = [one.name for one in fields()]
    assert names == [one.name for one in dataclasses.fields(Settings)]
    assert all(one.rule.about.endswith(".") for one in fields())


@pytest.mark.parametrize("one", fields(), ids=lambda one: one.name)
def test_defaults_survive_writing_and_parsing(one):
    assert one.parse(one.write(one.default)) == one.default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_sparse", 1),
        ("n_sparse", 512.5),
        ("n_sparse", True),
        ("n_dense", 0),
        ("n_dense", 600),
        ("p", 0),
        ("p", 1.5),
        ("p", math.nan),
        ("p", math.inf),
        ("p", "0.1"),
        ("lr", -1.0),
        ("lr", 0.0),
        ("batch", 0),
        ("seed", -1),
        ("seed", 2**63),
        ("device", "gpu"),
        ("device", "cuda:"),
        ("method", "magic"),
        ("method", None),
    ],
)
def test_an_invalid_value_is_refused_with_name_wanted_and_given(name, value):
    with pytest.raises(SettingError) as caught:
        Settings(**{name: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{name} must be ")
    assert (repr(value) if isinstance(value, str) else str(value)) in sentence
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "  ", "auto", "AUTO"])
def test_auto_is_none_where_a_setting_is_optional(text):
    assert declared("lr").parse(text) is None


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000), ("1_024", 1024), (" 12 ", 12)])
def test_whole_numbers_may_be_written_in_several_ways(text, value):
    assert declared("n_sparse").parse(text) == value


@pytest.mark.parametrize("text", ["", "x", "1.5", "nan", "inf", "1e400", "0x10", "--3"])
def test_text_that_is_no_whole_number_is_refused(text):
    with pytest.raises(SettingError, match="n_sparse must be a whole number of at least 2"):
        declared("n_sparse").parse(text)


@given(st.floats(min_value=1e-12, max_value=1.0))
def test_p_survives_writing_and_parsing(p):
    assert declared("p").parse(declared("p").write(p)) == pytest.approx(p, rel=1e-11)


def test_only_settings_that_are_not_hot_restart():
    before = Settings()
    assert before.restarts(before.replace(p=0.1, lr=1e-3, batch=8, steps=0)) == []
    assert before.restarts(before.replace(n_dense=64, p=0.1, seed=3)) == ["n_dense", "seed"]


def test_the_default_rate_is_the_papers():
    assert Settings(n_sparse=1024).learning_rate == pytest.approx(3e-3 / 32)
    assert Settings(lr=0.5).learning_rate == 0.5


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().p = 0.1  # type: ignore[misc]


def test_lists_and_ranges_can_be_mixed():
    assert numbers("p", "0.5, 0.1:0.3:3") == pytest.approx([0.5, 0.1, 0.2, 0.3])


def test_logarithmic_ranges_are_evenly_spaced_in_the_logarithm():
    assert numbers("p", "1e-4:1:5:log") == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])


@given(st.floats(0.001, 1), st.floats(1, 1000), st.integers(2, 50), st.booleans())
def test_a_range_includes_both_ends(first, last, count, log):
    values = numbers("r", f"{first!r}:{last!r}:{count}" + ":log" * log)
    assert len(values) == count
    assert values[0] == first
    assert math.isclose(values[-1], last, rel_tol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1,",
        "0.5:0.1:3",
        "0:1:3:log",
        "1:2",
        "1:2:0",
        "1:2:1",
        "1:2:3:4",
        "nan",
        "1:2:1e9",
        "1:2:99999," * 9 + "1",
    ],
)
def test_text_that_is_no_list_or_range_is_refused(text):
    with pytest.raises(SettingError, match=r"ratio must be (a|at most)"):
        numbers("ratio", text)


@pytest.mark.parametrize(
    ("beside", "names"),
    [
        ({}, {"momentum", "weight_decay"}),
        ({"optimizer": "sgd"}, {"weight_decay"}),
        ({"optimizer": "adamw"}, {"momentum"}),
        ({"data": "one"}, {"momentum", "weight_decay", "p"}),
        ({"method": "population"}, set(OTHER) - {"p"}),
    ],
)
def test_settings_said_to_have_no_effect_have_none(beside, names):
    settings = SMALL.replace(**beside)
    set_to = {name: settings.replace(**{name: OTHER[name]}) for name in OTHER}
    assert {n for n, s in set_to.items() if n in unused(s.as_dict())} == names
    for name in names:
        assert torch.equal(trained(set_to[name]), trained(settings)), name
    for name in set(OTHER) - names - {"optimizer", "matmul"}:
        assert not torch.equal(trained(set_to[name]), trained(settings)), name


def trained(settings: Settings) -> torch.Tensor:
    training = Trainer(settings)
    training.advance()
    return training.state().tensors["weights"]


def test_only_settings_that_were_set_are_reported():
    assert no_effect(Settings(method="population")) == []
    assert no_effect(Settings(data="one", p=0.3, momentum=0.5)) == [
        "p 0.3 has no effect: exactly one feature is on.",
        "momentum 0.5 has no effect: adam keeps its own averages.",
    ]
    assert unused({}) == {}
