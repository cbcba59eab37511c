"""Symmetry and its breaking: numbers with their trends, and the law of the noise."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.session.frame import Reading
from rugtui.ui.renderables.lines import fit, line
from rugtui.ui.renderables.palette import Palette

BARS = " ▁▂▃▄▅▆▇█"


def symmetry_table(reading: Reading, palette: Palette, width: int, height: int) -> list[Strip]:
    return fit([line([("soon", palette.style("faint"))], width)], width, height)
