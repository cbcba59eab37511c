"""Shows an error of the worker and, on request, the traceback of a bug."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.live.frame import Frame
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.screens.overlay import Overlay


class Failure(Overlay[None]):
    keys_of = "failure"
    BINDINGS = sheet_bindings("failure")

    HINTS = "escape closes · e edits the settings and starts again"

    def __init__(self, message: str, traceback: str, kept: str = "") -> None:
        """`kept` says which step of the run is on disk."""
        super().__init__()
        self.message, self.traceback, self.kept = message, traceback, kept

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Training stopped"
            sheet.border_subtitle = self.HINTS + (" · t traceback" if self.traceback else "")
            with VerticalScroll():
                yield Static(self._whole_message, id="failure", markup=False)
                if self.traceback:
                    trace = Static("\n" + self.traceback, id="traceback", markup=False)
                    trace.display = False
                    yield trace

    @property
    def _whole_message(self) -> str:
        return "\n\n".join(filter(None, (self.message, self.kept)))

    def show(self, frame: Frame) -> None:
        """Update the text: the last step is saved after the error."""
        if frame.kept != self.kept and frame.failure == self.message:
            self.kept = frame.kept
            self.query_one("#failure", Static).update(self._whole_message)

    def action_edit(self) -> None:
        self.dismiss()
        self.app.call_later(self.app.run_action, "edit")

    def action_trace(self) -> None:
        """Show or hide the traceback."""
        for trace in self.query("#traceback"):
            trace.display = not trace.display
