"""Settings: what passes, what is refused, and what the refusal says."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.errors import SettingError
from rugtui.settings.settings import Settings, declared, fields


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
def test_what_cannot_be_is_refused_with_name_wanted_and_got(name, value):
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
def test_other_text_is_no_whole_number(text):
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
