"""What all panes share: a Frame in, strips out, and only changed rows go to the terminal."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from rugtui.preferences import Preferences
from rugtui.session.frame import Frame
from rugtui.ui.link import Link, cost
from rugtui.ui.renderables.lines import blank, papered
from rugtui.ui.renderables.palette import Colours, Palette, palette_for


@runtime_checkable
class HasLink(Protocol):
    """An app that knows its link to the terminal."""

    link: Link


@runtime_checkable
class HasPreferences(Protocol):
    """An app that knows how its user wants to see it."""

    preferences: Preferences


class Pane(Widget, can_focus=True):
    """A bordered box that draws a Frame. Subclasses say how in `draw`."""

    numbers = 0
    """The last rows, where they answer the user and must not wait for the rows of a picture."""
    frame: reactive[Frame | None] = reactive(None, repaint=False, always_update=True)

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = self._above = Content(title)
        self._below = ""
        self._letters: tuple[str, ...] = ()
        self._wanted: list[Strip] = []
        self._shown: list[Strip] = []
        self._turn = 0

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        """The pane's content in exactly `height` strips of `width` cells."""
        raise NotImplementedError

    def reading(self) -> str:
        """What the user points at in this pane, as text to copy; empty where that is nothing."""
        return ""

    def entitle(self, above: Content | None = None, below: str = "") -> None:
        """Say something in the border, where it is something else: Textual draws the whole widget
        again for every title that is set."""
        if above is not None and not above.is_same(self._above):
            self._above = above
            self.mark(*self._letters)
        if below != self._below:
            self.border_subtitle = self._below = below

    def mark(self, *letters: str) -> None:
        """Put letters to jump by into the border before its words, or take them off."""
        self._letters = letters
        marks = [(f" {letter} ", "reverse") for letter in letters]
        self.border_title = Content.assemble(*marks, " ", self._above) if marks else self._above

    @property
    def palette(self) -> Palette:
        assert isinstance(self.app, HasPreferences)
        dark = self.app.current_theme.dark
        return palette_for(dark, self.colours, self.app.preferences.ascii)

    @property
    def colours(self) -> Colours:
        """What the terminal has, as far as its environment says."""
        system = self.app.console.color_system
        if self.app.no_color or system is None:
            return "none"
        few: dict[str, Colours] = {"256": "eight bits", "standard": "sixteen", "windows": "sixteen"}
        return few.get(system, "many")

    def watch_frame(self, old: Frame | None, new: Frame | None) -> None:
        self._draw()
        self._send(urgent=old is None or new is None or self.is_news(old, new))

    def is_news(self, old: Frame, new: Frame) -> bool:
        """Whether the new Frame must not wait for the link."""
        return scene(old) != scene(new)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw again; at once where the user did something."""
        self._draw()
        self._send(urgent=True)

    def _draw(self) -> None:
        width, height = self.content_size
        if self.frame is not None and width and height and self.is_on_screen:
            strips = self.draw(self.frame, self.palette, width, height)
            paper = self.background_colors[1].rich_color
            self._wanted = [papered(strip, paper) for strip in strips]

    def _send(self, *, urgent: bool = False) -> None:
        """Refresh rows that came out different: all, or those that the link affords.

        What is not afforded stays as it is on the screen, and is first in turn the next time.
        """
        if len(self._shown) != len(self._wanted):
            self._shown = list(self._wanted)
            self.refresh()
            return
        changed = [row for row, strip in enumerate(self._wanted) if strip != self._shown[row]]
        numbers = len(self._wanted) - self.numbers
        changed.sort(key=lambda row: (row < numbers, row < self._turn, row))
        sent = []
        for row in changed:
            if not (self.link.affords(cost(self._wanted[row])) or urgent or row >= numbers):
                self._turn = row
                break
            self._shown[row] = self._wanted[row]
            sent.append(row)
        for first, last in runs(sorted(sent)):
            self.refresh(Region(0, first, self.content_size.width, last - first))

    def forget(self) -> None:
        """Take all rows off the screen: they come back one by one, as the link affords them."""
        self._shown = [blank(self.content_size.width)] * len(self._shown)

    @property
    def link(self) -> Link:
        assert isinstance(self.app, HasLink)
        return self.app.link

    @property
    def is_on_screen(self) -> bool:
        return bool(self.display and self.region.area)

    def render_line(self, y: int) -> Strip:
        return self._shown[y] if y < len(self._shown) else blank(self.content_size.width)


def scene(frame: Frame) -> tuple[object, ...]:
    """What a user has to see at once where it changes: the rest is the same thing, moving."""
    return frame.phase, frame.shown, frame.picture and frame.picture.subject


def runs(rows: list[int]) -> list[tuple[int, int]]:
    """Ascending rows as runs first … last − 1: one region a run, for regions cost too."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row:
            found[-1] = found[-1][0], row + 1
        else:
            found.append((row, row + 1))
    return found
