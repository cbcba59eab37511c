"""The loss pane: live curves over the levels of theory, their readout, and the replay of a run."""

from __future__ import annotations

import time

from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from rugtui.live.frame import Frame
from rugtui.live.history import EMPTY
from rugtui.tui.charts import view as views
from rugtui.tui.charts.chart import Chart, shown
from rugtui.tui.charts.drawing import LEAST
from rugtui.tui.charts.lines import (
    SEPARATOR,
    Fact,
    facts_line,
    facts_text,
    laid_out,
    only_text,
    placeholder,
)
from rugtui.tui.charts.palette import Palette
from rugtui.tui.charts.view import NEWEST, ChartView
from rugtui.tui.keys import bindings
from rugtui.tui.panes.chart_pane import ChartPane
from rugtui.tui.panes.loss.curves import (
    OthersSmoothed,
    history_curves,
    history_facts,
    history_readings,
    loss_chart,
    point_readings,
    points,
    theory_chart,
    theory_facts,
)
from rugtui.tui.panes.loss.series import Deriver
from rugtui.tui.panes.loss.view import TABS, LossView
from rugtui.tui.panes.pane import IN_BORDER
from rugtui.tui.panes.runs_view import RunsView

TITLE, TITLE_AT = "1 loss against", 3
"""The title before the tabs, and its first column in the border."""
TALL = 16
"""Rows from which the readout may take two of them."""
CHART = 5
"""Rows that the chart keeps, however long the readout is."""
REPLAY_SECONDS = 10.0


class LossPane(ChartPane):
    """Tabs: the loss of the run against steps; theory against r, and against p."""

    BINDINGS = bindings("loss")
    look = LossView()
    runs_view = RunsView()

    class StepWanted(Message):
        """The other panes should show this kept step, or (None) the newest."""

        def __init__(self, step: int | None) -> None:
            self.step = step
            super().__init__()

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(title, id=id)
        self._step: int | None = None
        """The kept step that was asked for last."""
        self._replay: Timer | None = None
        self._derive, self._others = Deriver(), OthersSmoothed()
        self._readout_rows, self._readout_size = 0, (0, 0)

    def watch_frame(self, old: Frame | None, new: Frame | None) -> None:
        if new is not None and new.phase == "opened" and (old is None or old.phase == "loading"):
            # Weights from elsewhere have no steps, but a place among the lines of theory.
            self.look = LossView() if len(new.history) else LossView().with_tab(1)
        super().watch_frame(old, new)
        self._want_step()

    # Drawing

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        self._write_border()
        chart = self.chart(frame, palette)
        if chart is None or chart.empty or width < LEAST[0] or height < LEAST[1]:
            return only_text(self._without_chart(frame, chart), palette, width, height)
        readout = self._readout(frame, chart, width, height)
        strips = self.draw_chart(chart, palette, width, height - len(readout))
        return strips + [facts_line(facts, palette, width) for facts in readout]

    @property
    def view(self) -> ChartView:
        return self.look.view

    def show_view(self, view: ChartView) -> None:
        self._look_at(self.look.with_view(view))

    def _look_at(self, look: LossView) -> None:
        self.look = look
        self.redraw()
        self._want_step()

    def chart(self, frame: Frame, palette: Palette) -> Chart | None:
        """The chart of the current tab; None while theory is computed."""
        if self.look.tab == 0:
            self._others.keep(frame.others, self.look.span)
            behind = tuple(history_curves(frame, self.runs_view, self._others, palette))
            return loss_chart(frame, self._derive(frame.history, self.look.span), palette, behind)
        if frame.curves is None:
            return None
        behind = tuple(points(frame, self.runs_view, TABS[self.look.tab], palette))
        curves, here = frame.curves.against_p, frame.settings.p_on
        if self.look.tab == 1:
            curves, here = frame.curves.against_r, frame.settings.ratio
        return theory_chart(frame, curves, here, palette, behind)

    def _without_chart(self, frame: Frame, chart: Chart | None) -> str:
        if chart is not None and not chart.empty:
            return "The pane is too small for a chart."
        if chart is not None and len(frame.history):
            return "One result so far: a curve needs two."
        awaited = "Computing theory …" if chart is None else "Waiting for the first results …"
        if chart is not None and frame.phase == "opened":
            awaited = "No results yet. Space resumes training."
        text = placeholder(frame, awaited)
        return text if text == awaited else f"{text} {frame.failure}".rstrip()

    def _readout(self, frame: Frame, chart: Chart, width: int, height: int) -> list[list[Fact]]:
        """One or two lines, with a crosshair as many as all series need. Their number does not
        shrink while the crosshair is shown: the chart would jump with each step."""
        most = 0 if height <= LEAST[1] else 1 if height < TALL else 2
        if not self.crossed or self._readout_size != (width, height):
            self._readout_rows, self._readout_size = 0, (width, height)
        if self.crossed:
            most = max(most, min(height // 2, height - CHART))
        lines = laid_out(self.facts(frame, chart), width, most)[:most]
        if self.crossed:
            self._readout_rows = min(max(self._readout_rows, len(lines)), most)
        return lines + [[]] * (self._readout_rows - len(lines))

    def facts(self, frame: Frame, chart: Chart) -> list[Fact]:
        """What the curves say at the crosshair; without one at the newest result, or for theory at
        the run's own r or p."""
        view = self.pointed_view(chart)
        axes = shown(chart, view)
        cross = views.crosshair(view, axes)
        at = chart.home if cross is None else axes.x.value(cross)
        index = chart.x.size - 1 if at == NEWEST else views.nearest(chart.x, at)
        if self.look.tab:
            assert frame.curves is not None
            sweep = frame.curves.against_r if self.look.tab == 1 else frame.curves.against_p
            facts = theory_facts(frame, sweep, TABS[self.look.tab], index, chart.home)
            return [*facts, *point_readings(chart, index)]
        derived = self._derive(frame.history, self.look.span)
        crossed = cross is not None
        loss = float(derived.smoothed[index]) if crossed else frame.trained.loss
        step = float(chart.x[index])
        beside = history_readings(frame, self.runs_view, self._others, step, loss, self.palette)
        return [*history_facts(frame, derived, index, crossed=crossed), *beside]

    def readout(self) -> str:
        """The full readout as text; empty without a chart."""
        chart = self.frame and self.chart(self.frame, self.palette)
        if self.frame is None or not chart or chart.empty:
            return ""
        return facts_text(self.facts(self.frame, chart))

    def reading(self) -> str:
        return self.readout() if self.is_read_out else ""

    def _write_border(self) -> None:
        """The tabs in the top border, what keys have set in the bottom one."""
        look, view = self.look, self.look.view
        tabs = [(f" {name} ", "reverse" if k == look.tab else "") for k, name in enumerate(TABS)]
        scale = {True: "log", False: "linear"}
        facts = [f"x {scale[view.log_x]}", f"y {scale[view.log_y]}"]
        if look.tab == 0:
            facts.append("following" if view.follow else "held")
            facts.append(look.smoothing_in_words(self.frame.history if self.frame else EMPTY))
        if view.x is not None or view.y is not None:
            facts.append("zoomed")
        while len(SEPARATOR.join(facts)) > self.content_size.width - IN_BORDER and len(facts) > 1:
            facts.pop()
        self.entitle(Content.assemble(TITLE, *tabs), SEPARATOR.join(facts))

    def look_at_runs(self, view: RunsView) -> None:
        """Show the other runs in another way."""
        self.runs_view = view
        self.redraw()

    # Keys and mouse

    def action_tab(self) -> None:
        self._look_at(self.look.with_tab(self.look.tab + 1))

    def on_click(self, event: events.Click) -> None:
        """A click on a tab in the border shows it."""
        end = TITLE_AT + len(TITLE)
        for k, name in enumerate(TABS):
            begin, end = end, end + len(name) + 2
            if event.y == 0 and begin <= event.x < end and not self._dragged:
                self._look_at(self.look.with_tab(k))

    def action_smooth(self, by: int) -> None:
        before = self.look
        self.look = before.smoothed(by, len(self.frame.history) if self.frame else 0)
        if by > 0 and self.look == before:
            self.notify("This run is too short for stronger smoothing.", timeout=2)
        self.redraw()

    def action_live(self) -> None:
        self.post_message(self.LiveWanted())

    # The kept step under the crosshair, and the replay

    @property
    def kept_step(self) -> int | None:
        """The kept step nearest to the crosshair; None if the newest step is nearer."""
        frame, cross = self.frame, self.look.view.cross
        if frame is None or self.look.tab or cross is None or cross == NEWEST:
            return None
        step = min((*frame.kept_steps, frame.step), key=lambda one: abs(one - cross))
        return step if step in frame.kept_steps else None

    def _want_step(self) -> None:
        if self.kept_step != self._step:
            self._step = self.kept_step
            self.post_message(self.StepWanted(self._step))

    def go_live(self) -> None:
        """End the replay and hide the crosshair."""
        self._stop_replay()
        if self.crossed:
            self.action_crosshair()

    def toggle_replay(self) -> bool:
        """Show the kept steps one after another, for ten seconds in all, or stop; whether there are
        any."""
        if self._replay is not None:
            self._stop_replay()
            return True
        kept = self.frame.kept_steps if self.frame else ()
        if kept:
            self.look = self.look.with_tab(0)
            begun = time.monotonic()
            self._replay = self.set_interval(
                REPLAY_SECONDS / len(kept), lambda: self._show_next(time.monotonic() - begun)
            )
            self._cross_at(kept[0])
        return bool(kept)

    def _stop_replay(self) -> None:
        if self._replay is not None:
            self._replay.stop()
            self._replay = None

    def _show_next(self, seconds: float) -> None:
        """Go on to the kept step that is due, once the previous one is on the screen."""
        kept = self.frame.kept_steps if self.frame else ()
        place = int(seconds / REPLAY_SECONDS * len(kept) + 0.5)
        if place >= len(kept):
            self.go_live()
        elif self.frame and self.frame.past and self.frame.past.shown_step == self._step:
            self._cross_at(kept[place])

    def _cross_at(self, step: int) -> None:
        self.change_view(lambda _, view, axes: views.put_crosshair(view, axes, float(step)))
