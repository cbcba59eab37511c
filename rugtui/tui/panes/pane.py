"""The base of all panes, which draws Frames and refreshes only the rows that changed; and that of
tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from rugtui.live.frame import Frame
from rugtui.settings.preferences import Preferences
from rugtui.tui.charts.canvas import Font
from rugtui.tui.charts.lines import blank, papered
from rugtui.tui.charts.palette import ColourDepth, Palette, palette_for


@runtime_checkable
class HasPreferences(Protocol):
    """An app that knows the user's preferences and the terminal."""

    preferences: Preferences
    braille: bool

    @property
    def colours(self) -> ColourDepth: ...


IN_BORDER = 4
"""Columns of the content's width that a text in the border cannot use."""


class Pane(Widget, can_focus=True):
    """A bordered box that draws a Frame; subclasses implement `draw`."""

    frame: reactive[Frame | None] = reactive(None, repaint=False, always_update=True)

    class LiveWanted(Message):
        """Return to the newest step."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id)
        self._title = title
        self.border_title = self._above = Content(title)
        self._below = ""
        self._letters: tuple[str, ...] = ()
        self._shown: list[Strip] = []
        self._fitting = Size(0, 0)
        """The size for which `_shown` was drawn."""

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        """The pane's content in exactly `height` strips of `width` cells."""
        raise NotImplementedError

    def reading(self) -> str:
        """What the mouse, the cursor or the crosshair points at, as text to copy; may be empty."""
        return ""

    def entitle(self, above: Content | None = None, below: str = "") -> None:
        """Set the texts of the border if they differ: Textual redraws the whole widget for every
        title that is set."""
        if above is not None and not above.is_same(self._above):
            self._above = above
            self.mark(*self._letters)
        if below != self._below:
            self.border_subtitle = self._below = below

    def mark(self, *letters: str) -> None:
        """Put the letters of jump mode before the title, or remove them."""
        self._letters = letters
        marks = [(f" {letter} ", "reverse") for letter in letters]
        self.border_title = Content.assemble(*marks, " ", self._above) if marks else self._above

    @property
    def palette(self) -> Palette:
        assert isinstance(self.app, HasPreferences)
        dark = self.app.current_theme.dark
        return palette_for(dark, self.app.colours, self.app.preferences.ascii)

    @property
    def font(self) -> Font:
        assert isinstance(self.app, HasPreferences)
        return Font(not self.app.braille)

    def watch_frame(self, old: Frame | None, new: Frame | None) -> None:
        then = new.shown_step if new else None
        if then != (old.shown_step if old else None):
            at = [] if then is None else [" ", (f" at step {then:,} ", "reverse")]
            self.entitle(Content.assemble(self._title, *at), self._below)
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """A double click on the title maximizes the pane, or restores it."""
        if event.y == 0 and event.chain == 2 and event.get_content_offset(self) is None:
            if self.screen.maximized is not None:
                self.screen.minimize()
            elif self.can_focus:
                self.screen.maximize(self)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())

    def on_resize(self) -> None:
        if self._fitting != self.content_size:
            self.redraw()

    def redraw(self) -> None:
        """Draw again, and refresh the rows that differ."""
        before = self._shown
        if not self._fill():
            return
        if len(before) != len(self._shown):
            self.refresh()
            return
        changed = [row for row, strip in enumerate(self._shown) if strip != before[row]]
        for first, last in runs(changed):
            self.refresh(Region(0, first, self.content_size.width, last - first))

    def _fill(self) -> bool:
        """Draw the pane if it has a Frame and room; whether it did."""
        width, height = self.content_size
        if self.frame is None or not (width and height and self.is_on_screen):
            self._fitting = Size(0, 0)
            return False
        self._fitting = self.content_size
        strips = self.draw(self.frame, self.palette, width, height)
        self._shown = [self._papered(strip) for strip in strips]
        return True

    def _papered(self, strip: Strip) -> Strip:
        return papered(strip, self.background_colors[1].rich_color)

    @property
    def is_on_screen(self) -> bool:
        return bool(self.display and self.region.area)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draws before the first paint of a new size, because `on_resize` comes after it."""
        if self._fitting != self.content_size:
            self._fill()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if y < len(self._shown):
            return self._shown[y]
        return self._papered(blank(self.content_size.width))


NAME = 13
"""Columns of the names of rows."""


class TableRow(NamedTuple):
    """One row of a table in words."""

    key: str
    name: str
    value: str
    about: str
    """A sentence that explains it."""

    @property
    def head(self) -> str:
        return f"{self.name} {self.value}".strip()


class TablePane(Pane):
    """A pane of named rows: one can be selected by key or mouse, which then explains itself."""

    selected = ""
    """Key of the selected row; empty while none is."""
    _mouse: int | None = None
    """The line that the mouse is over."""

    def rows(self) -> list[TableRow]:
        """The rows that can be selected, from top to bottom."""
        raise NotImplementedError

    def explained(self) -> list[tuple[str, str]]:
        """Each row's name with its number, and a sentence that explains it."""
        return [(row.head, row.about) for row in self.rows()]

    def action_select_row(self, by: int) -> None:
        keys = [row.key for row in self.rows()]
        if not keys:
            return
        start = -1 if by > 0 else len(keys)
        at = keys.index(self.selected) if self.selected in keys else start
        self.selected = keys[min(max(at + by, 0), len(keys) - 1)]
        self.redraw()

    def row_at(self, y: int) -> TableRow | None:
        """The row on a line of the content, found by its name; there may be two of one name."""
        names = [strip.text[:NAME].strip() for strip in self._shown[: y + 1]]
        found = [row for row in self.rows() if row.name == names[y]] if y < len(names) else []
        return found[min(names.count(names[y]), len(found)) - 1] if found else None

    def on_click(self, event: events.Click) -> None:
        """A click selects a row."""
        at = event.get_content_offset(self)
        if at is not None and (row := self.row_at(at.y)):
            self.selected = row.key
            self.redraw()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        at = event.get_content_offset(self)
        self._mouse = None if at is None else at.y

    def on_leave(self) -> None:
        self._mouse = None

    def action_select_none(self) -> None:
        """Deselect the row; without one, return to the live run."""
        if not self.selected:
            self.post_message(self.LiveWanted())
        self.selected = ""
        self.redraw()

    def reading(self) -> str:
        """The row under the mouse, else the selected one."""
        row = None if self._mouse is None else self.row_at(self._mouse)
        row = row or next((row for row in self.rows() if row.key == self.selected), None)
        return f"{row.head}: {row.about}" if row else ""


class RankedRow(Protocol):
    @property
    def key(self) -> str: ...

    @property
    def rank(self) -> int: ...


Row = TypeVar("Row", bound=RankedRow)


def rows_that_fit(rows: Sequence[Row], room: int, selected: str) -> list[Row]:
    """The most important rows, in order; if one is selected, those around it."""
    if selected:
        at = next((k for k, row in enumerate(rows) if row.key == selected), 0)
        first = min(max(at - room // 2, 0), max(len(rows) - room, 0))
        return list(rows[first : first + room])
    kept = sorted(rows, key=lambda row: row.rank)[: max(room, 0)]
    return [row for row in rows if row in kept]


def runs(rows: list[int]) -> list[tuple[int, int]]:
    """Ascending rows as runs first … last − 1: a region each, because regions cost, too."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row:
            found[-1] = found[-1][0], row + 1
        else:
            found.append((row, row + 1))
    return found
