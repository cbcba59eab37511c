"""The sheet of runs: the live one beside earlier and saved ones, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from rugtui.live.commands import Command, Forget, ListSaved, Load
from rugtui.live.frame import Frame
from rugtui.tui.footer import KeyBar
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.panes.runs import LIVE, RunRow, RunsPane, RunsView
from rugtui.tui.screens.overlay import Overlay
from rugtui.tui.screens.saved import Saved


class Runs(Overlay[None]):
    """Shows Frames as they come; every change of the view is handed to `looks` at once."""

    keys_of = "runs"
    BINDINGS = sheet_bindings("runs")

    def __init__(
        self,
        frame: Frame,
        view: RunsView,
        looks: Callable[[RunsView], None],
        send: Callable[[Command], None],
    ) -> None:
        super().__init__()
        self._first, self._view, self._looks, self._send = frame, view, looks, send

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Runs"
            yield RunsPane("", id="runs")
            name = Input(placeholder="a name; empty gives it its own back", compact=True)
            name.display = False
            yield name
            yield KeyBar()

    def on_mount(self) -> None:
        self.pane.view = self._view
        self.pane.frame = self._first
        self.pane.focus()

    @property
    def pane(self) -> RunsPane:
        return self.query_one(RunsPane)

    @property
    def naming(self) -> bool:
        """Whether a name is being typed."""
        return bool(self.query_one(Input).display)

    @property
    def row(self) -> RunRow | None:
        rows = self.pane.rows
        return rows[self.pane.selected] if rows else None

    def show(self, frame: Frame) -> None:
        """Follow the session."""
        self.pane.frame = frame

    def action_select(self, by: int) -> None:
        last = len(self.pane.rows) - 1
        self.pane.selected = min(max(self.pane.selected + by, 0), max(last, 0))
        self.pane.redraw()

    def action_name(self) -> None:
        row = self._other("named")
        if row is not None:
            field = self.query_one(Input)
            field.value, field.display = row.name, True
            field.focus()

    @on(Input.Submitted)
    def take_name(self, event: Input.Submitted) -> None:
        row = self.row
        if row is not None and row.key != LIVE:
            self._look(self._view.named(row.key, event.value))
        self._end_naming()

    def action_hide(self) -> None:
        if row := self._other("hidden"):
            self._look(self._view.toggled(row.key))

    def action_reference(self) -> None:
        if row := self._other("compared with"):
            self._look(self._view.compared(row.key))

    def action_remove(self) -> None:
        if row := self._other("removed"):
            self._send(Forget(row.key))
            if row.reference:
                self._look(self._view.compared(row.key))

    async def action_load(self) -> None:
        self._send(ListSaved())

        def load(path: str | None) -> None:
            if path:
                self._send(Load(path))

        if self.pane.frame is not None:
            await self.app.push_screen(Saved(self.pane.frame), load)

    def action_close(self) -> None:
        """Put the name away that is being typed, else the sheet."""
        if self.naming:
            self._end_naming()
        else:
            self.dismiss()

    def _other(self, done: str) -> RunRow | None:
        """The selected run, if it is not the live one; else why nothing happens is said."""
        row = self.row
        if row is not None and row.key == LIVE:
            self.notify(f"the live run cannot be {done}; select another", timeout=2)
            return None
        return row

    def _look(self, view: RunsView) -> None:
        self._view = self.pane.view = view
        self.pane.redraw()
        self._looks(view)

    def _end_naming(self) -> None:
        self.query_one(Input).display = False
        self.pane.focus()
