"""The form of a sweep, made from its declared settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Label, Select, Static

from rugtui.declared import Declared, fields_of
from rugtui.errors import SettingError
from rugtui.sweeps.estimate import estimate
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.plan import units
from rugtui.sweeps.process import new_folder
from rugtui.sweeps.processes import cores
from rugtui.ui.screens.settings_form import FormRow, SettingsForm
from rugtui.ui.screens.sheet import Sheet


class GridRow(FormRow):
    """One setting of a sweep, in which nothing is there yet that could be changed."""

    def __init__(self, declared: Declared, draft: Any) -> None:
        super().__init__(declared, draft, draft)

    def say(self, error: str) -> None:
        about = self.query_one(".about", Static)
        about.set_class(bool(error), "wrong")
        about.update(error or self.declared.rule.about)


class SweepForm(Sheet[tuple[Grid, Path] | None]):
    """Answers with what to compute and where; `enter` starts it where it is valid."""

    HORIZONTAL_BREAKPOINTS = SettingsForm.HORIZONTAL_BREAKPOINTS
    BINDINGS = [("escape", "dismiss", "Cancel"), ("ctrl+s", "apply", "Start")]

    def __init__(self, draft: Grid) -> None:
        super().__init__()
        self.draft = draft
        self._planned: Grid | None = None
        """What the plan below the settings is of."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "New sweep"
            sheet.border_subtitle = "enter starts · tab next · escape cancels"
            with VerticalScroll():
                for declared in fields_of(Grid).values():
                    yield GridRow(declared, getattr(self.draft, declared.name))
                with Horizontal(id="row-folder", classes="row"):
                    yield Label("folder", classes="name")
                    yield Input(placeholder="auto", compact=True)
                    about = "New, or that of a sweep to go on with; auto: among rugtui's own."
                    yield Static(about, classes="about", markup=False)
            yield Static(id="consequence", markup=False)

    def on_mount(self) -> None:
        self.query_one("#row-n_sparse Input", Input).focus()

    @on(Input.Changed)
    @on(Select.Changed)
    def check(self) -> None:
        """Validate as one types, each row and then all of them together."""
        grid, errors = self._draft()
        for row in self.query(GridRow):
            row.say(errors.get(row.declared.name, ""))
        others = [text for name, text in errors.items() if name not in fields_of(Grid)]
        if grid is None:
            said = others[0] if others else "Not started while a setting cannot be."
            self.query_one("#consequence", Static).update(said)
        elif grid != self._planned:
            self.run_worker(partial(self._plan, grid), thread=True, group="plan", exclusive=True)
        self._planned = grid

    def _plan(self, grid: Grid) -> None:
        """In a thread: a large grid has many units."""
        said = planned(grid)
        self.app.call_from_thread(self._say, grid, said)

    def _say(self, grid: Grid, said: str) -> None:
        if self.is_attached and grid == self._planned:
            self.query_one("#consequence", Static).update(said)

    @on(Input.Submitted)
    def action_apply(self) -> None:
        grid, errors = self._draft()
        if grid is not None:
            written = self.query_one("#row-folder Input", Input).value.strip()
            auto = written in ("", "auto")
            folder = new_folder(grid) if auto else Path(written).expanduser().absolute()
            self.dismiss((grid, folder))
        elif rows := self.query(f"#row-{next(iter(errors))}"):
            rows.first().query("Input, Select").first().focus()

    def _draft(self) -> tuple[Grid | None, dict[str, str]]:
        """The grid, or the sentence of each setting that cannot be."""
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for row in self.query(GridRow):
            try:
                values[row.declared.name] = row.declared.parse(row.text)
            except SettingError as error:
                errors[error.name] = str(error)
        if errors:
            return None, errors
        try:
            return Grid(**values), {}
        except SettingError as error:
            return None, {error.name: str(error)}


def planned(grid: Grid) -> str:
    """What would be computed, in a line or two."""
    axes, at_once = Axes.of(grid), cores()
    plan = estimate(units(grid), grid, at_once)
    size = f"{plan.cells:,} cells of {axes.words}"
    return f"{size}; {plan.words} on {at_once} cores, which the live run shares."
