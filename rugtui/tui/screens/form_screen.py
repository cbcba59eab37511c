"""The base of the forms: edits declared settings as a draft, and explains it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from rugtui.errors import SettingError
from rugtui.settings.fields import Declared
from rugtui.tui.footer import KeyBar
from rugtui.tui.form import Form, FormRow
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.screens.overlay import Overlay, Result

AROUND = 9
"""Lines of the sheet beside the rows: its border, the sentences, the keys."""


class FormScreen(Overlay[Result]):
    """Edits a draft, which is applied if it is valid. Subclasses provide the rows, check them, and
    apply them."""

    keys_of = "form"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    BINDINGS = sheet_bindings("form")
    TITLE = ""
    FIRST = ""
    """The setting that is current at first."""

    @abstractmethod
    def rows(self) -> Sequence[FormRow]:
        """The rows at first."""

    @abstractmethod
    def check(self) -> None:
        """Validate each row and then all together, while the user types; calls `tell`."""

    @abstractmethod
    def action_apply(self) -> None: ...

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.styles.height = len(self.form.rows) + AROUND
            sheet.border_title = self.TITLE
            yield self.form
            yield self.said
            yield self.consequence
            yield KeyBar()

    def on_mount(self) -> None:
        self.check()

    # Attributes, not queries: a key or a message may arrive before the widgets are composed or
    # after they are removed.

    @cached_property
    def form(self) -> Form:
        rows = self.rows()
        return Form(rows, at=[row.name for row in rows].index(self.FIRST))

    @cached_property
    def said(self) -> Static:
        """The sentence about the current row."""
        return Static(id="said", markup=False)

    @cached_property
    def consequence(self) -> Static:
        """What applying the draft would do."""
        return Static(id="consequence", markup=False)

    def drafted(
        self, declared: Mapping[str, Declared]
    ) -> tuple[dict[str, Any], dict[str, SettingError]]:
        """The values of the draft, and the errors of those that are invalid."""
        values: dict[str, Any] = {}
        errors: dict[str, SettingError] = {}
        texts = self.form.texts
        for name, one in declared.items():
            try:
                values[name] = one.parse(texts[name])
            except SettingError as error:
                errors[name] = error
        return values, errors

    def tell(self, rows: Sequence[FormRow]) -> None:
        """Show the rows as checked."""
        self.form.tell(rows)
        self.explain()

    def conclude(self, text: str) -> None:
        """Show what applying the draft would do."""
        self.consequence.update(text)

    @on(Form.Moved)
    def explain(self) -> None:
        """Show the sentence about the current row."""
        row = self.form.row
        self.said.update(row.whole or row.said)

    @on(Form.Written)
    def hear(self, event: Form.Written) -> None:
        self.take(event.name)

    def take(self, name: str) -> None:
        """The value of this row has changed."""
        self.check()

    @on(Input.Submitted)
    def submit(self) -> None:
        self.action_apply()

    def action_go(self, by: int) -> None:
        self.form.go(self.form.at + by)

    def action_choose(self, by: int) -> None:
        self.form.choose(by)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def go_to(self, name: str) -> None:
        """Make the row with this name current, if there is one."""
        names = [row.name for row in self.form.rows]
        if name in names:
            self.form.go(names.index(name))
