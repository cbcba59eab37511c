"""The two axes as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.tui.charts.axis import FOOT, Axis, axes, gutter

WIDTH, HEIGHT = 60, 15


def test_ticks_are_at_their_values():
    x, y = Axis(0, 1000, False), Axis(-4, -2, True)
    rows = axes(x, y, WIDTH, HEIGHT, False)
    left = gutter(y, HEIGHT)
    assert [row[left - 1] for row in rows[:-FOOT]].count("┤") == 3
    assert rows[0].startswith("  0.01┤")
    assert rows[(HEIGHT - FOOT) // 2].startswith(" 0.001┤")
    assert rows[-FOOT][left] == "┬"
    assert rows[-1][left] == "0"
    assert "500" in rows[-1][left + 20 : left + 32]


def test_ascii_axes_are_ascii():
    rows = axes(Axis(0, 1000, False), Axis(-4, -2, True), WIDTH, HEIGHT, True)
    assert "".join(rows).isascii()


@given(
    st.floats(1e-9, 1e6),
    st.floats(1e-8, 100),
    st.booleans(),
    st.integers(24, 140),
    st.integers(4, 50),
)
def test_every_axis_fills_its_rows_and_leaves_the_plot_blank(low, span, log, width, height):
    axis = Axis(0, 1, log).between(low, low * (1 + span))
    rows = axes(axis, axis, width, height, False)
    left = gutter(axis, height)
    assert [len(row) for row in rows] == [width] * height
    assert all(row[left:].isspace() for row in rows[:-FOOT])


@pytest.mark.parametrize("log", [False, True])
def test_the_gutter_does_not_move_with_the_digits(log):
    assert len({gutter(Axis(0, 1, log).between(low, 3 * low), 20) for low in (0.002, 0.02)}) == 1
