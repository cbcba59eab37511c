"""The list of sweeps on disk, to follow one of them, or one in any folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from textual import events, on
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


Other = Literal["other"]
OTHER: Other = "other"
"""What the list returns to set up a new sweep instead, and the form to choose one on disk."""


class Sweeps(Overlay[Path | Other | None]):
    """Returns the folder of a sweep; OTHER for a new one; None if none was chosen."""

    keys_of = "list"
    _found: Sequence[tuple[Path, str]] = ()
    BINDINGS = sheet_bindings("list")

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Sweeps, newest first"
            sheet.border_subtitle = "enter watches · / filters · n sets one up · escape closes"
            yield Static("Looking for sweeps …", id="looking", markup=False)
            yield OptionList(markup=False)
            yield Input(placeholder="words to filter by, or the folder of any sweep", compact=True)

    def on_key(self, event: events.Key) -> None:
        """In the list, / goes to the filter, and n to the form of a new sweep."""
        if not self.query_one(OptionList).has_focus:
            return
        if event.character == "/":
            self.query_one(Input).focus()
            event.stop()
        elif event.character == "n":
            self.dismiss(OTHER)
            event.stop()

    @on(Input.Changed)
    def filter(self, event: Input.Changed) -> None:
        """Only sweeps with these words; a path has none."""
        self._fill("" if os.sep in event.value else event.value)

    def _fill(self, typed: str) -> None:
        words = typed.casefold().split()
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(text, id=str(folder))
            for folder, text in self._found
            if all(word in text.casefold() for word in words)
        )
        options.highlighted = 0 if options.option_count else None

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.run_worker(self._find, thread=True, name="sweeps")

    def _find(self) -> None:
        try:
            found = [(folder, described(folder)) for folder in known_sweeps()]
        except OSError as error:
            self.app.call_from_thread(self._say, f"Cannot be read: {error}")
            return
        self.app.call_from_thread(self._list, found)

    def _list(self, found: list[tuple[Path, str]]) -> None:
        if not self.is_attached:
            return
        if not found:
            self._say(f"No sweep in {sweeps_folder()} or in this folder.")
            return
        self.query_one("#looking").display = False
        self._found = found
        typed = self.query_one(Input).value
        self._fill("" if os.sep in typed else typed)
        if not typed:
            self.query_one(OptionList).focus()

    def _say(self, text: str) -> None:
        if self.is_attached:
            self.query_one("#looking", Static).update(text)

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Path(event.option.id or "."))

    @on(Input.Submitted)
    def take_folder(self, event: Input.Submitted) -> None:
        folder = Path(os.path.expanduser(event.value.strip()))
        options = self.query_one(OptionList)
        if event.value.strip() and not is_sweep(folder) and options.option_count:
            options.focus()
            return
        if event.value.strip() and is_sweep(folder):
            self.dismiss(folder.absolute())
        else:
            looking = self.query_one("#looking", Static)
            looking.display = True
            typed = printable(event.value.strip())
            if typed:
                looking.update(f"{typed} is not a sweep's folder: it has no sweep.json.")
            else:
                looking.update("Type a folder, or press n for a new sweep.")
                options.focus()  # where n is not typed


def described(folder: Path) -> str:
    """One line: name and axes, or what is damaged."""
    name = printable(folder.name)
    try:
        grid = grid_of(folder)
    except (OSError, RugtuiError) as error:
        return f"{name}  damaged: {printable(str(error))}"
    return f"{name}  n_sparse {grid.n_sparse}  r {grid.ratio}  p {grid.p}  {grid.kinds}"
