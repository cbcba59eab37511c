"""The palettes: even, told apart by everybody, and in terminals of few colours."""

import numpy as np
import pytest
from rich.color import Color, ColorSystem

from rugtui.tui.charts.palette import (
    ASCII,
    BLANK,
    CURSOR,
    DARK,
    DARK_16,
    DARK_256,
    DIAGONAL,
    HALF_LEVELS,
    LIGHT,
    LIGHT_16,
    LIGHT_256,
    SHADES,
    palette_for,
)

SIDES = range(1, HALF_LEVELS + 1)
# Machado, Oliveira & Fernandes 2009, severity 1, on linear intensities
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip


def oklab(rgb):
    """Lightness, a and b, from the published matrices: independent of what made the colours."""
    share = np.array(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return lab(linear)


def lab(linear):
    cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    ) @ np.clip(linear, 0, 1)  # fmt: skip
    return (
        np.array(
            [[0.2104542553, 0.7936177850, -0.0040720468],
             [1.9779984951, -2.4285922050, 0.4505937099],
             [0.0259040371, 0.7827717662, -0.8086757660]]
        ) @ np.cbrt(cones)
    )  # fmt: skip


def seen_by(kind, rgb):
    share = np.array(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return lab(BLINDNESS[kind] @ linear)


both = pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])


@both
def test_both_sides_of_zero_are_equally_light_and_get_evenly_lighter(palette):
    light = {level: oklab(palette.level(level))[0] for level in range(-8, 9)}
    for level in SIDES:
        assert light[level] == pytest.approx(light[-level], abs=0.012)
    way = 1 if palette.dark else -1
    assert all(way * (light[level] - light[level - 1]) > 0.03 for level in SIDES)


@pytest.mark.parametrize("palette", [DARK, LIGHT, DARK_256, LIGHT_256])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_colour_blind_can_tell_signs_and_marks_apart(palette, kind):
    for level in SIDES:
        below, above = (seen_by(kind, palette.level(k)) for k in (-level, level))
        assert np.linalg.norm(below - above) > 0.02 + 0.02 * level
    for mark in (DIAGONAL, CURSOR):
        colour = seen_by(kind, palette.level(mark))
        ramp = [seen_by(kind, palette.level(level)) for level in range(-8, 9)]
        assert min(np.linalg.norm(colour - one) for one in ramp) > 0.08


@pytest.mark.parametrize("palette", [DARK_256, LIGHT_256], ids=["dark", "light"])
def test_in_256_colours_all_levels_are_themselves_and_get_evenly_lighter(palette):
    for level in range(-HALF_LEVELS, HALF_LEVELS + 1):
        colour = Color.from_rgb(*palette.level(level))
        shown = colour.downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        assert tuple(shown) == palette.level(level)
    assert len(set(palette.ramp)) == 2 * HALF_LEVELS + 1
    light = {level: oklab(palette.level(level))[0] for level in range(-8, 9)}
    way = 1 if palette.dark else -1
    for sign in (-1, 1):
        assert all(way * (light[sign * k] - light[sign * (k - 1)]) > 0.012 for k in SIDES)
    assert all(abs(light[level] - light[-level]) < 0.1 for level in SIDES)


@pytest.mark.parametrize("palette", [DARK_16, LIGHT_16], ids=["dark", "light"])
def test_sixteen_colours_have_three_to_each_sign(palette):
    shown = [
        Color.from_rgb(*palette.level(level)).downgrade(ColorSystem.STANDARD).number
        for level in range(-HALF_LEVELS, CURSOR + 1)
    ]
    negative, positive = shown[:HALF_LEVELS], shown[HALF_LEVELS + 1 : DIAGONAL + HALF_LEVELS]
    assert len(set(negative) - {shown[HALF_LEVELS]}) == 3
    assert len(set(positive) - {shown[HALF_LEVELS]}) == 3
    assert len({*negative, *positive, shown[-1], shown[-2]}) == 9


@pytest.mark.parametrize("glyphs", [SHADES, ASCII], ids=["shades", "ascii"])
def test_characters_show_the_sign(glyphs):
    negative = [glyphs.level(-level) for level in SIDES]
    positive = [glyphs.level(level) for level in SIDES]
    assert not set(negative) & set(positive)
    assert glyphs.level(0) == glyphs.level(BLANK) == " "
    assert glyphs.level(DIAGONAL) not in {*negative, *positive, " "}
    assert "".join(dict.fromkeys(positive)) == glyphs.positive
    assert "".join(dict.fromkeys(negative)) == glyphs.negative


def test_ascii_is_ascii():
    assert all(letter.isascii() for letter in ASCII.negative + ASCII.positive + ASCII.diagonal)


@pytest.mark.parametrize(
    ("colours", "ascii_only", "ramp", "glyphs"),
    [
        ("truecolor", False, DARK.ramp, None),
        ("256", False, DARK_256.ramp, None),
        ("16", False, DARK_16.ramp, None),
        ("none", False, DARK.ramp, SHADES),
        ("none", True, DARK.ramp, ASCII),
        ("truecolor", True, DARK.ramp, ASCII),
    ],
)
def test_a_terminal_gets_what_it_can_show(colours, ascii_only, ramp, glyphs):
    palette = palette_for(True, colours, ascii_only)
    assert (palette.ramp, palette.glyphs) == (ramp, glyphs)
    assert not palette_for(False, colours, ascii_only).dark
