"""The colours that drawing uses, for dark and light terminals, and for those of few or none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.color import Color
from rich.style import Style

from rugtui.storage.heatmap import Colours
from rugtui.tui.heatmap.ramps import HALF_LEVELS, RGB, cube, diverging, rising, stepped

DIAGONAL = HALF_LEVELS + 1
"""The level of a diagonal that is off the scale."""
CURSOR = HALF_LEVELS + 2
MISSING = HALF_LEVELS + 3
"""The level of unknown cells."""
BLANK = HALF_LEVELS + 4
"""The level of cells outside the picture."""

ColourDepth = Literal["truecolor", "256", "16", "none"]
"""What a terminal has."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters instead of colours: values below zero never look like those above."""

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
    """Blue to orange through the paper's own colour: colour-blind readers tell the ends apart, and
    both sides of zero change in lightness alike."""

    dark: bool
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
    others: tuple[RGB, ...]
    """Muted colours for runs beside the live one; letters tell apart runs of the same colour."""
    ramp: tuple[RGB, ...]
    """The heatmap's levels from −HALF_LEVELS to HALF_LEVELS."""
    rising: tuple[RGB, ...]
    """The same levels where they stand for little to much, as in maps of a sweep."""
    diagonal: RGB
    cursor: RGB
    glyphs: Glyphs | None = None
    """The characters that replace colours, if there are none."""

    def style(self, name: str, *, bold: bool = False) -> Style:
        """The style that writes in one of the palette's colours."""
        return ink(getattr(self, name), bold)

    def level(self, level: int) -> RGB:
        """The colour of a heatmap level from −HALF_LEVELS to MISSING."""
        if level > HALF_LEVELS:
            return {DIAGONAL: self.diagonal, CURSOR: self.cursor, MISSING: self.grid}[level]
        return self.ramp[level + HALF_LEVELS]


BLUE, ORANGE = 250.0, 65.0
"""Hues that all common kinds of colour blindness keep apart."""

DARK = Palette(
    dark=True,
    text=(224, 224, 224),
    faint=(120, 124, 132),
    grid=(58, 60, 66),
    trained=(96, 104, 118),
    smooth=(255, 165, 40),
    heldout=(240, 240, 240),
    optimum=(90, 200, 140),
    gaussian=(200, 150, 230),
    exact=(240, 210, 90),
    bound=(110, 150, 200),
    elementwise=(100, 215, 225),
    pairs=(255, 120, 170),
    end=(150, 230, 100),
    warning=(255, 110, 90),
    others=((120, 145, 185), (165, 140, 110), (120, 160, 140), (165, 130, 165)),
    ramp=diverging(0.18, 0.76, 0.15, (BLUE, ORANGE)),
    rising=rising(0.33, 0.92, (BLUE + 15, ORANGE + 25)),
    diagonal=(245, 245, 245),
    cursor=(135, 255, 90),
)
LIGHT = Palette(
    dark=False,
    text=(30, 30, 30),
    faint=(96, 96, 96),
    grid=(190, 190, 190),
    trained=(180, 180, 180),
    smooth=(200, 90, 0),
    heldout=(30, 30, 30),
    optimum=(0, 120, 70),
    gaussian=(130, 60, 170),
    exact=(150, 110, 0),
    bound=(40, 90, 160),
    elementwise=(0, 130, 145),
    pairs=(190, 30, 110),
    end=(70, 120, 0),
    warning=(190, 30, 20),
    others=((95, 120, 165), (150, 115, 80), (85, 135, 110), (140, 100, 140)),
    ramp=diverging(0.985, 0.46, 0.12, (BLUE + 10, ORANGE - 12)),
    rising=rising(0.93, 0.33, (ORANGE + 25, BLUE + 15)),
    diagonal=(20, 20, 20),
    cursor=(40, 240, 0),
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


# The values that the sixteen colours are taken to have, so that each becomes itself.
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_BLUE, _LIGHT_BLUE, _LIGHT_CYAN = (0, 0, 170), (85, 85, 255), (85, 255, 255)
_RED, _BROWN, _YELLOW = (170, 0, 0), (170, 85, 0), (255, 255, 85)
_LIGHT_GREEN, _GREEN = (85, 255, 85), (0, 170, 0)
_GREY, _MAGENTA, _LIGHT_MAGENTA = (85, 85, 85), (170, 0, 170), (255, 85, 255)
_SILVER, _CYAN, _LIGHT_RED = (170, 170, 170), (0, 170, 170), (255, 85, 85)

DARK_16 = dataclasses.replace(
    DARK,
    text=_WHITE,
    faint=_SILVER,
    grid=_GREY,
    trained=_GREY,
    smooth=_YELLOW,
    heldout=_WHITE,
    optimum=_LIGHT_GREEN,
    gaussian=_LIGHT_MAGENTA,
    exact=_MAGENTA,
    bound=_LIGHT_BLUE,
    elementwise=_LIGHT_CYAN,
    pairs=_LIGHT_RED,
    end=_GREEN,
    warning=_LIGHT_RED,
    others=(_CYAN, _BROWN, _GREEN, _SILVER),
    ramp=stepped((_BLUE, _LIGHT_BLUE, _LIGHT_CYAN), _BLACK, (_RED, _BROWN, _YELLOW)),
    rising=(*[_BLUE] * 4, *[_LIGHT_BLUE] * 5, *[_LIGHT_CYAN] * 4, *[_YELLOW] * 4),
    diagonal=_WHITE,
    cursor=_LIGHT_GREEN,
)
LIGHT_16 = dataclasses.replace(
    LIGHT,
    text=_BLACK,
    faint=_GREY,
    grid=_SILVER,
    trained=_SILVER,
    smooth=_RED,
    heldout=_BLACK,
    optimum=_GREEN,
    gaussian=_LIGHT_MAGENTA,
    exact=_MAGENTA,
    bound=_BLUE,
    elementwise=_CYAN,
    pairs=_LIGHT_RED,
    end=_BROWN,
    warning=_LIGHT_RED,
    others=(_LIGHT_BLUE, _BROWN, _GREY, _SILVER),
    ramp=stepped((_LIGHT_CYAN, _LIGHT_BLUE, _BLUE), _WHITE, (_YELLOW, _BROWN, _RED)),
    rising=(*[_YELLOW] * 4, *[_LIGHT_CYAN] * 4, *[_LIGHT_BLUE] * 5, *[_BLUE] * 4),
    diagonal=_BLACK,
    cursor=_GREEN,
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
    """The same palette where levels stand for little to much."""
    glyphs = palette.glyphs and (RISING_ASCII if palette.glyphs == ASCII else RISING)
    return dataclasses.replace(palette, ramp=palette.rising, glyphs=glyphs)


@lru_cache(maxsize=4096)
def ink(foreground: RGB, bold: bool = False, background: RGB | None = None) -> Style:
    """A style, made once: the terminal's escape codes are cached with it."""
    paper = None if background is None else Color.from_rgb(*background)
    return Style(color=Color.from_rgb(*foreground), bgcolor=paper, bold=bold or None)


def picture_colours(dark: bool) -> Colours:
    """The heatmap's own ramp on the paper of its theme."""
    palette = DARK if dark else LIGHT
    return Colours(palette.ramp, palette.diagonal, palette.ramp[HALF_LEVELS], palette.text)
