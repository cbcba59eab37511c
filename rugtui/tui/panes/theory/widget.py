"""The theory pane: the table and the sentence under it."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.pane import Pane
from rugtui.tui.panes.theory.theory_table import theory_table


class TheoryPane(Pane):
    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return theory_table(frame, palette, width, height)
