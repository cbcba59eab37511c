"""What went wrong in the worker: the message, and on request the traceback of a bug."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.ui.keys import sheet_bindings
from rugtui.ui.screens.sheet import Sheet


class Failure(Sheet[None]):
    keys_of = "failure"
    BINDINGS = sheet_bindings("failure")

    HINTS = "escape closes · e edits the settings and starts again"

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__()
        self.message, self.traceback = message, traceback

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Training stopped"
            sheet.border_subtitle = self.HINTS + (" · t traceback" if self.traceback else "")
            with VerticalScroll():
                yield Static(self.message, markup=False)
                if self.traceback:
                    trace = Static("\n" + self.traceback, id="traceback", markup=False)
                    trace.display = False
                    yield trace

    def action_edit(self) -> None:
        self.dismiss()
        self.app.call_later(self.app.run_action, "edit")

    def action_trace(self) -> None:
        """Show the traceback and put it away."""
        for trace in self.query("#traceback"):
            trace.display = not trace.display
