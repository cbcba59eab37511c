"""The symmetry pane: what a permutation-symmetric optimum would not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.pane import Pane
from rugtui.tui.panes.symmetry.symmetry_table import symmetry_table, waiting

if TYPE_CHECKING:
    from rugtui.analysis.statistics import Statistics


class SymmetryPane(Pane):
    _of: Statistics | None = None
    _also: tuple[object, ...] = ()
    _drawn: Sequence[Strip] = ()

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        """Again only where it comes out different: statistics are few, and Frames are many."""
        reading, waits = frame.reading, waiting(frame)
        measured = len(reading.trend), reading.measured_at, f"{reading.age:.0f}", waits
        also = *measured, palette, width, height
        if reading.statistics is not self._of or also != self._also:
            self._of, self._also = reading.statistics, also
            self._drawn = symmetry_table(reading, waits, palette, width, height)
        return list(self._drawn)
