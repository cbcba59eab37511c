"""An application adapted to its terminal: colours, characters, size, clipboard."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Sequence

from textual.app import App
from textual.events import Event, InputEvent, Resize
from textual.filter import LineFilter
from textual.geometry import Size
from textual.notifications import SeverityLevel

from rugtui.runtime.terminal import in_ascii, on_console, printable
from rugtui.settings.preferences import Preferences, Theme
from rugtui.tui.charts.palette import ColourDepth
from rugtui.tui.terminal.bandwidth import BandwidthLimiter
from rugtui.tui.terminal.driver import NoTerminal, TerminalStatus, economical
from rugtui.tui.terminal.plain import Respelled, Uncoloured, WithoutControl
from rugtui.tui.themes import name_of, themes

INTERRUPT_SECONDS = 3.0
"""Seconds in which a second ctrl+c quits."""
LEAST, MOST = Size(20, 5), Size(1000, 500)
"""The least and most columns and rows that are laid out: a smaller terminal shows a part, and of
a larger one a part is used."""


class TerminalApp(App[None]):
    """Textual's App, adapted to the terminal."""

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.link = BandwidthLimiter(preferences.link)
        self.terminal: TerminalStatus = NoTerminal()
        self.driver_class = economical(self.driver_class, self.link)
        for theme in themes(self.colours):
            self.register_theme(theme)
        self.theme = name_of(preferences.theme)
        self._plainer: list[LineFilter] = [WithoutControl()]
        if self.colours == "none":
            self._plainer.append(Uncoloured())
        linux = os.environ.get("TERM") == "linux"
        self.braille = not (preferences.ascii or linux)
        if preferences.ascii:
            self._plainer.append(Respelled(in_ascii))
        elif linux:
            self._plainer.append(Respelled(on_console))
        self._wrong_until = 0.0
        self._interrupted = -INTERRUPT_SECONDS

    @property
    def colours(self) -> ColourDepth:
        """The colours of the terminal, as far as its environment says."""
        system = self.console.color_system
        if self.no_color or system is None:
            return "none"
        few: dict[str, ColourDepth] = {"256": "256", "standard": "16", "windows": "16"}
        return few.get(system, "truecolor")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, and those for terminals with fewer colours or characters."""
        return [*super().get_line_filters(), *self._plainer]

    @property
    def size(self) -> Size:
        return within_limits(super().size)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Resize):
            size = within_limits(event.size)
            event = Resize(size, size, pixel_size=event.pixel_size)
        if isinstance(event, InputEvent) and not self.screen_stack:
            return  # typed while the app is closing
        await super().on_event(event)

    def on_resize(self) -> None:
        self.terminal.redraw()  # even if the size is the old one again

    def action_redraw(self) -> None:
        """Draw everything again, because another program may have written to the terminal."""
        self.terminal.redraw()
        self.refresh()

    def action_suspend_process(self) -> None:
        """Stop the whole job as ctrl+z does, if a shell started it, which can resume it."""
        if os.getpgrp() == os.getsid(0):
            self.notify("No shell to return to: q quits.", severity="warning")
        else:
            os.killpg(os.getpgrp(), signal.SIGTSTP)

    async def action_interrupt(self) -> None:
        """Quit at the second ctrl+c; the first may have been meant for another window."""
        now = time.monotonic()
        if now - self._interrupted < INTERRUPT_SECONDS:
            await self.action_quit()
        self._interrupted = now
        self.notify("Press ctrl+c again to quit.", timeout=INTERRUPT_SECONDS)

    def use_theme(self, theme: Theme) -> None:
        self.theme = name_of(theme)

    def action_theme(self) -> None:
        self.use_theme("light" if self.current_theme.dark else "dark")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a message over the footer. Warnings and errors pile up; of other messages only the
        last is shown (after pressing `]` five times, the last rate)."""
        now = time.monotonic()
        lasting = timeout or self.NOTIFICATION_TIMEOUT
        if now >= self._wrong_until:
            self.clear_notifications()
        if severity != "information":
            self._wrong_until = max(self._wrong_until, now + lasting)
        super().notify(
            folded("\n".join(map(printable, message.split("\n"))), self.size.width - 2),
            title=title,
            severity=severity,
            timeout=lasting,
            markup=markup,
        )

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52, wrapped so that tmux passes it on even if it does not copy itself."""
        super().copy_to_clipboard(text)
        if "TMUX" in os.environ:
            self.terminal.write(passed_through(text))


def within_limits(size: Size) -> Size:
    width, height = (
        min(max(wanted, least), most) for wanted, least, most in zip(size, LEAST, MOST, strict=True)
    )
    return Size(width, height)


def folded(text: str, width: int) -> str:
    """The text cut into full lines if a word (mostly a path) is longer than a line: wrapping at
    spaces would take one line more."""
    if width < 1 or all(len(word) <= width for word in text.split()):
        return text
    return "\n".join(text[k : k + width] for k in range(0, len(text), width))


def passed_through(text: str) -> str:
    """OSC 52 wrapped for tmux, which passes it to its terminal."""
    return f"\x1bPtmux;\x1b\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a\x1b\\"
