"""The command palette: its entries, and what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from textual import command
from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hits
from textual.screen import Screen
from textual.strip import Strip
from textual.system_commands import SystemCommandsProvider

from rugtui.settings.preferences import Theme
from rugtui.settings.presets import PRESETS, Preset
from rugtui.tui.keys import KEYS, SHEETS, Key, Keymap
from rugtui.tui.screens.dashboard import PANES
from rugtui.tui.screens.overlay import Behind, Overlay

if TYPE_CHECKING:
    from rugtui.tui.frame_app import FrameApp

THEMES: tuple[Theme, ...] = get_args(Theme)
OPENS = ("runs", "sweep")
"""Sheets that can be opened from everywhere, by the action of the same name."""


class CommandPalette(command.CommandPalette):
    """Textual's palette, with the panes still visible behind it."""

    _behind: Behind | None = None

    def render_line(self, y: int) -> Strip:
        self._behind = self._behind or Behind(self)
        return self._behind.line(y) or super().render_line(y)


class Commands(SystemCommandsProvider):
    """Finds commands as Textual does; before anything is typed, the most useful come first."""

    async def discover(self) -> Hits:
        painted = asyncio.Event()
        self.app.call_after_refresh(painted.set)
        await painted.wait()  # the input line first, then the list
        for name, about, callback, _ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(name, callback, help=about)


def commands(
    app: FrameApp, screen: Screen[Any], keymap: Keymap, edit: Callable[[Preset], Awaitable[None]]
) -> Iterable[SystemCommand]:
    """Every key that works from this screen, every preset and every theme.

    Keys that work everywhere or in the focused pane come first. `edit` opens the settings with a
    preset.
    """
    here = keys_of(screen)
    focused = focused_in(screen)
    known = [
        key
        for key in KEYS
        if (key.pane not in SHEETS or key.pane in (here, *OPENS)) and key.name != "command_palette"
    ]
    near = [key for key in known if key.pane in ("", here) or key.pane == focused]
    yield from (
        _of_key(app, key, keymap) for key in sorted(near, key=lambda key: key.pane == focused)
    )
    for one in PRESETS:
        about = f"{one.about} Opens the form with it."
        yield SystemCommand(f"preset: {one.name}", about, partial(edit, one))
    for theme in THEMES:
        about = f"Colours for a {theme} terminal."
        yield SystemCommand(f"theme: {theme}", about, partial(app.use_theme, theme))
    yield from (_of_key(app, key, keymap) for key in known if key not in near)


def _of_key(app: FrameApp, key: Key, keymap: Keymap) -> SystemCommand:
    title = f"{key.title} ({key.shown(keymap)})"
    return SystemCommand(title, key.about, partial(do, app, key))


async def do(app: FrameApp, key: Key) -> None:
    """Do what a key does, after bringing the screen that has the key to the front."""
    if key.pane and key.pane != keys_of(app.screen):
        while app.screen is not app.dashboard:
            await app.pop_screen()
        if key.pane in OPENS:
            await app.run_action(key.pane)
    if key.pane in PANES:
        app.dashboard.go_to(key.pane)
        await app.run_action(key.action, app.dashboard.query_one(f"#{key.pane}"))
    else:
        await app.run_action(key.action, app.screen if key.pane else app)


def keys_of(screen: Screen[Any]) -> str:
    """The pane in the key table whose keys work on a screen."""
    return screen.keys_of if isinstance(screen, Overlay) else "dashboard"


def focused_in(screen: Screen[Any]) -> str:
    """The focused pane of a screen; empty if there is none."""
    return (screen.focused and screen.focused.id) or ""
