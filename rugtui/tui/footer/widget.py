"""The footer: the keys that work now, in one widget.

Textual's own mounts a widget for each key anew at every change of focus or screen, which took a
third of the time from a key to the screen.
"""

from __future__ import annotations

from textual import events
from textual.strip import Strip
from textual.widget import Widget

from rugtui.tui.footer.drawing import LAST, Hint, hint_at, key_bar


class KeyBar(Widget):
    COMPONENT_CLASSES = {"key-bar--key", "key-bar--word"}

    def __init__(self, stay: int = LAST) -> None:
        """`stay`: how many keys at the end are there at any width."""
        super().__init__()
        self.stay = stay
        self.hints: tuple[Hint, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.tell())

    def tell(self) -> None:
        """Look which keys work, and draw where they are others."""
        hints = self._hints()
        if hints != self.hints:
            self.hints = hints
            self.refresh()

    def _hints(self) -> tuple[Hint, ...]:
        """The first key of each action that is to be shown."""
        found: dict[str, Hint] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in found:
                shown = self.app.get_key_display(binding)
                found[binding.action] = Hint(shown, binding.description, binding.key)
        return tuple(found.values())

    def render_line(self, y: int) -> Strip:
        keys = self.get_component_rich_style("key-bar--key")
        words = self.get_component_rich_style("key-bar--word")
        return key_bar(self.hints, keys, words, self.size.width, self.stay)

    def on_click(self, event: events.Click) -> None:
        """Pointed at, a key does what it does when it is pressed."""
        if hint := hint_at(self.hints, event.x, self.size.width, self.stay):
            self.app.simulate_key(hint.key)
