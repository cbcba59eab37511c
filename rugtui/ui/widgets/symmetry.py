"""The symmetry pane: what a permutation-symmetric optimum would not have."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.session.frame import Frame
from rugtui.ui.renderables.palette import Palette
from rugtui.ui.renderables.symmetry_table import symmetry_table
from rugtui.ui.widgets.pane import Pane


class SymmetryPane(Pane):
    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return symmetry_table(frame.reading, palette, width, height)
