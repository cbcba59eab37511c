"""The theory pane: the table and the sentence under it."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.session.frame import Frame
from rugtui.ui.renderables.palette import Palette
from rugtui.ui.renderables.theory_table import theory_table
from rugtui.ui.widgets.pane import Pane


class TheoryPane(Pane):
    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return theory_table(frame, palette, width, height)
