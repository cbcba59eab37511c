"""The form of a sweep, made from its declared settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual.binding import Binding

from rugtui.errors import RugtuiError, SettingError
from rugtui.runtime.machine import cores
from rugtui.settings.fields import Declared, Rule, fields_of
from rugtui.sweeps.estimate import on_this_machine
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.plan import units
from rugtui.sweeps.watch import new_folder
from rugtui.tui.form import FormRow
from rugtui.tui.screens.form_screen import FormScreen
from rugtui.tui.screens.settings_form import row_of
from rugtui.tui.screens.sweeps import OTHER, Other

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
    BINDINGS = [Binding("ctrl+o", "other", "list", tooltip="Sweeps on disk, to watch one.")]

    def __init__(self, draft: Grid) -> None:
        super().__init__()
        self.draft = draft
        self._planned: Grid | None = None
        """The grid of the plan that is shown."""
        self._refused: Grid | None = None
        """A grid that cannot be computed here."""

    def rows(self) -> Sequence[FormRow]:
        return [row_of(one, getattr(self.draft, name, None)) for name, one in ROWS.items()]

    def check(self) -> None:
        grid, _, errors = self._draft()
        self.tell([_told(row, errors.get(row.name)) for row in self.form.rows])
        if grid is None:
            others = [str(error) for name, error in errors.items() if name not in ROWS]
            self.conclude(others[0] if others else "Fix the marked setting to start.")
        elif grid != self._planned:
            self.run_worker(partial(self._plan, grid), thread=True, group="plan", exclusive=True)
        self._planned = grid

    def _plan(self, grid: Grid) -> None:
        """In a thread, because a large grid has many units."""
        try:
            said, refused = planned(grid), None
        except RugtuiError as error:
            said, refused = str(error), grid
        self.app.call_from_thread(self._say, grid, said, refused)

    def _say(self, grid: Grid, said: str, refused: Grid | None) -> None:
        if self.is_attached and grid == self._planned:
            self._refused = refused
            self.conclude(said)

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


def _told(row: FormRow, error: SettingError | None) -> FormRow:
    """The row with its error or a description of the setting."""
    if error is not None:
        return replace(row, tone="wrong", said=str(error), whole="")
    return replace(row, tone="said", said=ROWS[row.name].rule.about, whole=ROWS[row.name].sentence)


def planned(grid: Grid) -> str:
    """What would be computed, as text. Raises UsageError if nothing fits in memory."""
    plan = on_this_machine(units(grid), grid, cores())
    size = f"{plan.cells:,} cells of {Axes.of(grid).words}"
    return " ".join([f"{size}; {plan.words}, beside the live run.", *plan.notes])
