"""What the forms have in common: declared settings, a draft of them, and what is said of it."""

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
"""Lines of the sheet that are not rows: its border, the sentences, the keys."""


class FormScreen(Overlay[Result]):
    """Edits a draft, which is applied where it is valid.

    Subclasses say what its rows are, what is to be said of them, and what to do with them.
    """

    keys_of = "form"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    BINDINGS = sheet_bindings("form")
    TITLE = ""
    FIRST = ""
    """The setting to begin with."""

    @abstractmethod
    def rows(self) -> Sequence[FormRow]:
        """The rows to begin with."""

    @abstractmethod
    def check(self) -> None:
        """Validate as one types, each row and then all of them together, and `tell`."""

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

    # Widgets are held here, not looked up: a key or a message may come before they are composed or
    # after they are removed.

    @cached_property
    def form(self) -> Form:
        rows = self.rows()
        return Form(rows, at=[row.name for row in rows].index(self.FIRST))

    @cached_property
    def said(self) -> Static:
        """What is said of the row at work."""
        return Static(id="said", markup=False)

    @cached_property
    def consequence(self) -> Static:
        """What applying the draft would do."""
        return Static(id="consequence", markup=False)

    def drafted(
        self, declared: Mapping[str, Declared]
    ) -> tuple[dict[str, Any], dict[str, SettingError]]:
        """The drafts as values, and why some of them cannot be."""
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
        """Say what is so of the rows."""
        self.form.tell(rows)
        self.explain()

    def conclude(self, text: str) -> None:
        """Say what comes of applying the draft."""
        self.consequence.update(text)

    @on(Form.Moved)
    def explain(self) -> None:
        """All of the row at work."""
        row = self.form.row
        self.said.update(row.whole or row.said)

    @on(Form.Written)
    def hear(self, event: Form.Written) -> None:
        self.take(event.name)

    def take(self, name: str) -> None:
        """The row of that name has another draft."""
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
        """Work on the row of that name, where there is one."""
        names = [row.name for row in self.form.rows]
        if name in names:
            self.form.go(names.index(name))
