"""Values to levels: scales that suit, and pictures that stand still."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rugtui.models.base import Window
from rugtui.tui.charts.palette import DIAGONAL, HALF_LEVELS
from rugtui.tui.heatmap.shading import (
    BAND,
    Scale,
    bias_scale,
    off_diagonal_scale,
    on_diagonal,
    rescaled,
    settled,
    still,
)

WHOLE = Window.whole(40)


def with_diagonal(n=40, off=0.01, on=5.0):
    pixels = np.full((n, n), off)
    np.fill_diagonal(pixels, on)
    return pixels


def levels(scale, values):
    return settled(scale.steps(np.array([values])), None).tolist()[0]


def test_the_diagonal_does_not_set_the_scale():
    pixels = with_diagonal()
    assert off_diagonal_scale([pixels], WHOLE) == pytest.approx(0.01)
    shifted = np.roll(pixels, 7, axis=1)  # a window whose columns start 7 to the left of its rows
    assert off_diagonal_scale([shifted[:, 7:]], Window(7, 7, 40, 40)) > 0.01
    assert off_diagonal_scale([pixels[7:, :33]], Window(7, 0, 40, 33)) == pytest.approx(0.01)


def test_a_pooled_diagonal_is_left_out_too():
    pooled = with_diagonal(30).reshape(10, 3, 10, 3).mean((1, 3))
    assert off_diagonal_scale([pooled], Window.whole(30)) == pytest.approx(0.01)


def test_a_still_picture_marks_a_diagonal_beyond_its_scale():
    levels = still(with_diagonal(), WHOLE)
    assert (levels == np.where(np.eye(40), DIAGONAL, HALF_LEVELS)).all()
    assert set(still(with_diagonal(on=-5.0), WHOLE).diagonal()) == {-HALF_LEVELS}
    assert not (still(with_diagonal(on=0.01), WHOLE) == DIAGONAL).any()


def test_two_panels_have_one_scale():
    both = [with_diagonal(off=0.01), with_diagonal(off=0.3)]
    assert off_diagonal_scale(both, WHOLE) == pytest.approx(0.3)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.full((3, 3), np.nan), np.ones((1, 1))])
@pytest.mark.parametrize("scaling", ["quantile", "fixed", "log"])
def test_the_scale_is_always_positive(pixels, scaling):
    assert rescaled(None, scaling, [pixels], Window.whole(len(pixels))).top == 1.0


@given(
    at=st.tuples(*[st.integers(0, 30)] * 2),
    size=st.tuples(*[st.integers(1, 30)] * 2),
    data=st.data(),
)
def test_on_the_diagonal_is_what_holds_a_cell_of_it(at, size, data):
    window = Window(at[0], at[1], at[0] + size[0], at[1] + size[1])
    height, width = (data.draw(st.integers(1, length)) for length in size)
    cells = np.equal.outer(np.arange(window.top, window.bottom), np.arange(at[1], window.right))
    rows = np.arange(height) * size[0] // height
    columns = np.arange(width) * size[1] // width
    pooled = np.add.reduceat(np.add.reduceat(cells, rows, 0), columns, 1, dtype=int)
    np.testing.assert_array_equal(on_diagonal(window, height, width), pooled > 0)


def test_levels_are_even_steps_and_saturate():
    values = [-9.0, -1.0, -0.5, 0.0, 0.0624, 0.0626, 1.0, np.nan]
    assert levels(Scale("quantile", 1.0), values) == [-8, -8, -4, 0, 0, 1, 8, 0]


def test_logarithmic_levels_are_even_ratios():
    scale = Scale("log", 2.0)
    values = [-2.0, 2.0 * 10 ** (-1 / 3), 0.2, 0.02, -0.02, 1e-9, 0.0]
    assert levels(scale, values) == [-8, 7, 5, 2, -2, 0, 0]
    assert levels(scale, [1.01 * scale.least(), 0.99 * scale.least()]) == [1, 0]


def test_the_scale_stays_until_the_quantile_leaves_its_band():
    first = rescaled(None, "quantile", [with_diagonal(off=0.01)], WHOLE)
    for factor in (1.0, 1.02 / BAND, 0.98 * BAND):
        assert rescaled(first, "quantile", [with_diagonal(off=0.01 * factor)], WHOLE) == first
    for factor in (0.98 / BAND, 1.02 * BAND):
        after = rescaled(first, "quantile", [with_diagonal(off=0.01 * factor)], WHOLE)
        assert after.top == pytest.approx(0.01 * factor)


def test_a_fixed_scale_is_frozen_as_it_was():
    first = rescaled(None, "quantile", [with_diagonal(off=0.01)], WHOLE)
    fixed = rescaled(first, "fixed", [with_diagonal(off=7.0)], WHOLE)
    assert fixed == Scale("fixed", first.top)


def test_a_logarithmic_scale_reaches_to_the_diagonal():
    assert rescaled(Scale("quantile", 0.01), "log", [with_diagonal()], WHOLE).top == 5.0


@given(steps=arrays(float, (5, 5), elements=st.floats(-8, 8)), seed=st.integers(0, 99))
def test_a_small_change_changes_no_level(steps, seed):
    before = settled(steps, None)
    nudge = np.random.default_rng(seed).uniform(-0.19, 0.19, steps.shape)
    np.testing.assert_array_equal(settled(steps + nudge, before), before)
    assert np.abs(settled(steps, np.roll(before, 1)) - steps).max() <= 0.7


def test_levels_of_another_shape_are_forgotten():
    assert settled(np.zeros((2, 3)), np.ones((3, 2), np.int8)).shape == (2, 3)


@pytest.mark.parametrize(("biases", "top"), [([-0.441, -0.43], 0.5), ([0.0], 1.0), ([1.0], 1.0)])
def test_biases_end_at_a_round_number(biases, top):
    assert bias_scale([np.array(biases)]) == pytest.approx(top)
    assert levels(Scale("fixed", top), [top, -top]) == [HALF_LEVELS, -HALF_LEVELS]
