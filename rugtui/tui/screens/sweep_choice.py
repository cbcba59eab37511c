"""Which sweep to show: a new one, set up in a form, or one on disk, chosen from a list."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from rugtui.errors import RugtuiError, SettingError
from rugtui.runtime.machine import cores
from rugtui.runtime.terminal import printable
from rugtui.settings.fields import Declared, Rule, fields_of
from rugtui.sweeps.estimate import on_this_machine
from rugtui.sweeps.folder import grid_of, is_sweep
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.plan import units
from rugtui.sweeps.watch import known_sweeps, new_folder, sweeps_folder
from rugtui.tui.form import FormRow
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.screens.overlay import Overlay
from rugtui.tui.screens.settings_form import FormScreen, row_of

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
        """Show only sweeps with these words; a path is not a filter."""
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
    """Name and axes in one line, or what is damaged."""
    name = printable(folder.name)
    try:
        grid = grid_of(folder)
    except (OSError, RugtuiError) as error:
        return f"{name}  damaged: {printable(str(error))}"
    return f"{name}  n_sparse {grid.n_sparse}  r {grid.ratio}  p {grid.p}  {grid.kinds}"


FOLDER = Declared(
    "folder",
    str,
    None,
    Rule("New, or that of a sweep to continue.", phrase="a folder", auto="in rugtui's own folder"),
    optional=True,
)
ROWS = {**fields_of(Grid), FOLDER.name: FOLDER}


class SweepForm(FormScreen[tuple[Grid, Path] | Other | None]):
    """Returns the grid of a new sweep and its folder, OTHER to choose one on disk, or None."""

    TITLE, FIRST = "New sweep", "n_sparse"
    BINDINGS = [Binding("ctrl+o", "other", "list", key_display="ctrl+o")]

    def __init__(self, draft: Grid) -> None:
        super().__init__()
        self.draft = draft
        self._planned: Grid | None = None
        """The grid whose plan is shown."""
        self._refused: Grid | None = None
        """A grid that cannot be computed here."""

    def rows(self) -> Sequence[FormRow]:
        return [row_of(one, getattr(self.draft, name, None)) for name, one in ROWS.items()]

    def check(self) -> None:
        grid, _, errors = self._draft()
        self.tell([_checked(row, errors.get(row.name)) for row in self.form.rows])
        if grid is None:
            others = [str(error) for name, error in errors.items() if name not in ROWS]
            self.conclude(others[0] if others else "Fix the marked setting to start.")
        elif grid != self._planned:
            self.run_worker(partial(self._plan, grid), thread=True, group="plan", exclusive=True)
        self._planned = grid

    def _plan(self, grid: Grid) -> None:
        """In a thread, because a large grid has many units."""
        try:
            text, refused = planned(grid), None
        except RugtuiError as error:
            text, refused = str(error), grid
        self.app.call_from_thread(self._say, grid, text, refused)

    def _say(self, grid: Grid, text: str, refused: Grid | None) -> None:
        if self.is_attached and grid == self._planned:
            self._refused = refused
            self.conclude(text)

    def action_apply(self) -> None:
        grid, written, errors = self._draft()
        if grid is None:
            self.go_to(next(iter(errors)))
        elif grid != self._refused:
            folder = Path(os.path.expanduser(written)).absolute() if written else new_folder(grid)
            self.dismiss((grid, folder))

    def action_other(self) -> None:
        self.dismiss(OTHER)

    def _draft(self) -> tuple[Grid | None, str | None, Mapping[str, SettingError]]:
        """The grid and its folder, or the errors of its settings."""
        values, errors = self.drafted(ROWS)
        folder = values.pop(FOLDER.name, None)
        if not errors:
            try:
                return Grid(**values), folder, {}
            except SettingError as error:
                errors[error.name] = error
        return None, folder, errors


def _checked(row: FormRow, error: SettingError | None) -> FormRow:
    """The row with its error or a description of the setting."""
    if error is not None:
        return replace(row, tone="wrong", said=str(error), whole="")
    return replace(row, tone="said", said=ROWS[row.name].rule.about, whole=ROWS[row.name].sentence)


def planned(grid: Grid) -> str:
    """What would be computed, as text. Raises UsageError if nothing fits in memory."""
    plan = on_this_machine(units(grid), grid, cores())
    size = f"{plan.cells:,} cells of {Axes.of(grid).words}"
    return " ".join([f"{size}; {plan.words}, beside the live run.", *plan.notes])
