"""The header line."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.palette import Palette
from rugtui.tui.header.drawing import headline
from rugtui.tui.panes.pane import Pane


class Headline(Pane, can_focus=False):
    """One line, not a place to go to."""

    screen_facts: tuple[str, ...] = ()
    waited = 0.0
    """Seconds in which nothing came, where those are many."""

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return [headline(frame, self.screen_facts, palette, width, self.waited)]

    def wait(self, seconds: float) -> None:
        """Say how long nothing came; 0: say the pace again."""
        if seconds != self.waited:
            self.waited = seconds
            self.redraw()
