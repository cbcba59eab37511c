"""The footer: the keys that work now, in one widget.

Textual's own footer mounts a widget for each key at every change of focus or screen, which took a
third of the time from a key to the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from rugtui.tui.charts.lines import Piece, line
from rugtui.tui.screens.overlay import HasFrames

CHANGING = ("pause", "halve_lr", "lower_p", "edit", "snapshot")
"""Keys that change a run, or write to its folder."""
RESUMES: dict[str, str] = dict.fromkeys(("opened", "paused", "done"), "resume")
"""What the footer calls the pause key in phases without training."""
LAST = 2
"""Keys at the end that are always shown: help, and the way out."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A key as it is shown, its word, and Textual's name of the key."""

    shown: str
    word: str
    key: str

    @property
    def width(self) -> int:
        """Including the space before the next one."""
        return len(self.shown) + len(self.word) + 2


def fitting(hints: Sequence[Hint], width: int, always: int = LAST) -> list[Hint]:
    """The hints that fit, in order; the last `always` have priority."""
    last = list(hints[-always:])
    room = width - sum(hint.width for hint in last)
    first: list[Hint] = []
    for hint in hints[:-always]:
        room -= hint.width
        if room < 0:
            break
        first.append(hint)
    return first + last


def key_bar(
    hints: Sequence[Hint], keys: Style, words: Style, width: int, always: int = LAST
) -> Strip:
    """One strip of `width` cells."""
    pieces: list[Piece] = []
    for hint in fitting(hints, width, always):
        pieces += [(hint.shown, keys), (f" {hint.word} ", words)]
    used = sum(len(text) for text, _ in pieces)
    return line([*pieces, (" " * (width - used), words)], width)


def hint_at(hints: Sequence[Hint], x: int, width: int, always: int = LAST) -> Hint | None:
    """The hint at column x."""
    for hint in fitting(hints, width, always):
        if x < hint.width:
            return hint
        x -= hint.width
    return None


class KeyBar(Widget):
    COMPONENT_CLASSES = {"key-bar--key", "key-bar--word"}

    def __init__(self, always: int = LAST) -> None:
        """`always`: how many keys at the end are always shown."""
        super().__init__()
        self.always = always
        self.hints: tuple[Hint, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.update_hints())

    def update_hints(self) -> None:
        """Find the keys that work, and redraw if they have changed."""
        hints = self._hints()
        if hints != self.hints:
            self.hints = hints
            self.refresh()

    def _hints(self) -> tuple[Hint, ...]:
        """The first key of each action in the footer."""
        found: dict[str, Hint] = {}
        latest = self.app.latest if isinstance(self.app, HasFrames) else None
        read_only = latest is not None and latest.read_only
        resumes = RESUMES.get(latest.phase) if latest else None
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if read_only and binding.id in CHANGING:
                continue  # all it could do is refuse
            back = binding.id == "maximize" and self.screen.maximized is not None
            if back and active.enabled:  # first: it is the way back
                hint = Hint(self.app.get_key_display(binding), "all panes", binding.key)
                found = {binding.action: hint, **found}
            if binding.show and active.enabled and binding.action not in found:
                shown = self.app.get_key_display(binding)
                word = resumes if resumes and binding.id == "pause" else binding.description
                found[binding.action] = Hint(shown, word, binding.key)
        return tuple(found.values())

    def render_line(self, y: int) -> Strip:
        keys = self.get_component_rich_style("key-bar--key")
        words = self.get_component_rich_style("key-bar--word")
        return key_bar(self.hints, keys, words, self.size.width, self.always)

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        if hint := hint_at(self.hints, event.x, self.size.width, self.always):
            self.app.simulate_key(hint.key)
