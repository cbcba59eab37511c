"""The colours that drawing uses, for dark and light terminals, and for those of few or none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.color import Color
from rich.style import Style

from rugtui.ui.renderables import oklab
from rugtui.ui.renderables.oklab import RGB

HALF_LEVELS = 8
"""The heatmap has levels −8 … 8: few enough that prebuilt styles merge into runs."""
DIAGONAL = HALF_LEVELS + 1
"""The level of a diagonal that is off the scale."""
CURSOR = HALF_LEVELS + 2
BLANK = HALF_LEVELS + 3
"""The level of what is no part of the picture."""

Colours = Literal["many", "sixteen", "none"]
"""What a terminal has."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters in the place of colours: what is below zero never looks like what is above."""

    negative: str
    """From the smallest |value| to the largest."""
    positive: str
    diagonal: str
    zero: str = " "

    def level(self, level: int) -> str:
        """The character of a heatmap level."""
        if level in (DIAGONAL, CURSOR, BLANK):
            return {DIAGONAL: self.diagonal, CURSOR: self.zero, BLANK: " "}[level]
        ramp = self.positive if level > 0 else self.negative
        return ramp[(abs(level) - 1) * len(ramp) // HALF_LEVELS] if level else self.zero


SHADES = Glyphs(negative="·-=≡", positive="░▒▓█", diagonal="◆")
"""Lines below zero, shades above."""
ASCII = Glyphs(negative=".-=~", positive=":+*#", diagonal="@")


@dataclass(frozen=True, slots=True)
class Palette:
    """Blue to orange through the paper's own colour: colour-blind readers tell the ends apart, and
    both sides of zero change in lightness alike."""

    dark: bool
    text: RGB
    faint: RGB
    trained: RGB
    smooth: RGB
    heldout: RGB
    optimum: RGB
    gaussian: RGB
    exact: RGB
    bound: RGB
    warning: RGB
    ramp: tuple[RGB, ...]
    """The heatmap's levels from −HALF_LEVELS to HALF_LEVELS."""
    diagonal: RGB
    cursor: RGB
    glyphs: Glyphs | None = None
    """Where colours cannot be had: what stands for them."""

    def style(self, name: str, *, bold: bool = False) -> Style:
        """The style that writes in one of the palette's colours."""
        return ink(getattr(self, name), bold)

    def level(self, level: int) -> RGB:
        """The colour of a heatmap level from −HALF_LEVELS to CURSOR."""
        if level > HALF_LEVELS:
            return self.cursor if level == CURSOR else self.diagonal
        return self.ramp[level + HALF_LEVELS]


def diverging(zero: float, end: float, chroma: float, hues: tuple[float, float]) -> tuple[RGB, ...]:
    """A ramp of 2 · HALF_LEVELS + 1 colours, grey in the middle, of one lightness left and right.

    `zero` and `end` are lightnesses in Oklab; `hues` are those of the negative and positive end.
    """
    ramp: list[RGB] = []
    for level in range(-HALF_LEVELS, HALF_LEVELS + 1):
        # Below 1, the power opens up the small values, where the weave of a rug is.
        share = (abs(level) / HALF_LEVELS) ** 0.8
        ramp.append(oklab.rgb(zero + (end - zero) * share, chroma * share**0.7, hues[level > 0]))
    return tuple(ramp)


BLUE, ORANGE = 250.0, 65.0
"""Hues that all common kinds of colour blindness keep apart."""

DARK = Palette(
    dark=True,
    text=(224, 224, 224),
    faint=(120, 124, 132),
    trained=(96, 104, 118),
    smooth=(255, 165, 40),
    heldout=(240, 240, 240),
    optimum=(90, 200, 140),
    gaussian=(200, 150, 230),
    exact=(240, 210, 90),
    bound=(110, 150, 200),
    warning=(255, 110, 90),
    ramp=diverging(0.18, 0.76, 0.15, (BLUE, ORANGE)),
    diagonal=(245, 245, 245),
    cursor=(135, 255, 90),
)
LIGHT = Palette(
    dark=False,
    text=(30, 30, 30),
    faint=(120, 120, 120),
    trained=(180, 180, 180),
    smooth=(200, 90, 0),
    heldout=(30, 30, 30),
    optimum=(0, 120, 70),
    gaussian=(130, 60, 170),
    exact=(150, 110, 0),
    bound=(40, 90, 160),
    warning=(190, 30, 20),
    ramp=diverging(0.985, 0.46, 0.12, (BLUE + 10, ORANGE - 12)),
    diagonal=(20, 20, 20),
    cursor=(40, 240, 0),
)


def stepped(ends: tuple[RGB, RGB, RGB], zero: RGB, tops: tuple[RGB, RGB, RGB]) -> tuple[RGB, ...]:
    """A ramp of three colours on each side of zero: levels up to 1 are zero, to 4, to 7, and 8."""
    side = (0, 0, 1, 1, 1, 2, 2, 2, 3)
    below, above = (zero, *ends), (zero, *tops)
    return (*(below[k] for k in reversed(side[1:])), zero, *(above[k] for k in side[1:]))


# The values that the sixteen colours are taken to have, so that each becomes itself.
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_BLUE, _LIGHT_BLUE, _LIGHT_CYAN = (0, 0, 170), (85, 85, 255), (85, 255, 255)
_RED, _BROWN, _LIGHT_RED, _YELLOW = (170, 0, 0), (170, 85, 0), (255, 85, 85), (255, 255, 85)
_LIGHT_GREEN, _GREEN = (85, 255, 85), (0, 170, 0)

DARK_16 = dataclasses.replace(
    DARK,
    ramp=stepped((_BLUE, _LIGHT_BLUE, _LIGHT_CYAN), _BLACK, (_BROWN, _LIGHT_RED, _YELLOW)),
    diagonal=_WHITE,
    cursor=_LIGHT_GREEN,
)
LIGHT_16 = dataclasses.replace(
    LIGHT,
    ramp=stepped((_LIGHT_CYAN, _LIGHT_BLUE, _BLUE), _WHITE, (_YELLOW, _BROWN, _RED)),
    diagonal=_BLACK,
    cursor=_GREEN,
)


@lru_cache(maxsize=16)
def palette_for(dark: bool, colours: Colours = "many", ascii_only: bool = False) -> Palette:
    """The palette of a terminal; ASCII is for fonts without blocks and shades."""
    many, sixteen = (DARK, DARK_16) if dark else (LIGHT, LIGHT_16)
    palette = sixteen if colours == "sixteen" else many
    if ascii_only or colours == "none":
        return dataclasses.replace(palette, glyphs=ASCII if ascii_only else SHADES)
    return palette


@lru_cache(maxsize=4096)
def ink(foreground: RGB, bold: bool = False, background: RGB | None = None) -> Style:
    """A style, made once: the terminal's escape codes are cached with it."""
    paper = None if background is None else Color.from_rgb(*background)
    return Style(color=Color.from_rgb(*foreground), bgcolor=paper, bold=bold or None)
