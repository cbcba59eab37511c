"""The colours of charts and heatmaps, for dark and light terminals of many, few or no colours."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.color import Color
from rich.style import Style

from rugtui.storage.heatmap import Colours

RGB = tuple[int, int, int]
HALF_LEVELS = 8
"""The heatmap has levels −8 … 8: few enough that prebuilt styles merge into runs."""
DIAGONAL = HALF_LEVELS + 1
"""The level of a diagonal that is off the scale."""
CURSOR = HALF_LEVELS + 2
MISSING = HALF_LEVELS + 3
"""The level of unknown cells."""
BLANK = HALF_LEVELS + 4
"""The level of cells outside the picture."""

ColourDepth = Literal["truecolor", "256", "16", "none"]
"""The colours of a terminal."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters that replace colours, different ones below and above zero."""

    negative: str
    """From the smallest |value| to the largest."""
    positive: str
    diagonal: str
    cursor: str = "X"
    zero: str = " "

    def level(self, level: int) -> str:
        """The character of a heatmap level."""
        if level > HALF_LEVELS:
            marks = {DIAGONAL: self.diagonal, CURSOR: self.cursor, MISSING: "?", BLANK: " "}
            return marks[level]
        ramp = self.positive if level > 0 else self.negative
        return ramp[(abs(level) - 1) * len(ramp) // HALF_LEVELS] if level else self.zero


SHADES = Glyphs(negative="·-=≡", positive="░▒▓█", diagonal="◆")
"""Lines below zero, shades above."""
ASCII = Glyphs(negative=".-=~", positive=":+*#", diagonal="@")
RISING = Glyphs(negative="-··", positive="░▒▓█", diagonal="!", zero="=")
RISING_ASCII = Glyphs(negative="-:.", positive="+*%#", diagonal="!", zero="=")
"""From the lowest level, the last of `negative`, to the highest."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The heatmap's ramp runs from blue to orange through the background's colour: the colour-blind
    can tell the ends apart, and both sides of zero change equally in lightness."""

    dark: bool
    glyphs: Glyphs | None
    """The characters that replace colours, if there are none."""
    text: RGB
    faint: RGB
    grid: RGB
    trained: RGB
    smooth: RGB
    heldout: RGB
    optimum: RGB
    gaussian: RGB
    exact: RGB
    bound: RGB
    elementwise: RGB
    pairs: RGB
    end: RGB
    warning: RGB
    diagonal: RGB
    cursor: RGB
    others: tuple[RGB, ...]
    """Muted colours for runs beside the live one; letters tell apart runs of the same colour."""
    ramp: tuple[RGB, ...]
    """The heatmap's levels from −HALF_LEVELS to HALF_LEVELS."""
    rising: tuple[RGB, ...]
    """The same levels where they run from little to much, as in the map of a sweep."""

    def style(self, name: str, *, bold: bool = False) -> Style:
        """The style that writes in one of the palette's colours."""
        return ink(getattr(self, name), bold)

    def level(self, level: int) -> RGB:
        """The colour of a heatmap level from −HALF_LEVELS to MISSING."""
        if level > HALF_LEVELS:
            return {DIAGONAL: self.diagonal, CURSOR: self.cursor, MISSING: self.grid}[level]
        return self.ramp[level + HALF_LEVELS]


def rgb(lightness: float, chroma: float, hue: float) -> RGB:
    """The sRGB colour of a lightness in 0 … 1, a chroma in 0 … 0.3 and a hue in degrees in Oklab,
    clipped to what sRGB has."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _encoded(red), _encoded(green), _encoded(blue)


def _encoded(linear: float) -> int:
    """A linear intensity as an sRGB byte."""
    linear = min(max(linear, 0.0), 1.0)
    if linear <= 0.0031308:
        return round(255 * 12.92 * linear)
    return round(255 * (1.055 * linear ** (1 / 2.4) - 0.055))


_SIXTHS = (0, 95, 135, 175, 215, 255)
"""The intensities of the 6 × 6 × 6 colours that 256-colour terminals have."""


def diverging(zero: float, end: float, chroma: float, hues: tuple[float, float]) -> tuple[RGB, ...]:
    """A ramp of 2 · HALF_LEVELS + 1 colours, grey in the middle, of one lightness left and right.

    `zero` and `end` are lightnesses in Oklab; `hues` are those of the negative and positive end.
    """
    ramp: list[RGB] = []
    for level in range(-HALF_LEVELS, HALF_LEVELS + 1):
        # A power below 1 spreads the small values, in which the weave of a rug lies.
        share = (abs(level) / HALF_LEVELS) ** 0.8
        ramp.append(rgb(zero + (end - zero) * share, chroma * share**0.7, hues[level > 0]))
    return tuple(ramp)


def rising(first: float, last: float, hues: tuple[float, float]) -> tuple[RGB, ...]:
    """A ramp from one lightness and hue to another, greyer in between: no colour repeats, and the
    lightness alone tells them apart."""
    ramp: list[RGB] = []
    for level in range(2 * HALF_LEVELS + 1):
        share = level / (2 * HALF_LEVELS)
        chroma = 0.02 + 0.22 * abs(share - 0.5)
        ramp.append(rgb(first + (last - first) * share, chroma, hues[share > 0.5]))
    return tuple(ramp)


def cube(negative: str, zero: str, positive: str) -> tuple[RGB, ...]:
    """A ramp of the 6 × 6 × 6 colours that 256-colour terminals have, three digits each; negative
    and positive run from the smallest |value| to the largest."""
    levels = [*reversed(negative.split()), zero, *positive.split()]
    red, green, blue = ([_SIXTHS[int(level[k])] for level in levels] for k in range(3))
    return tuple(zip(red, green, blue, strict=True))


def stepped(ends: tuple[RGB, RGB, RGB], zero: RGB, tops: tuple[RGB, RGB, RGB]) -> tuple[RGB, ...]:
    """A ramp of three colours on each side of zero: levels up to 1 are zero, to 4, to 7, and 8."""
    side = (0, 0, 1, 1, 1, 2, 2, 2, 3)
    below, above = (zero, *ends), (zero, *tops)
    return (*(below[k] for k in reversed(side[1:])), zero, *(above[k] for k in side[1:]))


BLUE, ORANGE = 250.0, 65.0
"""Hues that are distinct in all common kinds of colour blindness."""

# The RGB values that Rich assumes for the sixteen colours, so that each is mapped to itself.
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_BLUE, _LIGHT_BLUE, _LIGHT_CYAN = (0, 0, 170), (85, 85, 255), (85, 255, 255)
_RED, _BROWN, _YELLOW = (170, 0, 0), (170, 85, 0), (255, 255, 85)
_LIGHT_GREEN, _GREEN = (85, 255, 85), (0, 170, 0)
_GREY, _MAGENTA, _LIGHT_MAGENTA = (85, 85, 85), (170, 0, 170), (255, 85, 255)
_SILVER, _CYAN, _LIGHT_RED = (170, 170, 170), (0, 170, 170), (255, 85, 85)

INKS: dict[str, tuple[RGB, RGB, RGB, RGB]] = {
    "text": ((224, 224, 224), (30, 30, 30), _WHITE, _BLACK),
    "faint": ((120, 124, 132), (96, 96, 96), _SILVER, _GREY),
    "grid": ((58, 60, 66), (190, 190, 190), _GREY, _SILVER),
    "trained": ((96, 104, 118), (180, 180, 180), _GREY, _SILVER),
    "smooth": ((255, 165, 40), (200, 90, 0), _YELLOW, _RED),
    "heldout": ((240, 240, 240), (30, 30, 30), _WHITE, _BLACK),
    "optimum": ((90, 200, 140), (0, 120, 70), _LIGHT_GREEN, _GREEN),
    "gaussian": ((200, 150, 230), (130, 60, 170), _LIGHT_MAGENTA, _LIGHT_MAGENTA),
    "exact": ((240, 210, 90), (150, 110, 0), _MAGENTA, _MAGENTA),
    "bound": ((110, 150, 200), (40, 90, 160), _LIGHT_BLUE, _BLUE),
    "elementwise": ((100, 215, 225), (0, 130, 145), _LIGHT_CYAN, _CYAN),
    "pairs": ((255, 120, 170), (190, 30, 110), _LIGHT_RED, _LIGHT_RED),
    "end": ((150, 230, 100), (70, 120, 0), _GREEN, _BROWN),
    "warning": ((255, 110, 90), (190, 30, 20), _LIGHT_RED, _LIGHT_RED),
    "diagonal": ((245, 245, 245), (20, 20, 20), _WHITE, _BLACK),
    "cursor": ((135, 255, 90), (40, 240, 0), _LIGHT_GREEN, _GREEN),
}
"""The colours of dark and of light terminals, and of dark and light ones of sixteen colours."""


def _inks(column: int) -> dict[str, RGB]:
    return {name: colours[column] for name, colours in INKS.items()}


DARK = Palette(
    dark=True,
    glyphs=None,
    others=((120, 145, 185), (165, 140, 110), (120, 160, 140), (165, 130, 165)),
    ramp=diverging(0.18, 0.76, 0.15, (BLUE, ORANGE)),
    rising=rising(0.33, 0.92, (BLUE + 15, ORANGE + 25)),
    **_inks(0),
)
LIGHT = Palette(
    dark=False,
    glyphs=None,
    others=((95, 120, 165), (150, 115, 80), (85, 135, 110), (140, 100, 140)),
    ramp=diverging(0.985, 0.46, 0.12, (BLUE + 10, ORANGE - 12)),
    rising=rising(0.93, 0.33, (ORANGE + 25, BLUE + 15)),
    **_inks(1),
)
DARK_256 = dataclasses.replace(
    DARK,
    ramp=cube("002 003 004 013 015 024 035 235", "000", "100 200 300 210 310 410 420 520"),
    rising=cube("122 113 112 103 102 003 002 001", "223", "233 333 332 432 442 441 451 551"),
)
LIGHT_256 = dataclasses.replace(
    LIGHT,
    ramp=cube("445 345 235 035 125 024 014 005", "555", "544 532 432 520 510 410 310 300"),
    rising=cube("333 433 443 442 452 453 454 554", "223", "222 122 113 112 103 102 002 001"),
    cursor=(0, 255, 0),
)
DARK_16 = Palette(
    dark=True,
    glyphs=None,
    others=(_CYAN, _BROWN, _GREEN, _SILVER),
    ramp=stepped((_BLUE, _LIGHT_BLUE, _LIGHT_CYAN), _BLACK, (_RED, _BROWN, _YELLOW)),
    rising=(*[_BLUE] * 4, *[_LIGHT_BLUE] * 5, *[_LIGHT_CYAN] * 4, *[_YELLOW] * 4),
    **_inks(2),
)
LIGHT_16 = Palette(
    dark=False,
    glyphs=None,
    others=(_LIGHT_BLUE, _BROWN, _GREY, _SILVER),
    ramp=stepped((_LIGHT_CYAN, _LIGHT_BLUE, _BLUE), _WHITE, (_YELLOW, _BROWN, _RED)),
    rising=(*[_YELLOW] * 4, *[_LIGHT_CYAN] * 4, *[_LIGHT_BLUE] * 5, *[_BLUE] * 4),
    **_inks(3),
)


@lru_cache(maxsize=16)
def palette_for(
    dark: bool, colours: ColourDepth = "truecolor", ascii_only: bool = False
) -> Palette:
    """The palette of a terminal; ASCII is for fonts without blocks and shades."""
    kinds: dict[ColourDepth, tuple[Palette, Palette]] = {
        "256": (LIGHT_256, DARK_256),
        "16": (LIGHT_16, DARK_16),
    }
    palette = kinds.get(colours, (LIGHT, DARK))[dark]
    if ascii_only or colours == "none":
        return dataclasses.replace(palette, glyphs=ASCII if ascii_only else SHADES)
    return palette


@lru_cache(maxsize=16)
def rising_palette(palette: Palette) -> Palette:
    """The palette with levels that run from little to much."""
    glyphs = palette.glyphs and (RISING_ASCII if palette.glyphs == ASCII else RISING)
    return dataclasses.replace(palette, ramp=palette.rising, glyphs=glyphs)


@lru_cache(maxsize=16)
def map_palette(palette: Palette) -> Palette:
    """The palette with a grey middle, which an empty cell does not look like."""
    zero = palette.ramp[HALF_LEVELS]
    ramp = tuple(palette.grid if colour == zero else colour for colour in palette.ramp)
    glyphs = palette.glyphs and dataclasses.replace(palette.glyphs, zero="=")
    return dataclasses.replace(palette, ramp=ramp, glyphs=glyphs)


@lru_cache(maxsize=4096)
def ink(foreground: RGB, bold: bool = False, background: RGB | None = None) -> Style:
    """A style, made once, because the terminal's escape codes are cached with it."""
    paper = None if background is None else Color.from_rgb(*background)
    return Style(color=Color.from_rgb(*foreground), bgcolor=paper, bold=bold or None)


def picture_colours(dark: bool) -> Colours:
    """The heatmap's own ramp on the paper of its theme."""
    palette = DARK if dark else LIGHT
    return Colours(palette.ramp, palette.diagonal, palette.ramp[HALF_LEVELS], palette.text)
