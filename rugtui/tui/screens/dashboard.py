"""The main screen: header, panes and footer, to which it passes Frames."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from rugtui.live.frame import Frame
from rugtui.tui.footer import KeyBar
from rugtui.tui.header import Header
from rugtui.tui.keys import bindings
from rugtui.tui.layout import LAYOUTS, LEAST, layout_for
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.panes.pane import Pane
from rugtui.tui.panes.symmetry import SymmetryPane
from rugtui.tui.panes.theory import TheoryPane
from rugtui.tui.panes.weights.widget import WeightsPane
from rugtui.tui.screens.overlay import HasFrames

PANES = ("loss", "weights", "theory", "symmetry")
LOOKING_BACK = ("weights", "theory", "symmetry")
"""Panes that show the step under the crosshair."""
LETTERS = {name: name[0] for name in PANES}
"""The letters of jump mode."""


class Dashboard(Screen[None]):
    """Header, four panes, footer; fewer of them in a small terminal."""

    BINDINGS = bindings("dashboard")
    ALLOW_IN_MAXIMIZED_VIEW = "Header, KeyBar"
    _jumping = False

    def compose(self) -> ComposeResult:
        yield Header("", id="headline")
        with Grid(id="panes"):
            yield LossPane("1 loss", id="loss")
            yield WeightsPane("2 W = W_out W_in", id="weights")
            yield TheoryPane("3 theory", id="theory")
            yield SymmetryPane("4 symmetry", id="symmetry")
        yield KeyBar()
        yield Static(id="too-small")

    def on_mount(self) -> None:
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self.make_room())
        self.go_to("loss")

    def make_room(self) -> None:
        """Make room under the panes for notifications that do not fit over footer and border."""
        racks = [rack for rack in self.query("ToastRack") if rack.display]
        rows = sum(toast.outer_size.height for rack in racks for toast in rack.query("Toast"))
        panes = self.query_one("#panes")
        front: Widget = panes if self.maximized is None else self.maximized
        for one in (panes, *panes.query(Pane)):
            room = min(max(rows - 2, 0), self.size.height // 2) if one is front else 0
            if one.styles.margin.bottom != room:
                one.styles.margin = (0, 0, room, 0)
                # a maximized pane is laid out by the screen, which only its child tells
                panes.refresh(layout=True)

    def watch_maximized(self) -> None:
        """Have the footer say how to go back."""
        self.refresh_bindings()

    def on_screen_resume(self) -> None:
        """Called on return from another screen."""
        if isinstance(self.app, HasFrames):
            self.show(self.app.latest)  # Frames were not drawn meanwhile

    def on_resize(self, event: events.Resize) -> None:
        columns, rows = event.size
        layout = layout_for(columns, rows)
        for name in LAYOUTS:
            self.set_class(name == layout, name)
        wanted = f"rugtui needs at least {LEAST[0]} × {LEAST[1]} characters"
        self.query_one("#too-small", Static).update(
            f"{wanted}; this terminal has {columns} × {rows}. Enlarge it, or press q to quit."
        )

    def show(self, frame: Frame) -> None:
        """Pass a Frame to every pane, which draws what changed. Pictures come last: they get the
        bandwidth that is left."""
        for name in ("headline", "theory", "symmetry", "loss", "weights"):
            then = name in LOOKING_BACK and frame.past
            self.query_one(f"#{name}", Pane).frame = then or frame

    def tell_usage(self, text: str) -> None:
        """Show the usage of the system in the last border, if all four panes are shown."""
        roomy = self.has_class("broad") or self.has_class("wide")
        for pane in self.query(SymmetryPane):  # none while the app is closing
            pane.entitle(below=text if roomy else "")

    def go_to(self, pane: str) -> None:
        """Focus a pane by its id; in a small terminal it replaces another one."""
        if self.maximized is not None:
            self.minimize()
        for name in PANES:
            self.set_class(name == pane, f"at-{name}")
        # The class decides what is displayed, and only what is displayed can be focused.
        self.call_after_refresh(self.query_one(f"#{pane}").focus)

    def action_next_pane(self, step: int) -> None:
        here = next(k for k, name in enumerate(PANES) if self.has_class(f"at-{name}"))
        self.go_to(PANES[(here + step) % len(PANES)])

    def pointed_at(self) -> str:
        """What the mouse points at, else what is pointed at in the focused pane, else in any other;
        empty for nothing."""
        panes = [self.query_one(f"#{name}", Pane) for name in PANES]
        panes.sort(key=lambda pane: (not pane.mouse_hover, not pane.has_focus))
        return next((text for pane in panes if (text := pane.reading())), "")

    def action_jump(self) -> None:
        """Show a letter in each border; those of hidden panes in that of the front one."""
        self._jumping = True
        shown = [name for name in PANES if self.query_one(f"#{name}", Pane).is_on_screen]
        hidden = [LETTERS[name] for name in PANES if name not in shown]
        for name in shown:
            letters = [LETTERS[name], *(hidden if self.has_class(f"at-{name}") else ())]
            self.query_one(f"#{name}", Pane).mark(*letters)

    def on_key(self, event: events.Key) -> None:
        """While letters are shown, the next key chooses one, or hides them."""
        if not self._jumping:
            return
        event.stop()
        self.stop_jumping()
        for name, letter in LETTERS.items():
            if event.character and event.character.lower() == letter:
                self.go_to(name)
                if event.character.isupper():
                    self.call_after_refresh(self.maximize, self.query_one(f"#{name}", Pane))

    def on_screen_suspend(self) -> None:
        self.stop_jumping()

    def stop_jumping(self) -> None:
        if self._jumping:
            self._jumping = False
            for name in PANES:
                self.query_one(f"#{name}", Pane).mark()

    def on_pane_live_wanted(self) -> None:
        loss = self.query_one(LossPane)
        if loss.crossed:
            loss.call_later(loss.go_live)  # from the pane: a screen's messages do not reach the app
        elif self.maximized is not None:
            self.minimize()

    def action_pane(self, name: str) -> None:
        self.go_to(name)

    def action_zoom(self) -> None:
        """Maximize the focused pane, or go back."""
        if self.maximized is not None:
            self.minimize()
        elif isinstance(self.focused, Pane):
            self.maximize(self.focused)
