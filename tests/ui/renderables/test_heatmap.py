"""The heatmap as a person sees it: characters and colours, without an app."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rugtui.ui.renderables.heatmap import heatmap, off_diagonal_scale, quantise, stretch
from rugtui.ui.renderables.palette import DARK, HALF_LEVELS, LIGHT


def pixels_of(strips, palette):
    """Read the levels back from the colours on the screen."""
    colours = {palette.level(k): k for k in range(-HALF_LEVELS, HALF_LEVELS + 1)}
    rows = []
    for strip in strips:
        upper, lower = [], []
        for segment in strip:
            assert set(segment.text) == {"▀"}
            for row, colour in ((upper, segment.style.color), (lower, segment.style.bgcolor)):
                row += [colours[tuple(colour.triplet)]] * len(segment.text)
        rows += [upper, lower]
    return np.array(rows)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@given(levels=arrays(np.int8, (6, 9), elements=st.integers(-HALF_LEVELS, HALF_LEVELS)))
def test_colours_say_the_levels(palette, levels):
    strips = heatmap(levels, palette)
    assert [strip.cell_length for strip in strips] == [9, 9, 9]
    assert (pixels_of(strips, palette) == levels).all()


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_all_levels_have_colours_of_their_own(palette):
    levels = range(-HALF_LEVELS, HALF_LEVELS + 1)
    assert len({palette.level(level) for level in levels}) == 2 * HALF_LEVELS + 1


def test_equal_neighbours_are_one_run():
    assert [len(list(strip)) for strip in heatmap(np.zeros((4, 50), np.int8), DARK)] == [1, 1]


def test_the_scale_is_not_drowned_by_the_diagonal():
    pixels = np.full((40, 40), 0.01)
    np.fill_diagonal(pixels, 5.0)
    assert off_diagonal_scale(pixels, 0, 0, 40, 40) == pytest.approx(0.01)
    shifted = np.roll(pixels, 7, axis=1)  # a window whose columns start 7 to the left of its rows
    assert off_diagonal_scale(shifted[:, 7:40], 0, 0, 40, 33) == pytest.approx(0.01)


def test_a_pooled_diagonal_is_left_out_too():
    dense = np.full((30, 30), 0.01)
    np.fill_diagonal(dense, 5.0)
    pooled = dense.reshape(10, 3, 10, 3).mean((1, 3))
    assert off_diagonal_scale(pooled, 0, 0, 30, 30) == pytest.approx(0.01)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.full((3, 3), np.nan), np.ones((1, 1))])
def test_the_scale_is_always_positive(pixels):
    n = len(pixels)
    assert off_diagonal_scale(pixels, 0, 0, n, n) == 1.0


def test_levels_are_even_steps_and_saturate():
    values = np.array([[-9.0, -1.0, -0.5, 0.0, 0.0624, 0.0626, 1.0, np.nan]])
    assert quantise(values, 1.0).tolist() == [[-8, -8, -4, 0, 0, 1, 8, 0]]


def test_stretching_repeats_neighbours():
    small = np.array([[1, 2], [3, 4]], np.int8)
    assert stretch(small, 4, 4).tolist() == np.kron(small, np.ones((2, 2))).tolist()
