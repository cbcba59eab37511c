"""Lists and ranges as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.errors import SettingError
from rugtui.settings.ranges import numbers


def test_lists_and_ranges_mix():
    assert numbers("p", "0.5, 0.1:0.3:3") == pytest.approx([0.5, 0.1, 0.2, 0.3])


def test_logarithmic_ranges_are_even_in_the_logarithm():
    assert numbers("p", "1e-4:1:5:log") == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])


@given(st.floats(0.001, 1), st.floats(1, 1000), st.integers(2, 50), st.booleans())
def test_a_range_starts_and_ends_where_it_says(first, last, count, log):
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
def test_other_text_is_refused(text):
    with pytest.raises(SettingError, match=r"ratio must be (a|at most)"):
        numbers("ratio", text)
