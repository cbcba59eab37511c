"""The loss pane: live curves over the levels of theory, controlled by keys."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.style import Style
from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from rugtui.analysis import numbers
from rugtui.live.frame import Frame
from rugtui.live.history import SPAN
from rugtui.tui.charts import view as views
from rugtui.tui.charts.canvas import Font
from rugtui.tui.charts.chart import Chart, height_at, shown
from rugtui.tui.charts.drawing import LEAST, chart_strips, place_under
from rugtui.tui.charts.lines import instead, line, said_alone
from rugtui.tui.charts.palette import Palette, ink
from rugtui.tui.charts.view import NEWEST, ChartView, Shown
from rugtui.tui.keys import bindings
from rugtui.tui.panes.loss.curves import loss_chart, theory_chart, theory_facts
from rugtui.tui.panes.loss.other_runs import (
    OthersSmoothed,
    history_curves,
    history_readings,
    point_readings,
    points,
)
from rugtui.tui.panes.loss.readout import SEPARATOR, Fact, history_facts, laid_out, text
from rugtui.tui.panes.loss.series import SPANS, Deriver, half_window
from rugtui.tui.panes.pane import HasPreferences, Pane
from rugtui.tui.panes.runs import RunsView

TABS = ("steps", "r", "p")
"""What the loss is drawn against."""


@dataclass(frozen=True, slots=True)
class LossView:
    tab: int = 0
    views: tuple[ChartView, ...] = (ChartView(), ChartView(log_x=False), ChartView())
    smoothing: int = SPANS.index(SPAN)

    @property
    def view(self) -> ChartView:
        """The view of the chart in front."""
        return self.views[self.tab]

    @property
    def span(self) -> int:
        """How strongly the loss is smoothed: one of SPANS."""
        return SPANS[self.smoothing]

    def looking(self, view: ChartView) -> LossView:
        """With another view of the chart in front."""
        views = (*self.views[: self.tab], view, *self.views[self.tab + 1 :])
        return dataclasses.replace(self, views=views)

    def turned(self) -> LossView:
        """With the next chart in front."""
        return dataclasses.replace(self, tab=(self.tab + 1) % len(TABS))

    def smoothed(self, by: int) -> LossView:
        """With stronger or weaker smoothing, as far as it goes."""
        return dataclasses.replace(self, smoothing=min(max(self.smoothing + by, 0), len(SPANS) - 1))


TITLE, TITLE_AT = "1 loss against", 3
"""The title before the tabs, and its first column in the border."""
PANNED = 0.25
"""Of the chart's width or height at a time."""
TALL = 16
"""Rows from which the readout may take two of them."""
CHART = 5
"""Rows that the chart keeps, however long the readout is."""


REPLAY_SECONDS = 10.0


class LossPane(Pane):
    """Tabs: the loss of the run against steps; what theory says against r, and against p."""

    BINDINGS = bindings("loss")
    look = LossView()
    runs_view = RunsView()

    class StepWanted(Message):
        """The other panes are to show this kept step, or (None) the run as it is."""

        def __init__(self, step: int | None) -> None:
            self.step = step
            super().__init__()

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(title, id=id)
        self._step: int | None = None
        """The kept step that was wanted last."""
        self._replay: Timer | None = None
        self._derive, self._others = Deriver(), OthersSmoothed()
        self._told, self._told_in, self._chart_height = 0, (0, 0), 0
        self._pressed: int | None = None
        """Column of the content in which the mouse was pressed, while it is."""
        self._pointed: int | None = None
        """Column that the mouse is over."""
        self._dragged = False

    def watch_frame(self, old: Frame | None, new: Frame | None) -> None:
        if new is not None and new.phase == "opened" and (old is None or old.phase == "loading"):
            # Weights from elsewhere have no steps, but a place among the lines of theory.
            self.look = LossView() if len(new.history) else LossView().turned()
        super().watch_frame(old, new)
        self._want_step()

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        self._say_what_is_shown()
        chart = self.chart(frame, palette)
        if chart is None or chart.empty or width < LEAST[0] or height < LEAST[1]:
            return said_alone(self._instead(frame, chart), palette, width, height)
        told = self._readout(frame, chart, width, height)
        self._chart_height = height - len(told)
        view = self._seen(chart)
        strips = chart_strips(chart, view, palette, self.font, width, self._chart_height)
        if band := self._band:
            strips = [
                _banded(strip, *band, ink(palette.text, False, palette.grid)) for strip in strips
            ]
        return strips + [self._readout_line(facts, palette, width) for facts in told]

    @property
    def _band(self) -> tuple[int, int] | None:
        """The columns that are being dragged over, first and behind the last."""
        if self._pressed is None or self._pointed is None or not self._dragged:
            return None
        return min(self._pressed, self._pointed), max(self._pressed, self._pointed) + 1

    def _seen(self, chart: Chart) -> ChartView:
        """The view, with the crosshair under the mouse where it points into the chart."""
        view, at = self.look.view, self._pointed
        if at is None or view.cross is not None or self._pressed is not None:
            return view
        return self._crossed(chart, view, at)

    def _crossed(self, chart: Chart, view: ChartView, column: int) -> ChartView:
        """With the crosshair on the known x that is nearest to a column."""
        now = shown(chart, view)
        known = views.nearest(chart.x, now.x.value(self._place(chart, now, column)))
        return views.put_crosshair(view, now, views.settled(chart.x, known))

    def _place(self, chart: Chart, now: Shown, column: int) -> float:
        return place_under(chart, now, column, self.content_size.width, self._chart_height)

    def _instead(self, frame: Frame, chart: Chart | None) -> str:
        """The text if there is no chart."""
        if chart is not None and not chart.empty:
            return "The pane is too small for a chart."
        if chart is not None and len(frame.history):
            return "One result so far: a curve needs two."
        awaited = "Computing theory …" if chart is None else "Waiting for the first results …"
        if chart is not None and frame.phase == "opened":
            awaited = "No results yet. Space resumes training."
        said = instead(frame, awaited)
        return said if said == awaited else f"{said} {frame.failure}".rstrip()

    def _readout(self, frame: Frame, chart: Chart, width: int, height: int) -> list[list[Fact]]:
        """In lines: at the crosshair as many as every series takes, else one or two.

        While the crosshair is there they do not become fewer: the chart would jump with each step.
        """
        most = 0 if height <= LEAST[1] else 1 if height < TALL else 2
        if self.look.view.cross is None or self._told_in != (width, height):
            self._told, self._told_in = 0, (width, height)
        if self.look.view.cross is not None:
            most = max(most, min(height // 2, height - CHART))
        told = laid_out(self.facts(frame, chart), width, most)[:most]
        if self.look.view.cross is not None:
            self._told = min(max(self._told, len(told)), most)
        return told + [[]] * (self._told - len(told))

    @property
    def font(self) -> Font:
        assert isinstance(self.app, HasPreferences)
        return Font(not self.app.braille)

    def chart(self, frame: Frame, palette: Palette) -> Chart | None:
        """The chart of the current tab; None while it is computed."""
        if self.look.tab == 0:
            self._others.keep(frame.others, self.look.span)
            behind = tuple(history_curves(frame, self.runs_view, self._others, palette))
            return loss_chart(frame, self._derive(frame.history, self.look.span), palette, behind)
        known = frame.curves
        if known is None:
            return None
        behind = tuple(points(frame, self.runs_view, TABS[self.look.tab], palette))
        if self.look.tab == 1:
            return theory_chart(frame, known.against_r, frame.settings.ratio, palette, behind)
        return theory_chart(frame, known.against_p, frame.settings.p_on, palette, behind)

    def look_at_runs(self, view: RunsView) -> None:
        """Show other runs otherwise."""
        self.runs_view = view
        self.redraw()

    def facts(self, frame: Frame, chart: Chart) -> list[Fact]:
        """What the curves say at the crosshair; without one at the newest, or where the run is."""
        view = self._seen(chart)
        cross = views.crosshair(view, shown(chart, view))
        at = chart.home if cross is None else shown(chart, view).x.value(cross)
        index = chart.x.size - 1 if at == NEWEST else views.nearest(chart.x, at)
        if self.look.tab == 0:
            derived = self._derive(frame.history, self.look.span)
            crossed = cross is not None
            now = float(derived.smoothed[index]) if crossed else frame.trained.loss
            step = float(chart.x[index])
            view, palette = self.runs_view, self.palette
            beside = history_readings(frame, view, self._others, step, now, palette)
            facts = history_facts(frame, derived, index, crossed=crossed)
            return [*facts, *beside]
        assert frame.curves is not None
        sweep = frame.curves.against_r if self.look.tab == 1 else frame.curves.against_p
        beside = point_readings(chart, index)
        return [*theory_facts(frame, sweep, TABS[self.look.tab], index, chart.home), *beside]

    def readout(self) -> str:
        """The full readout as text; empty without a chart."""
        chart = self.frame and self.chart(self.frame, self.palette)
        if self.frame is None or not chart or chart.empty:
            return ""
        return text(self.facts(self.frame, chart))

    def reading(self) -> str:
        return self.readout() if self.crossed or self._pointed is not None else ""

    def action_scales(self) -> None:
        self._look(views.next_scales)

    def action_tab(self) -> None:
        self.look = self.look.turned()
        self.redraw()
        self._want_step()

    def action_smooth(self, by: int) -> None:
        """By one strength, or as many as it takes to change anything: a short run has no room for
        the strongest windows."""
        frame, before = self.frame, self.look
        widest = half_window(len(frame.history), before.span) if frame else 0
        self.look = before.smoothed(by)
        while frame and self.look != before.smoothed(by * len(SPANS)):
            if half_window(len(frame.history), self.look.span) != widest:
                break
            self.look = self.look.smoothed(by)
        if frame and by > 0 and half_window(len(frame.history), self.look.span) == widest:
            self.look = before
            self.notify("This run is too short for stronger smoothing.", timeout=2)
        self.redraw()

    def _smoothing(self) -> str:
        """How far the newest value is averaged, in steps."""
        if self.frame is None or self.look.span == 1 or len(self.frame.history) < 2:
            return "no smoothing" if self.look.span == 1 else "smoothing"
        steps = self.frame.history.column("step")
        results = 2 * half_window(steps.size, self.look.span) + 1
        if results == 1:
            return "too few results to smooth"
        return f"smoothing {numbers.count(float(steps[-1] - steps[-results]))} steps"

    def action_crosshair(self) -> None:
        self._on_chart(lambda chart, view, _: views.toggle_crosshair(view, chart.home))

    def action_cross(self, by: int) -> None:
        columns = self.content_size.width * self.font.dots[1]

        def moved(chart: Chart, view: ChartView, now: Shown) -> ChartView:
            if view.cross is None:
                return views.toggle_crosshair(view, chart.home)
            return views.move_crosshair(view, now, chart.x, columns, by)

        self._on_chart(moved)

    def action_cross_to(self, newest: bool) -> None:
        self._on_chart(
            lambda chart, view, now: views.put_crosshair(
                view, now, NEWEST if newest else float(chart.x[0])
            )
        )

    def action_zoom_x(self, factor: float) -> None:
        self._look(lambda view, now: views.zoom_x(view, now, factor))

    def action_zoom_y(self, factor: float) -> None:
        def zoomed(chart: Chart, view: ChartView, now: Shown) -> ChartView:
            anchor = height_at(chart, now, views.crosshair(view, now))
            return views.zoom_y(view, now, factor, anchor)

        self._on_chart(zoomed)

    def action_pan(self, down: int, right: int) -> None:
        if right:
            self._look(lambda view, now: views.pan_x(view, now, right * PANNED))
        else:
            self._look(lambda view, now: views.pan_y(view, now, -down * PANNED))

    def on_click(self, event: events.Click) -> None:
        """A click moves the crosshair."""
        offset = event.get_content_offset(self)
        if self._dragged:
            self._dragged = False
        elif offset is None:
            self._click_tab(event)
        else:
            self._on_chart(lambda chart, view, _: self._crossed(chart, view, offset.x))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        at = event.get_content_offset(self)
        self._dragged = False
        if event.button == 1 and at is not None and at.y < self._chart_height:
            self._pressed = at.x
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Read out what is under the mouse; mark the range while dragging."""
        at = event.get_content_offset_capture(self)
        inside = 0 <= at.x < self.content_size.width and 0 <= at.y < self._chart_height
        self._dragged = self._dragged or (self._pressed is not None and at.x != self._pressed)
        self._point(at.x if inside or self._pressed is not None else None)

    def on_leave(self) -> None:
        self._point(None)

    def _point(self, column: int | None) -> None:
        if column != self._pointed:
            self._pointed = column
            self.redraw()

    def on_mouse_up(self) -> None:
        """Show the range that was dragged over."""
        band, self._pressed = self._band, None
        self.release_mouse()
        if band is not None:
            self._on_chart(
                lambda chart, view, now: views.zoom_to(
                    view, now, *(self._place(chart, now, column) for column in band)
                )
            )

    def _click_tab(self, event: events.Click) -> None:
        """A click on a tab in the border shows it."""
        end = TITLE_AT + len(TITLE)
        for k, name in enumerate(TABS):
            begin, end = end, end + len(name) + 2
            if event.y == 0 and begin <= event.x < end:
                self.look = dataclasses.replace(self.look, tab=k)
                self.redraw()
                self._want_step()

    def action_all(self) -> None:
        self._look(lambda view, _: views.show_all(view))

    def action_follow(self) -> None:
        self._look(views.toggle_follow)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_zoom_x(0.5)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_zoom_x(2.0)

    def _look(self, change: Callable[[ChartView, Shown], ChartView]) -> None:
        self._on_chart(lambda _, view, now: change(view, now))

    def _on_chart(self, change: Callable[[Chart, ChartView, Shown], ChartView]) -> None:
        """Change the view of the current chart, if there is one."""
        chart = self.frame and self.chart(self.frame, self.palette)
        if not chart or chart.empty:
            return
        view = self.look.view
        self.look = self.look.looking(change(chart, view, shown(chart, view)))
        self.redraw()
        self._want_step()

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

    def action_live(self) -> None:
        self.post_message(self.LiveWanted())

    @property
    def crossed(self) -> bool:
        """Whether the crosshair is there."""
        return self.look.view.cross is not None

    def go_live(self) -> None:
        """End the replay and hide the crosshair."""
        self._stop_replay()
        if self.crossed:
            self.action_crosshair()

    def toggle_replay(self) -> bool:
        """Show one kept step after another, for ten seconds in all; or stop there. Whether there
        are any."""
        if self._replay is not None:
            self._stop_replay()
            return True
        kept = self.frame.kept_steps if self.frame else ()
        if kept:
            self.look = dataclasses.replace(self.look, tab=0)
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
        """Go on to the kept step whose turn it is, once the one before has been seen."""
        kept = self.frame.kept_steps if self.frame else ()
        place = int(seconds / REPLAY_SECONDS * len(kept) + 0.5)
        if place >= len(kept):
            self.go_live()
        elif self.frame and self.frame.past and self.frame.past.shown_step == self._step:
            self._cross_at(kept[place])

    def _cross_at(self, step: int) -> None:
        self._on_chart(lambda chart, view, now: views.put_crosshair(view, now, float(step)))

    def _readout_line(self, facts: list[Fact], palette: Palette, width: int) -> Strip:
        pieces = []
        for fact in facts:
            if pieces:
                pieces.append((SEPARATOR, palette.style("faint")))
            if fact.name:
                pieces.append((f"{fact.name} ", palette.style("faint")))
            pieces.append((fact.value, fact.style(palette)))
        return line(pieces, width)

    def _say_what_is_shown(self) -> None:
        """Tabs in the border above, what keys have set in the border below."""
        look, view = self.look, self.look.view
        tabs = [(f" {name} ", "reverse" if k == look.tab else "") for k, name in enumerate(TABS)]
        scale = {True: "log", False: "linear"}
        told = [f"x {scale[view.log_x]}", f"y {scale[view.log_y]}"]
        if look.tab == 0:
            told += ["following" if view.follow else "held", self._smoothing()]
        wider = SEPARATOR.join([*told, "zoomed"])
        zoomed = view.x is not None or view.y is not None
        if zoomed and len(wider) <= self.content_size.width - 2:
            told.append("zoomed")
        self.entitle(Content.assemble(TITLE, *tabs), SEPARATOR.join(told))


def _banded(strip: Strip, first: int, last: int, style: Style) -> Strip:
    """With other colours from one column to before another."""
    width = strip.cell_length
    first, last = max(first, 0), min(last, width)
    before, band, after = strip.divide([first, last, width])
    return Strip([*before, *band.apply_style(style), *after], width)
