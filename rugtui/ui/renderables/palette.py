"""The colours that drawing uses, for dark and for light terminals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.style import Style

RGB = tuple[int, int, int]
HALF_LEVELS = 8
"""The heatmap has levels −8 … 8: few enough that prebuilt styles merge into runs."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Blue to orange through the paper's own colour: colour-blind readers tell the ends apart, and
    both sides of zero change in lightness alike."""

    dark: bool
    text: RGB
    faint: RGB
    negative: RGB
    zero: RGB
    positive: RGB
    trained: RGB
    smooth: RGB
    heldout: RGB
    optimum: RGB
    gaussian: RGB
    exact: RGB
    bound: RGB
    warning: RGB

    def style(self, name: str, *, bold: bool = False) -> Style:
        """The style that writes in one of the palette's colours."""
        return ink(getattr(self, name), bold)

    def level(self, level: int) -> RGB:
        """The colour of a heatmap level from −HALF_LEVELS to HALF_LEVELS."""
        end = self.positive if level > 0 else self.negative
        # Below 1, the power opens up the small values, where the weave of a rug is.
        share = (abs(level) / HALF_LEVELS) ** 0.8
        red, green, blue = (round(z + (e - z) * share) for z, e in zip(self.zero, end, strict=True))
        return red, green, blue


DARK = Palette(
    dark=True,
    text=(224, 224, 224),
    faint=(120, 124, 132),
    negative=(80, 170, 255),
    zero=(18, 18, 22),
    positive=(255, 165, 40),
    trained=(96, 104, 118),
    smooth=(255, 165, 40),
    heldout=(240, 240, 240),
    optimum=(90, 200, 140),
    gaussian=(200, 150, 230),
    exact=(240, 210, 90),
    bound=(110, 150, 200),
    warning=(255, 110, 90),
)
LIGHT = Palette(
    dark=False,
    text=(30, 30, 30),
    faint=(120, 120, 120),
    negative=(0, 60, 160),
    zero=(252, 252, 250),
    positive=(190, 80, 0),
    trained=(180, 180, 180),
    smooth=(200, 90, 0),
    heldout=(30, 30, 30),
    optimum=(0, 120, 70),
    gaussian=(130, 60, 170),
    exact=(150, 110, 0),
    bound=(40, 90, 160),
    warning=(190, 30, 20),
)


@lru_cache(maxsize=4096)
def ink(foreground: RGB, bold: bool = False, background: RGB | None = None) -> Style:
    """A style, made once: the terminal's escape codes are cached with it."""
    paper = None if background is None else Color.from_rgb(*background)
    return Style(color=Color.from_rgb(*foreground), bgcolor=paper, bold=bold or None)
