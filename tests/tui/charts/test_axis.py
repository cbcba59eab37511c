"""Axes: where values fall and what the ticks say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.analysis import numbers
from rugtui.tui.charts.axis import Axis, linear_label, nice_step, spanning


def test_values_without_a_logarithm_are_gaps():
    placed = Axis(-3, 0, True).place(np.array([0.01, 0.0, -1.0, np.nan, 1.0]))
    assert placed[[0, 4]].tolist() == [-2, 0]
    assert np.isnan(placed[1:4]).all()


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e4), st.integers(1, 12))
def test_linear_ticks_lie_inside_on_round_numbers_and_are_not_too_many(first, span, most):
    axis = Axis(first, first + span, False)
    positions, labels = axis.ticks(most)
    assert len(positions) == len(labels) <= (most + 1 if most > 3 else min(most + 3, 5))
    assert all(first - 1e-6 * span <= x <= first + span * (1 + 1e-6) for x in positions)


@pytest.mark.parametrize(
    ("first", "last", "most", "labels"),
    [
        (0, 4, 5, ["1", "10", "100", "1k", "10k"]),
        (-3, 0, 4, ["0.001", "0.01", "0.1", "1"]),
        (-8, -4, 3, ["1e-8", "1e-6", "1e-4"]),
        (-2.3, -2.2, 4, ["0.0055", "0.0060"]),
        (1.26, 2.99, 3, ["30", "100", "300"]),
        (1.26, 2.99, 6, ["20", "50", "100", "200", "500"]),
        (3.2, 5.6, 5, ["3k", "10k", "30k", "100k", "300k"]),
    ],
)
def test_logarithmic_ticks(first, last, most, labels):
    assert Axis(first, last, True).ticks(most)[1] == labels


@pytest.mark.parametrize(("first", "last"), [(0.001, 0.993), (18, 990), (3.1, 9.9)])
def test_there_are_always_two_ticks(first, last):
    for most in range(2, 6):
        assert len(Axis(first, last, False).ticks(most)[1]) > 1


@given(st.floats(1e-9, 1e9))
def test_nice_steps_are_one_two_or_five(rough):
    step = nice_step(rough)
    assert rough * (1 - 1e-9) <= step <= 2.5 * rough * (1 + 1e-9)
    assert round(step / 10 ** np.floor(np.log10(step) + 1e-9), 9) in (1, 2, 5)


@pytest.mark.parametrize(
    ("value", "step", "label"),
    [
        (0.015, 0.005, "0.015"),
        (1500, 500, "1.5k"),
        (2e6, 1e6, "2M"),
        (3, 1, "3"),
        (12400, 200, "12,400"),
        (9400, 200, "9.4k"),
        (0.0076543, 1e-7, "0.0076543"),
        (5e-4, 5e-4, "5e-4"),
        (0.0, 0.005, "0"),
    ],
)
def test_labels_have_the_digits_that_the_step_needs(value, step, label):
    assert linear_label(value, step) == label


@given(st.floats(1e-6, 40), st.floats(1e-3, 1), st.booleans())
def test_ticks_and_readout_share_one_notation(first, span, log):
    """Decimals from 0.001 up, an exponent below."""
    axis = Axis(0, 1, log).between(first, first * (1 + span))
    for place, label in zip(*axis.ticks(5), strict=True):
        value = axis.value(place)
        if value < 0.999 or value > 1.001:
            assert ("e" in label) == ("e" in numbers.loss(value))


@given(st.floats(1, 1e6), st.floats(1e-9, 1), st.integers(2, 10), st.booleans())
def test_tick_labels_are_unique(size, span, most, small):
    """However far one zooms in, on steps or on losses."""
    first = 1 / size if small else size
    labels = Axis(first, first * (1 + span), False).ticks(most)[1]
    assert len(set(labels)) == len(labels)


@given(st.floats(1e-9, 1e9), st.booleans())
def test_value_is_the_inverse_of_place(value, log):
    axis = Axis(0, 1, log)
    assert axis.value(axis.place_one(value)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("log", [False, True])
def test_parts_agree_with_dots_on_edges(log):
    x = np.arange(1.0, 1000.0)
    axis = spanning(x[100:900], log, margin=0)
    dots = np.floor(axis.dots(axis.place(x), 18) + 0.5)  # many lie on the edge of two
    parts = axis.parts(x, 18)
    assert parts.tolist() == [(dots < k).sum() for k in range(19)]
    # what a logarithm cannot place comes before all
    behind = axis.parts(np.concatenate([[-1.0], x]), 18)
    assert behind.tolist() == (parts + 1).tolist()


@pytest.mark.parametrize("values", [[], [np.nan], [3.0], [0.0], [2.0, 2.0]])
@pytest.mark.parametrize("log", [False, True])
def test_an_axis_always_has_a_positive_length(values, log):
    axis = spanning(np.array(values), log)
    assert axis.last > axis.first
