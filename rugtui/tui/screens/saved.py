"""The runs on disk, to choose one from, or any by its directory."""

from __future__ import annotations

import os
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from rugtui.analysis import numbers
from rugtui.live.frame import Frame
from rugtui.runtime.characters import printable
from rugtui.storage.listing import Listed
from rugtui.storage.run_directory import ABOUT
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.screens.overlay import Overlay


class Saved(Overlay[str | None]):
    """Answers with the directory of the chosen run, None where none was."""

    keys_of = "list"
    BINDINGS = sheet_bindings("list")

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self._before, self._told = frame.saved, False

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Saved runs, newest first"
            sheet.border_subtitle = "enter loads · tab next · escape closes"
            yield Static("looking …", id="looking", markup=False)
            yield OptionList(markup=False)
            yield Input(placeholder="or the directory of any run", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def show(self, frame: Frame) -> None:
        """Fill the list as soon as it is there."""
        if self._told or frame.saved is None or frame.saved is self._before:
            return
        self._told = True
        others = {run.key for run in frame.others}
        found = [run for run in frame.saved if str(run.path) != frame.run]
        looking = self.query_one("#looking", Static)
        looking.update("there is no other run on disk")
        looking.display = not found
        options = self.query_one(OptionList)
        options.add_options(
            Option(described(run, str(run.path) in others), id=str(run.path)) for run in found
        )
        options.highlighted = 0 if found else None
        if found and not self.query_one(Input).value:  # else something is being typed
            options.focus()

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    @on(Input.Submitted)
    def take_directory(self, event: Input.Submitted) -> None:
        """Take what was typed if it is a run; else say that it is none."""
        typed = event.value.strip()
        run = Path(os.path.expanduser(typed))
        if typed and (run / ABOUT).is_file():
            self.dismiss(str(run.absolute()))
        elif typed:
            looking = self.query_one("#looking", Static)
            looking.display = True
            looking.update(f"{typed!r} is no run's directory: it has no {ABOUT}")


def described(run: Listed, loaded: bool) -> str:
    """One line: name, state, step, loss; what is damaged says so."""
    name = printable(run.name)
    if run.settings is None:
        return f"{name}  {run.state}: {printable(run.trouble)}"
    loss = "" if run.loss is None else f"  loss {numbers.loss(run.loss)}"
    there = "  (listed)" if loaded else ""
    return f"{name}  {run.state}  step {run.step:,}{loss}{there}"
