"""A pane with a chart, whose view keys and mouse change."""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style
from textual import events
from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts import view as views
from rugtui.tui.charts.chart import Chart, height_at, shown
from rugtui.tui.charts.drawing import chart_strips, place_under
from rugtui.tui.charts.palette import Palette, ink
from rugtui.tui.charts.view import NEWEST, ChartView, Shown
from rugtui.tui.panes.pane import Pane

PANNED = 0.25
"""Share of the chart's width or height that one key press pans."""


class ChartPane(Pane):
    """Subclasses say what the chart is, and keep its view."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(title, id=id)
        self._chart_height = 0
        self._pressed: int | None = None
        """Column in which the mouse button went down, while it is down."""
        self._pointed: int | None = None
        """Column under the mouse."""
        self._dragged = False

    def chart(self, frame: Frame, palette: Palette) -> Chart | None:
        """The chart of a Frame; None while it is computed."""
        raise NotImplementedError

    @property
    def view(self) -> ChartView:
        raise NotImplementedError

    def show_view(self, view: ChartView) -> None:
        """Keep another view, and redraw."""
        raise NotImplementedError

    def draw_chart(self, chart: Chart, palette: Palette, width: int, height: int) -> list[Strip]:
        """The chart with what the mouse points at, or the range that it is dragged over."""
        self._chart_height = height
        view = self.pointed_view(chart)
        strips = chart_strips(chart, view, palette, self.font, width, height)
        if band := self._band:
            style = ink(palette.text, False, palette.grid)
            strips = [_banded(strip, *band, style) for strip in strips]
        return strips

    @property
    def crossed(self) -> bool:
        """Whether the crosshair is shown."""
        return self.view.cross is not None

    @property
    def is_read_out(self) -> bool:
        """Whether crosshair or mouse point at something."""
        return self.crossed or self._pointed is not None

    # Keys

    def action_scales(self) -> None:
        self.change_view(lambda _, view, axes: views.next_scales(view, axes))

    def action_crosshair(self) -> None:
        self.change_view(lambda chart, view, _: views.toggle_crosshair(view, chart.home))

    def action_cross(self, by: int) -> None:
        """Move the crosshair; without one, show it."""
        columns = self.content_size.width * self.font.dots[1]
        if self.crossed:
            self.change_view(
                lambda chart, view, axes: views.move_crosshair(view, axes, chart.x, columns, by)
            )
        else:
            self.action_crosshair()

    def action_cross_to(self, newest: bool) -> None:
        self.change_view(
            lambda chart, view, axes: views.put_crosshair(
                view, axes, NEWEST if newest else float(chart.x[0])
            )
        )

    def action_zoom_x(self, factor: float) -> None:
        self.change_view(lambda _, view, axes: views.zoom_x(view, axes, factor))

    def action_zoom_y(self, factor: float) -> None:
        def zoomed(chart: Chart, view: ChartView, axes: Shown) -> ChartView:
            anchor = height_at(chart, axes, views.crosshair(view, axes))
            return views.zoom_y(view, axes, factor, anchor)

        self.change_view(zoomed)

    def action_pan(self, down: int, right: int) -> None:
        if right:
            self.change_view(lambda _, view, axes: views.pan_x(view, axes, right * PANNED))
        else:
            self.change_view(lambda _, view, axes: views.pan_y(view, axes, -down * PANNED))

    def action_all(self) -> None:
        self.change_view(lambda _, view, __: views.show_all(view))

    def action_follow(self) -> None:
        self.change_view(lambda _, view, axes: views.toggle_follow(view, axes))

    def change_view(self, change: Callable[[Chart, ChartView, Shown], ChartView]) -> None:
        """Change the view of the current chart, if there is one."""
        chart = self.frame and self.chart(self.frame, self.palette)
        if not chart or chart.empty:
            return
        self.show_view(change(chart, self.view, shown(chart, self.view)))

    # Mouse

    @property
    def _band(self) -> tuple[int, int] | None:
        """The columns that are being dragged over, first and behind the last."""
        if self._pressed is None or self._pointed is None or not self._dragged:
            return None
        return min(self._pressed, self._pointed), max(self._pressed, self._pointed) + 1

    def pointed_view(self, chart: Chart) -> ChartView:
        """The view, with a crosshair under the mouse if it has none."""
        view, column = self.view, self._pointed
        if column is None or view.cross is not None or self._pressed is not None:
            return view
        return self._crossed_at(chart, view, column)

    def _crossed_at(self, chart: Chart, view: ChartView, column: int) -> ChartView:
        """With the crosshair on the result nearest to a column."""
        axes = shown(chart, view)
        index = views.nearest(chart.x, axes.x.value(self._place(chart, axes, column)))
        return views.put_crosshair(view, axes, views.settled(chart.x, index))

    def _place(self, chart: Chart, axes: Shown, column: int) -> float:
        return place_under(chart, axes, column, self.content_size.width, self._chart_height)

    def on_click(self, event: events.Click) -> None:
        """A click moves the crosshair."""
        offset = event.get_content_offset(self)
        if self._dragged:
            self._dragged = False
        elif offset is not None:
            self.change_view(lambda chart, view, _: self._crossed_at(chart, view, offset.x))

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
        """Zoom into the range that was dragged over."""
        band, self._pressed = self._band, None
        self.release_mouse()
        if band is not None:
            self.change_view(
                lambda chart, view, axes: views.zoom_to(
                    view, axes, *(self._place(chart, axes, column) for column in band)
                )
            )

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_zoom_x(0.5)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_zoom_x(2.0)


def _banded(strip: Strip, first: int, last: int, style: Style) -> Strip:
    """The strip with another style in columns first … last − 1."""
    width = strip.cell_length
    first, last = max(first, 0), min(last, width)
    before, band, after = strip.divide([first, last, width])
    return Strip([*before, *band.apply_style(style), *after], width)
