"""How the user looks at the loss pane: which of its charts, and each chart's own view."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rugtui.live.history import SPAN
from rugtui.tui.panes.loss.smooth import SPANS
from rugtui.tui.panes.loss.view import View

TABS = ("steps", "r", "p")
"""What the loss is drawn against."""


@dataclass(frozen=True, slots=True)
class LossView:
    tab: int = 0
    views: tuple[View, ...] = (View(), View(log_x=False), View())
    smoothing: int = SPANS.index(SPAN)

    @property
    def view(self) -> View:
        """The view of the chart in front."""
        return self.views[self.tab]

    @property
    def span(self) -> int:
        """How strongly the loss is smoothed: one of SPANS."""
        return SPANS[self.smoothing]

    def looking(self, view: View) -> LossView:
        """With another view of the chart in front."""
        views = (*self.views[: self.tab], view, *self.views[self.tab + 1 :])
        return dataclasses.replace(self, views=views)

    def turned(self) -> LossView:
        """With the next chart in front."""
        return dataclasses.replace(self, tab=(self.tab + 1) % len(TABS))

    def smoothed(self, by: int) -> LossView:
        """With stronger or weaker smoothing, as far as it goes."""
        return dataclasses.replace(self, smoothing=min(max(self.smoothing + by, 0), len(SPANS) - 1))
