"""Colours by what eyes make of them: lightness, chroma and hue in Oklab (Björn Ottosson, 2020)."""

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
