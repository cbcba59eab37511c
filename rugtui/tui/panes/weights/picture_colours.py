"""The dashboard's colours of W, for pictures in files."""

from __future__ import annotations

from rugtui.storage.colours import Colours
from rugtui.tui.charts.palette import DARK, HALF_LEVELS, LIGHT


def picture_colours(dark: bool) -> Colours:
    """The heatmap's own ramp on the paper of its theme."""
    palette = DARK if dark else LIGHT
    return Colours(palette.ramp, palette.diagonal, palette.ramp[HALF_LEVELS], palette.text)
