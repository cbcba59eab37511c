"""Maps over (r, p) in cells of colour."""

import numpy as np
import pytest

from rugtui.figures.plate import Map
from rugtui.ui.renderables.map import Colouring, Room, map_strips
from rugtui.ui.renderables.palette import BLANK, HALF_LEVELS, palette_for

R, P = np.array([0.1, 0.2, 0.5]), np.array([0.01, 0.02, 0.05, 0.1])


def some_map(values=None, **known):
    values = np.arange(12.0).reshape(3, 4) + 1 if values is None else values
    return Map("t", "loss", R, P, values, **known)


@pytest.mark.parametrize("size", [(20, 8), (40, 12), (72, 18), (9, 3)])
@pytest.mark.parametrize("colours", ["many", "eight bits", "sixteen", "none"])
@pytest.mark.parametrize("cursor", [None, (0, 0), (2, 3)])
def test_it_has_the_size_asked_for(size, colours, cursor):
    strips = map_strips(some_map(), cursor, palette_for(True, colours), *size)
    assert [len(strip.text) for strip in strips] == [size[0]] * size[1]


def test_colours_part_at_the_middle_in_ratios_alike():
    seen = some_map(np.array([[0.5, 1.0, 2.0, np.nan]] * 3), middle=1.0, log=True)
    levels = Colouring.of(seen).levels(seen.values)[0].tolist()
    assert levels == [-HALF_LEVELS, 0, HALF_LEVELS, BLANK]


def test_without_a_middle_they_rise_from_the_least_to_the_greatest():
    levels = Colouring.of(some_map()).levels(some_map().values).ravel()
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
    assert "".join(strips).replace("→", "").isascii()


def test_a_place_on_the_screen_is_a_cell():
    palette = palette_for(True, "many")
    room = Room.of((3, 4), 31, 12, palette)
    assert room.at(0, 7, palette) == (2, 0)
    assert room.at(8, 30, palette) == (0, 3)
    assert room.at(0, 2, palette) is None


def test_the_rising_ramps_tell_levels_apart_at_every_depth():
    for colours, least in (("many", 17), ("eight bits", 17), ("sixteen", 4)):
        for dark in (True, False):
            assert len(set(palette_for(dark, colours).rising)) >= least


def test_nothing_known_is_said():
    empty = Map("t", "loss", R[:0], P[:0], np.empty((0, 0)))
    assert "nothing" in map_strips(empty, None, palette_for(True), 40, 10)[0].text
