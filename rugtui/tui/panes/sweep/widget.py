"""The pane of a sweep: the map, its cursor, the curve through it."""

from __future__ import annotations

from textual import events
from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.sweeps.watch import Watched
from rugtui.tui.charts.canvas import Font
from rugtui.tui.charts.lines import fit, line
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.pane import HasPreferences, Pane
from rugtui.tui.panes.sweep.map import Room
from rugtui.tui.panes.sweep.sweep_look import SweepLook
from rugtui.tui.panes.sweep.sweep_view import HEAD, map_room, sweep_strips


class SweepPane(Pane):
    """Draws what is watched; the session's Frame plays no part in it."""

    sweep: Watched | None = None
    look = SweepLook()
    said = ""
    """In the place of a sweep, while there is none."""

    @property
    def font(self) -> Font:
        assert isinstance(self.app, HasPreferences)
        return Font(not self.app.braille)

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        if self.sweep is None:
            return fit([line([(self.said, palette.style("faint"))], width)], width, height)
        return sweep_strips(self.sweep, self.look, palette, self.font, width, height)

    def see(self, sweep: Watched | None) -> None:
        self.sweep = sweep
        self.redraw()

    def look_at(self, look: SweepLook) -> None:
        self.look = look
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where the mouse points."""
        place = event.get_content_offset(self)
        if self.sweep is None or place is None:
            return
        cells = self.look.cells(self.sweep)
        room = map_room(self.look, *self.content_size)
        shape, cursor = (cells.r.size, cells.p.size), self.look.cursor(cells)
        cell = Room.of(shape, *room, self.palette, cursor).at(place.y - HEAD, place.x, self.palette)
        if cell is not None and place.x < room[0]:
            self.look_at(self.look.at(*cell))
