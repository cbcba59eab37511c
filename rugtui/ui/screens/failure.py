"""What went wrong in the worker: the message, and the traceback of a bug."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.ui.screens.sheet import Sheet


class Failure(Sheet[None]):
    BINDINGS = [
        Binding("escape,enter", "dismiss", "Close"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__()
        self.message, self.traceback = message, traceback

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Training stopped"
            sheet.border_subtitle = "escape closes · e edits the settings and starts again"
            with VerticalScroll():
                yield Static(self.message, markup=False)
                if self.traceback:
                    yield Static("\n" + self.traceback, markup=False)
