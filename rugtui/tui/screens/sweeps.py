"""The sweeps on disk, to watch one of them, or any by its folder."""

from __future__ import annotations

import os
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from rugtui.errors import RugtuiError
from rugtui.runtime.characters import printable
from rugtui.sweeps.folder import grid_of, is_sweep
from rugtui.sweeps.watch import known_sweeps, sweeps_folder
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.screens.overlay import Overlay


class Sweeps(Overlay[Path | None]):
    """Answers with the folder of a sweep, None where none was chosen."""

    keys_of = "list"
    BINDINGS = sheet_bindings("list")

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Sweeps, newest first"
            sheet.border_subtitle = "enter watches · tab next · escape closes, then n sets one up"
            yield Static("looking …", id="looking", markup=False)
            yield OptionList(markup=False)
            yield Input(placeholder="or the folder of any sweep", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.run_worker(self._find, thread=True, name="sweeps")

    def _find(self) -> None:
        try:
            found = [(folder, described(folder)) for folder in known_sweeps()]
        except OSError as error:
            self.app.call_from_thread(self._say, f"not read: {error}")
            return
        self.app.call_from_thread(self._list, found)

    def _list(self, found: list[tuple[Path, str]]) -> None:
        if not self.is_attached:
            return
        if not found:
            self._say(f"no sweep in {sweeps_folder()} or here")
            return
        self.query_one("#looking").display = False
        options = self.query_one(OptionList)
        options.add_options(Option(text, id=str(folder)) for folder, text in found)
        options.highlighted = 0
        options.focus()

    def _say(self, text: str) -> None:
        if self.is_attached:
            self.query_one("#looking", Static).update(text)

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Path(event.option.id or "."))

    @on(Input.Submitted)
    def take_folder(self, event: Input.Submitted) -> None:
        folder = Path(os.path.expanduser(event.value.strip()))
        if event.value.strip() and is_sweep(folder):
            self.dismiss(folder.absolute())
        else:
            looking = self.query_one("#looking", Static)
            looking.display = True
            typed = printable(event.value.strip())
            looking.update(
                f"{typed} is not a sweep's folder: it has no sweep.json."
                if typed
                else "Type a folder, or press n for a new sweep."
            )


def described(folder: Path) -> str:
    """One line: name and axes; what is damaged says so."""
    name = printable(folder.name)
    try:
        grid = grid_of(folder)
    except (OSError, RugtuiError) as error:
        return f"{name}  damaged: {printable(str(error))}"
    return f"{name}  n_sparse {grid.n_sparse}  r {grid.ratio}  p {grid.p}  {grid.kinds}"
