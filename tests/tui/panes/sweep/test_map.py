"""Maps over (r, p) in cells of colour."""

import numpy as np
import pytest

from rugtui.reports.figure import ColourRange, MapPanel
from rugtui.tui.charts.palette import BLANK, HALF_LEVELS, ink, palette_for
from rugtui.tui.panes.sweep.map import MapLayout, levels_of, map_strips, short

R, P = np.array([0.1, 0.2, 0.5]), np.array([0.01, 0.02, 0.05, 0.1])


def some_map(values=None, **known):
    values = np.arange(12.0).reshape(3, 4) + 1 if values is None else values
    return MapPanel("t", "loss", R, P, values, **known)


@pytest.mark.parametrize("size", [(20, 8), (40, 12), (72, 18), (9, 3)])
@pytest.mark.parametrize("colours", ["truecolor", "256", "16", "none"])
@pytest.mark.parametrize("cursor", [None, (0, 0), (2, 3)])
def test_the_map_has_the_requested_size(size, colours, cursor):
    strips = map_strips(some_map(), cursor, palette_for(True, colours), *size)
    assert [len(strip.text) for strip in strips] == [size[0]] * size[1]


def test_colours_part_at_the_middle_in_ratios_alike():
    seen = some_map(np.array([[0.5, 1.0, 2.0, np.nan]] * 3), middle=1.0, log=True)
    levels = levels_of(seen.values, ColourRange.of(seen))[0].tolist()
    assert levels == [-HALF_LEVELS, 0, HALF_LEVELS, BLANK]


def test_cells_without_a_value_are_hatched_and_the_cursor_is_an_outline():
    seen = some_map(np.array([[1.0, np.nan, 1.0, 0.5]] * 3), middle=1.0, log=True)
    palette = palette_for(True)
    strips = map_strips(seen, (1, 3), palette, 63, 26)
    room = MapLayout.of(seen.values.shape, 63, 26, palette)

    def colours(cell, inset=2):
        row, column = room.middle(*cell, palette)
        shown = strips[row].crop(column - inset, column + inset + 1)
        return {(piece.style.color, piece.style.bgcolor) for piece in shown}

    assert not colours((0, 0)) & colours((0, 1))
    assert len(colours((1, 3))) == 1  # its own colour, within the outline
    assert colours((1, 3)) == colours((0, 3))
    row, _ = room.middle(1, 3, palette)
    edge = strips[row].crop(room.across[3] + 6, room.across[3] + 8)
    assert any(piece.style.color == ink(palette.cursor).color for piece in edge)
    assert "not computed" in strips[-1].text


def test_without_a_middle_colours_rise_from_the_least_to_the_greatest():
    levels = levels_of(some_map().values, ColourRange.of(some_map())).ravel()
    assert levels[0] == -HALF_LEVELS
    assert levels[-1] == HALF_LEVELS
    assert (np.diff(levels) > 0).all()


def test_r_goes_upwards_and_p_to_the_right():
    palette = palette_for(True, "none", ascii_only=True)
    strips = [strip.text for strip in map_strips(some_map(), None, palette, 31, 12)]
    assert "0.5" in "".join(strips[:3])
    assert "0.1" in "".join(strips[6:9])
    assert strips[9].split() == ["0.01", "0.02", "0.05", "0.1"]
    assert strips[0][-1] == "#"
    assert "".join(strips).isascii()


def test_a_place_on_the_screen_is_a_cell():
    palette = palette_for(True, "truecolor")
    room = MapLayout.of((3, 4), 31, 12, palette)
    assert room.at(0, 7, palette) == (2, 0)
    assert room.at(8, 30, palette) == (0, 3)
    assert room.at(0, 2, palette) is None
    assert room.at(9, 30, palette) is None


def test_cells_fill_the_map_and_every_position_belongs_to_one():
    palette = palette_for(True, "truecolor")
    seen = some_map()
    room = MapLayout.of(seen.values.shape, 38, 13, palette)
    assert (room.down[-1], room.across[-1]) == (20, 31)
    colours = [
        [segment.style.color for segment in strip for _ in segment.text]
        for strip in map_strips(seen, None, palette, 38, 13)[:10]
    ]
    shown = {}
    for y, row in enumerate(colours):
        for x, colour in enumerate(row[7:], 7):
            shown.setdefault(colour, set()).add(room.at(y, x, palette))
    assert all(len(cells) == 1 for cells in shown.values())
    assert len(shown) == seen.values.size


def test_outliers_do_not_use_up_the_colours():
    values = np.ones((20, 20))
    values[:, 1:] = np.linspace(1, 1.05, 19)
    values[:, 0] = 20.0
    seen = MapPanel("over L*", "loss / L*", np.arange(20.0), np.arange(20.0), values, 1.0, True)
    span = ColourRange.of(seen)
    assert 1.04 < span.high < 1.06
    assert (span.above, span.below) == (True, False)
    legend = map_strips(seen, None, palette_for(True), 80, 24)[-1].text
    assert "over 1.05" in legend
    assert "under" not in legend


def test_without_a_middle_the_range_leaves_out_outliers_on_one_side():
    values = np.r_[np.linspace(-0.5, 0.5, 95), np.full(5, -30.0)]
    span = ColourRange.of(MapPanel("bias", "b", np.arange(1.0), np.arange(100.0), values[None]))
    assert span.high == 0.5
    assert -2 < span.low < -0.5
    assert (span.below, span.above) == (True, False)


@pytest.mark.parametrize("width", [27, 40, 60, 120])
@pytest.mark.parametrize("middle", [None, 1.0])
def test_the_legend_shows_both_ends_if_they_fit(width, middle):
    seen = some_map(middle=middle, log=True)
    text = map_strips(seen, None, palette_for(True), width, 12)[-1].text
    ends = ColourRange.of(seen)
    assert text.split()[-1] == "(log)" or text.split()[-1] == short(ends.high)
    assert short(ends.low) in text
    assert ("loss" in text) == (width > 30)


@pytest.mark.parametrize("value", [0, 0.0078125, 0.123456, -0.123456, 12345, 1.23e-15, -2e-5, 999])
def test_numbers_beside_a_map_fit(value):
    assert len(short(value)) <= 6
    assert float(short(value)) == pytest.approx(value, rel=0.06)


def test_rising_ramps_have_distinct_levels_at_every_depth():
    for colours, least in (("truecolor", 17), ("256", 17), ("16", 4)):
        for dark in (True, False):
            assert len(set(palette_for(dark, colours).rising)) >= least


def test_a_map_without_values_says_so():
    empty = MapPanel("t", "loss", R[:0], P[:0], np.empty((0, 0)))
    assert "nothing" in map_strips(empty, None, palette_for(True), 40, 10)[0].text
