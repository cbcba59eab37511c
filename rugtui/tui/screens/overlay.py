"""The base class of screens that cover the panes."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

from rich.color import Color
from rich.style import Style
from textual.screen import ModalScreen, Screen
from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.lines import line
from rugtui.tui.panes.pane import HasPreferences
from rugtui.tui.terminal.terminal_app import TerminalApp
from rugtui.tui.terminal.textual_private import release_drawn, screen_text

Result = TypeVar("Result")


@runtime_checkable
class HasFrames(Protocol):
    """An app that receives Frames."""

    latest: Frame


@runtime_checkable
class ShowsFrames(Protocol):
    """A screen that follows the session."""

    def show(self, frame: Frame) -> None: ...


PICTURE = str.maketrans("▀▄█", "░░░")
"""Of a picture without its colours only the place is left."""


class Behind:
    """What an opened screen covers, as it was then, in one faint colour.

    Textual would draw the panes behind it again and again, which doubled the time from the key to
    the screen. On a slow link, or without colours, nothing is drawn there.
    """

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        app, stack = screen.app, screen.app.screen_stack
        plain = isinstance(app, HasPreferences) and app.colours == "none"
        careful = isinstance(app, TerminalApp) and app.link.careful
        at = stack.index(screen) if screen in stack and not plain and not careful else 0
        below = [screen_text(one) for one in stack[:at] if one.size == screen.size]
        painted = [text for text in below if any(map(str.strip, text))]
        self._text = [row.translate(PICTURE) for row in painted[-1]] if painted else []

    def line(self, y: int) -> Strip | None:
        """One row; None where there is nothing, and once the terminal has another size."""
        screen = self._screen
        if len(self._text) != screen.size.height or y >= len(self._text):
            return None
        rim = Color.parse(screen.app.theme_variables["rim"])
        style = Style(color=rim, bgcolor=screen.background_colors[1].rich_color)
        return line([(self._text[y].ljust(screen.size.width), style)], screen.size.width)


class Overlay(ModalScreen[Result]):
    """A sheet over the panes, which stay in sight."""

    _behind: Behind | None = None
    keys_of = ""
    """The pane of the key table whose keys work here."""

    def on_unmount(self) -> None:
        release_drawn()

    def render_line(self, y: int) -> Strip:
        self._behind = self._behind or Behind(self)
        return self._behind.line(y) or super().render_line(y)
