"""What all panes share: a Frame in, strips out, and only changed rows go to the terminal."""

from __future__ import annotations

from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from rugtui.session.frame import Frame
from rugtui.ui.renderables.lines import blank
from rugtui.ui.renderables.palette import DARK, LIGHT, Palette


class Pane(Widget, can_focus=True):
    """A bordered box that draws a Frame. Subclasses say how in `draw`."""

    frame: reactive[Frame | None] = reactive(None, repaint=False, always_update=True)

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.border_title = title
        self._strips: list[Strip] = []

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        """The pane's content in exactly `height` strips of `width` cells."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        return DARK if self.app.current_theme.dark else LIGHT

    def watch_frame(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw again, and refresh the rows that came out different."""
        width, height = self.content_size
        if self.frame is None or not width or not height or not self.is_on_screen:
            return
        strips = self.draw(self.frame, self.palette, width, height)
        old, self._strips = self._strips, strips
        if len(old) != len(strips):
            self.refresh()
            return
        for first, last in changed_runs(old, strips):
            self.refresh(Region(0, first, width, last - first))

    @property
    def is_on_screen(self) -> bool:
        return bool(self.display and self.region.area)

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return blank(self.content_size.width)


def changed_runs(old: list[Strip], new: list[Strip]) -> list[tuple[int, int]]:
    """Runs first … last − 1 of rows that differ: one region a run, for regions cost too."""
    runs: list[tuple[int, int]] = []
    for row, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after:
            continue
        if runs and runs[-1][1] == row:
            runs[-1] = runs[-1][0], row + 1
        else:
            runs.append((row, row + 1))
    return runs
