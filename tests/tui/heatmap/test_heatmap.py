"""The heatmap as a person sees it: characters and colours, without an app."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rugtui.tui.charts.palette import BLANK, CURSOR, DARK, HALF_LEVELS, LIGHT, palette_for
from rugtui.tui.heatmap.heatmap import heatmap, resampled


def pixels_of(strips, palette):
    """Read the levels back from the colours on the screen."""
    colours = {palette.level(k): k for k in range(-HALF_LEVELS, BLANK)}
    rows = []
    for strip in strips:
        upper, lower = [], []
        for segment in strip:
            style = segment.style
            if not set(segment.text) <= set("▀▄ "):  # words beside the picture
                upper += [BLANK] * len(segment.text)
                lower += [BLANK] * len(segment.text)
                continue
            front = BLANK if style.color is None else colours[tuple(style.color.triplet)]
            back = BLANK if style.bgcolor is None else colours[tuple(style.bgcolor.triplet)]
            pair = {"▀": (front, back), "▄": (back, front), " ": (BLANK, BLANK)}
            (letter,) = set(segment.text)
            for row, level in zip((upper, lower), pair[letter], strict=True):
                row += [level] * len(segment.text)
        rows += [upper, lower]
    return np.array(rows)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@given(levels=arrays(np.int8, (6, 9), elements=st.integers(-HALF_LEVELS, BLANK)))
def test_colours_show_the_levels(palette, levels):
    strips = heatmap(levels, palette)
    assert [strip.cell_length for strip in strips] == [9, 9, 9]
    assert (pixels_of(strips, palette) == levels).all()


def test_an_odd_row_has_nothing_below_it():
    assert (pixels_of(heatmap(np.ones((3, 4), np.int8), DARK), DARK)[3] == BLANK).all()


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_all_levels_have_different_colours(palette):
    levels = range(-HALF_LEVELS, BLANK)
    assert len({palette.level(level) for level in levels}) == len(levels)


def test_equal_neighbours_are_one_run():
    assert [len(list(strip)) for strip in heatmap(np.zeros((4, 50), np.int8), DARK)] == [1, 1]


@pytest.mark.parametrize("ascii_only", [False, True])
@given(levels=arrays(np.int8, (3, 9), elements=st.integers(-HALF_LEVELS, BLANK)))
def test_without_colours_characters_say_the_levels(ascii_only, levels):
    palette = palette_for(True, "none", ascii_only)
    strips = heatmap(levels, palette)
    assert len(strips) == 3
    for strip, row in zip(strips, levels, strict=True):
        assert strip.text == "".join(palette.glyphs.level(int(level)) for level in row)
        marked = "".join(("x" if s.style.reverse else "-") * len(s.text) for s in strip)
        assert marked == "".join("x" if level == CURSOR else "-" for level in row)


def test_enlarging_repeats_neighbours():
    small = np.array([[1, 2], [3, 4]], np.int8)
    assert resampled(small, 6, 6).tolist() == np.kron(small, np.ones((3, 3))).tolist()
    assert resampled(small, 3, 5)[0].tolist() == [1, 1, 1, 2, 2]
