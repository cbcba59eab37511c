"""An application fitted to its terminal: its colours and characters, its size, what it can copy."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from functools import partial

from textual.app import App
from textual.filter import LineFilter
from textual.notifications import SeverityLevel

from rugtui.settings.preferences import Preferences, Theme
from rugtui.tui.charts.palette import ColourDepth
from rugtui.tui.terminal.bandwidth import BandwidthLimiter
from rugtui.tui.terminal.driver import Meter, thrifty
from rugtui.tui.terminal.plain import Respelled, Uncoloured, in_ascii, on_console
from rugtui.tui.themes import name_of, themes

ANSWER_LOOK = 0.03
"""Seconds until it is looked again whether the terminal has answered."""


class Unmetered:
    """Stands where there is no terminal, or one that takes all at once: all of it has arrived."""

    sent, stuck, owes, answer_due = 0, False, False, False

    def attend(self) -> None: ...
    def forget(self) -> None: ...
    def drop(self) -> None: ...


UNMETERED = Unmetered()


class TerminalApp(App[None]):
    """What Textual does for any terminal, and what else those of our users need."""

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.link = BandwidthLimiter(preferences.link)
        self.driver_class = thrifty(self.driver_class, self.link)
        for theme in themes(self.colours):
            self.register_theme(theme)
        self.theme = name_of(preferences.theme)
        self._plainer: list[LineFilter] = [Uncoloured()] if self.colours == "none" else []
        linux = os.environ.get("TERM") == "linux"
        self.braille = not (preferences.ascii or linux)
        if preferences.ascii:
            self._plainer.append(Respelled(in_ascii))
        elif linux:
            self._plainer.append(Respelled(on_console))
        self._wrong_until = 0.0

    @property
    def colours(self) -> ColourDepth:
        """What the terminal has, as far as its environment says."""
        system = self.console.color_system
        if self.no_color or system is None:
            return "none"
        few: dict[str, ColourDepth] = {"256": "256", "standard": "16", "windows": "16"}
        return few.get(system, "truecolor")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and what a terminal of no colours or of other characters needs."""
        return [*super().get_line_filters(), *self._plainer]

    @property
    def meter(self) -> Meter:
        """What is known of the bytes on their way."""
        return self._driver if isinstance(self._driver, Meter) else UNMETERED

    def on_resize(self) -> None:
        self.meter.forget()  # also where it is the old size again: another was in between

    def action_redraw(self) -> None:
        """The terminal may show anything: something else wrote to it."""
        self.meter.forget()
        self.refresh()

    def wear(self, theme: Theme) -> None:
        self.theme = name_of(theme)

    def action_theme(self) -> None:
        self.wear("light" if self.current_theme.dark else "dark")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something over the keys, where only what is wrong piles up: of what a key did (`]`
        five times), the last is enough."""
        now = time.monotonic()
        lasting = timeout or self.NOTIFICATION_TIMEOUT
        if now >= self._wrong_until:
            self.clear_notifications()
        if severity != "information":
            self._wrong_until = max(self._wrong_until, now + lasting)
        super().notify(
            folded(message, self.size.width - 2),
            title=title,
            severity=severity,
            timeout=lasting,
            markup=markup,
        )

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52; tmux passes on what is wrapped for it, where it does not copy by itself."""
        super().copy_to_clipboard(text)
        if self._driver is not None and "TMUX" in os.environ:
            self._driver.write(passed_through(text))

    def exit_soon(self, code: int, until: float) -> None:
        """Leave once the terminal has answered, at the latest at that time: the shell would take
        for typed what comes only then."""
        if self.meter.answer_due and time.monotonic() < until:
            self.set_timer(ANSWER_LOOK, partial(self.exit_soon, code, until))
        else:
            self.exit(return_code=code)


def folded(text: str, width: int) -> str:
    """The text in full lines where a word (a path, mostly) is longer than a line: wrapped at spaces
    it would take a line more."""
    if width < 1 or all(len(word) <= width for word in text.split()):
        return text
    return "\n".join(text[k : k + width] for k in range(0, len(text), width))


def passed_through(text: str) -> str:
    """OSC 52 as tmux hands it on to the terminal around it."""
    return f"\x1bPtmux;\x1b\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a\x1b\\"
