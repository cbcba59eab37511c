"""The sheet of runs, those of this session and those on disk: choose, compare, load, open."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input

from rugtui.live.commands import Command, Forget, ListSaved, Load, Open, Preview
from rugtui.live.frame import Frame
from rugtui.storage.run_directory import ABOUT
from rugtui.tui.footer import KeyBar
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.panes.runs import RunsPane
from rugtui.tui.panes.runs_view import LIVE, RunRow, RunsView
from rugtui.tui.screens.overlay import Overlay

PREVIEW_SECONDS = 0.1
"""A run's history is read after it has been selected for so long."""
IN_CHARTS = ("hide", "reference", "remove")
"""Actions on a run that is in the charts and is not the live one."""
FILTER = "words in the name, state or settings; or the folder of any run"
NAME = "a new name; empty restores the original"


class Runs(Overlay[None]):
    """Follows Frames; every change of the view is passed to `looks` at once."""

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
        self._typing = ""
        """What is being typed: a "name" or a "filter"."""
        self._listed_before = frame.saved
        self._previewed = ""
        self._soon: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Runs"
            yield RunsPane("", id="runs")
            field = Input(compact=True)
            field.display = False
            yield field
            yield KeyBar()

    def on_mount(self) -> None:
        self.pane.view = self._view
        self.pane.frame = dataclasses.replace(self._first, saved=None)
        self.pane.focus()
        self._send(ListSaved())

    @property
    def pane(self) -> RunsPane:
        return self.query_one(RunsPane)

    @property
    def row(self) -> RunRow | None:
        found = [pane for pane in self.query(RunsPane) if pane.rows]
        return found[0].rows[found[0].selected] if found else None

    def show(self, frame: Frame) -> None:
        """Follow the session, ignoring the list of saved runs from before."""
        if frame.saved is self._listed_before:
            frame = dataclasses.replace(frame, saved=None)
        else:
            self._listed_before = None
        self.pane.frame = frame

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable what cannot be done with the selected run."""
        row = self.row
        if row is None:
            return True
        if action in IN_CHARTS:
            return row.key != LIVE and not row.on_disk
        if action == "load":
            return row.on_disk and row.settings is not None
        if action == "open_run":
            return row.key == LIVE or row.settings is not None
        return action != "name" or row.key != LIVE

    def action_select(self, by: int) -> None:
        self.pane.select(self.pane.selected + by)
        self._selected()

    @on(RunsPane.Selected)
    def clicked(self, event: RunsPane.Selected) -> None:
        self._selected()
        if event.opens:
            self.action_open_run()

    def _selected(self) -> None:
        """Update the footer, and read the history of the run for its preview."""
        self.refresh_bindings()
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(PREVIEW_SECONDS, self._preview)

    def _preview(self) -> None:
        row = self.row
        wanted = row is not None and row.on_disk and row.settings is not None
        if row is not None and wanted and row.history is None and row.key != self._previewed:
            self._previewed = row.key
            self._send(Preview(row.key))

    def action_open_run(self) -> None:
        """Open the run in the panes; the live run is saved, and stays in the table."""
        row, frame = self.row, self.pane.frame
        if row is None or frame is None:
            return
        if row.key != LIVE and frame.read_only:
            self.notify(frame.read_only, severity="warning", markup=False)
            return
        if row.key != LIVE and row.settings is not None:
            self._send(Open(row.key, row.settings))
        self.dismiss()

    def action_sort(self, other_way: bool) -> None:
        view = self._view
        self._look(view.sorted_by(view.sort) if other_way else view.next_sort())

    @on(RunsPane.SortWanted)
    def sort_by(self, event: RunsPane.SortWanted) -> None:
        self._look(self._view.sorted_by(event.column))

    def action_filter(self) -> None:
        self._type("filter", self._view.filter, FILTER)

    def action_name(self) -> None:
        if row := self.row:
            self._type("name", row.name, NAME)

    def _type(self, what: str, text: str, hint: str) -> None:
        field = self.query_one(Input)
        self._typing = what
        field.value, field.placeholder, field.display = text, hint, True
        field.focus()

    @on(Input.Changed)
    def take_filter(self, event: Input.Changed) -> None:
        if self._typing == "filter":
            self._look(dataclasses.replace(self._view, filter=event.value.strip()))

    @on(Input.Submitted)
    def take_typed(self, event: Input.Submitted) -> None:
        """Rename the selected run, or load the run whose folder was typed."""
        typed, row = event.value.strip(), self.row
        if self._typing == "name" and row is not None:
            self._look(self._view.named(row.key, event.value))
        elif self._typing == "filter" and (os.sep in typed or typed.startswith("~")):
            run = Path(os.path.expanduser(typed))
            if not (run / ABOUT).is_file():
                problem = f"{typed!r} is not a run's folder: it has no {ABOUT}"
                self.notify(problem, severity="warning", markup=False)
                return
            self._send(Load(str(run.absolute())))
            self._look(dataclasses.replace(self._view, filter=""))
        self._end_typing()

    def action_hide(self) -> None:
        if row := self.row:
            self._look(self._view.toggled(row.key))

    def action_reference(self) -> None:
        if row := self.row:
            self._look(self._view.compared(row.key))

    def action_remove(self) -> None:
        if row := self.row:
            self._send(Forget(row.key))
            if row.reference:
                self._look(self._view.compared(row.key))

    def action_load(self) -> None:
        if row := self.row:
            self._send(Load(row.key))

    def action_close(self) -> None:
        """End typing, else clear the filter, else close the sheet."""
        if not self._typing and not self._view.filter:
            self.dismiss()
            return
        if self._typing != "name":
            self._look(dataclasses.replace(self._view, filter=""))
        self._end_typing()

    def _look(self, view: RunsView) -> None:
        self._view = self.pane.view = view
        self.pane.redraw()
        self.refresh_bindings()
        self._looks(view)

    def _end_typing(self) -> None:
        self._typing = ""
        self.query_one(Input).display = False
        self.pane.focus()
