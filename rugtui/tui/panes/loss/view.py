"""The user's view of the loss pane as a frozen value: the tab, each chart's view, the smoothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rugtui.analysis import numbers
from rugtui.live.history import SPAN, HistoryView
from rugtui.tui.charts.view import ChartView
from rugtui.tui.panes.loss.series import SPANS, half_window

TABS = ("steps", "r", "p")
"""What the loss is drawn against."""


@dataclass(frozen=True, slots=True)
class LossView:
    tab: int = 0
    views: tuple[ChartView, ...] = (ChartView(), ChartView(log_x=False), ChartView())
    smoothing: int = SPANS.index(SPAN)
    """Index of the strength among SPANS."""

    @property
    def view(self) -> ChartView:
        """The view of the chart that is shown."""
        return self.views[self.tab]

    @property
    def span(self) -> int:
        return SPANS[self.smoothing]

    def with_view(self, view: ChartView) -> LossView:
        views = (*self.views[: self.tab], view, *self.views[self.tab + 1 :])
        return dataclasses.replace(self, views=views)

    def with_tab(self, tab: int) -> LossView:
        return dataclasses.replace(self, tab=tab % len(TABS))

    def smoothed(self, by: int, results: int) -> LossView:
        """With the next stronger (`by` = 1) or weaker (−1) smoothing that changes a curve of this
        many results: a short run has no room for wide windows. If none is stronger, the same."""
        now = half_window(results, self.span)
        for k in range(self.smoothing + by, len(SPANS) if by > 0 else -1, by):
            if half_window(results, SPANS[k]) != now:
                return dataclasses.replace(self, smoothing=k)
        return self if by > 0 else dataclasses.replace(self, smoothing=0)

    def smoothing_in_words(self, history: HistoryView) -> str:
        """Over how many steps the newest value is averaged."""
        if self.span == 1 or len(history) < 2:
            return "no smoothing" if self.span == 1 else "smoothing"
        steps = history.column("step")
        results = 2 * half_window(steps.size, self.span) + 1
        if results == 1:
            return "too short to smooth"
        return f"smoothing {numbers.count(float(steps[-1] - steps[-results]))} steps"
