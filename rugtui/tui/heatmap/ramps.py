"""Ramps of the heatmap's colours: for true colours, for 256 and for sixteen."""

from __future__ import annotations

import math

RGB = tuple[int, int, int]


def rgb(lightness: float, chroma: float, hue: float) -> RGB:
    """The sRGB colour of a lightness in 0 … 1, a chroma in 0 … 0.3 and a hue in degrees.

    What sRGB does not have is cut to what it has.
    """
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _encoded(red), _encoded(green), _encoded(blue)


def _encoded(linear: float) -> int:
    """A linear intensity as sRGB writes it."""
    linear = min(max(linear, 0.0), 1.0)
    if linear <= 0.0031308:
        return round(255 * 12.92 * linear)
    return round(255 * (1.055 * linear ** (1 / 2.4) - 0.055))


HALF_LEVELS = 8
"""The heatmap has levels −8 … 8: few enough that prebuilt styles merge into runs."""
_SIXTHS = (0, 95, 135, 175, 215, 255)
"""The intensities of the 6 × 6 × 6 colours that 256-colour terminals have."""


def diverging(zero: float, end: float, chroma: float, hues: tuple[float, float]) -> tuple[RGB, ...]:
    """A ramp of 2 · HALF_LEVELS + 1 colours, grey in the middle, of one lightness left and right.

    `zero` and `end` are lightnesses in Oklab; `hues` are those of the negative and positive end.
    """
    ramp: list[RGB] = []
    for level in range(-HALF_LEVELS, HALF_LEVELS + 1):
        # Below 1, the power opens up the small values, where the weave of a rug is.
        share = (abs(level) / HALF_LEVELS) ** 0.8
        ramp.append(rgb(zero + (end - zero) * share, chroma * share**0.7, hues[level > 0]))
    return tuple(ramp)


def rising(first: float, last: float, hues: tuple[float, float]) -> tuple[RGB, ...]:
    """A ramp from one lightness and hue to another, greyer in between: no colour repeats, and
    without colours lightness alone tells them apart."""
    ramp: list[RGB] = []
    for level in range(2 * HALF_LEVELS + 1):
        share = level / (2 * HALF_LEVELS)
        chroma = 0.02 + 0.22 * abs(share - 0.5)
        ramp.append(rgb(first + (last - first) * share, chroma, hues[share > 0.5]))
    return tuple(ramp)


def cube(negative: str, zero: str, positive: str) -> tuple[RGB, ...]:
    """A ramp out of the 6 × 6 × 6 colours that 256-colour terminals have: three digits each,
    negative and positive from the smallest |value| to the largest."""
    levels = [*reversed(negative.split()), zero, *positive.split()]
    red, green, blue = ([_SIXTHS[int(level[k])] for level in levels] for k in range(3))
    return tuple(zip(red, green, blue, strict=True))


def stepped(ends: tuple[RGB, RGB, RGB], zero: RGB, tops: tuple[RGB, RGB, RGB]) -> tuple[RGB, ...]:
    """A ramp of three colours on each side of zero: levels up to 1 are zero, to 4, to 7, and 8."""
    side = (0, 0, 1, 1, 1, 2, 2, 2, 3)
    below, above = (zero, *ends), (zero, *tops)
    return (*(below[k] for k in reversed(side[1:])), zero, *(above[k] for k in side[1:]))
