"""Forms that edit declared settings as a draft and explain it; the form of a run's settings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from rugtui.errors import SettingError
from rugtui.settings.fields import Declared, fields_of
from rugtui.settings.presets import PRESETS, Preset, preset
from rugtui.settings.settings import Settings, conflicts, unused
from rugtui.tui.footer import KeyBar
from rugtui.tui.form import Form, FormRow
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.screens.overlay import Overlay, Result

AROUND = 9
"""Lines of the sheet besides the rows: its border, the sentences, the keys."""


class FormScreen(Overlay[Result]):
    """Edits a draft, which is applied if it is valid. Subclasses provide the rows, check them, and
    apply them."""

    keys_of = "form"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-wide")]
    BINDINGS = sheet_bindings("form")
    TITLE = ""
    FIRST = ""
    """The setting that is current when the form opens."""

    @abstractmethod
    def rows(self) -> Sequence[FormRow]:
        """The rows when the form opens."""

    @abstractmethod
    def check(self) -> None:
        """Validate each row and then the draft, while the user types; calls `tell`."""

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
        """The valid values of the draft, and the errors of the others."""
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
        """Check the draft again after the value of a row has changed."""
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


PRESET, NONE = "preset", "none"
"""The row for choosing a preset, and its value if none is chosen."""
NO_PRESET = "A set of settings; choosing one fills in the rows."


class SettingsForm(FormScreen[Settings | None]):
    """Returns the settings to train with; None to change nothing."""

    TITLE, FIRST = "Settings", "p"

    def __init__(
        self,
        current: Settings,
        defaults: Settings | None = None,
        first: Preset | None = None,
    ) -> None:
        """`defaults` are for settings that a preset does not set; `first` is the preset with which
        the form opens."""
        super().__init__()
        self.current, self.defaults = current, defaults or current
        self.first = first.name if first else NONE

    def rows(self) -> Sequence[FormRow]:
        return self._filled(self.first)

    def take(self, name: str) -> None:
        """Choosing a preset fills the rows, which remain a draft."""
        if name == PRESET:
            self.fill(self.form.row.text)
        else:
            self.check()

    def fill(self, name: str) -> None:
        """Fill the rows from a preset, or from the current settings."""
        self.form.tell(self._filled(name))
        self.check()

    def check(self) -> None:
        draft, errors = self._draft()
        vain = unused(self.drafted(fields_of(Settings))[0])
        rows = [
            self._checked(row, one, errors.get(row.name), vain.get(row.name, ""))
            if (one := fields_of(Settings).get(row.name))
            else row
            for row in self.form.rows
        ]
        self.tell(rows)
        self.conclude(self._consequence(draft))

    def action_apply(self) -> None:
        draft, errors = self._draft()
        if draft is not None:
            self.dismiss(draft)
        else:
            self.go_to(next(iter(errors)))

    def _filled(self, name: str) -> list[FormRow]:
        """The rows with the settings of a preset over the defaults."""
        wanted = self.current.as_dict()
        if name != NONE:
            wanted = {**self.defaults.as_dict(), **preset(name).changes}
        about = NO_PRESET if name == NONE else preset(name).about
        choices = NONE, *(one.name for one in PRESETS)
        first = FormRow(PRESET, name, about, choices=choices)
        return [first, *(row_of(one, wanted[one.name]) for one in fields_of(Settings).values())]

    def _checked(
        self, row: FormRow, declared: Declared, error: SettingError | None, why_vain: str
    ) -> FormRow:
        """The row with its error, the current value, or a description of the setting; and why it
        has no effect (`why_vain`)."""
        if error is not None:
            return replace(row, tone="wrong", said=str(error), whole="")
        now = declared.write(getattr(self.current, row.name))
        if row.text.strip() == now:
            if why_vain and row.text.strip() != declared.write(declared.default):
                text = f"No effect: {why_vain}."
                return replace(row, tone="said", said=text, whole=f"{text} {declared.sentence}")
            return replace(row, tone="said", said=declared.rule.about, whole=declared.sentence)
        effect = "no restart" if declared.rule.hot else "starts a new run"
        effect = f"no effect: {why_vain}" if why_vain else effect
        text = f"now {now}; {effect}"
        return replace(row, tone="changed", said=text, whole=f"{text}. {declared.sentence}")

    def _draft(self) -> tuple[Settings | None, Mapping[str, SettingError]]:
        """The settings of the draft, or its errors."""
        values, errors = self.drafted(fields_of(Settings))
        for error in conflicts(values):
            errors.setdefault(error.name, error)
        return (None, errors) if errors else (Settings(**values), {})

    def _consequence(self, draft: Settings | None) -> str:
        if draft is None:
            return "Fix the marked setting to apply."
        if draft == self.current:
            return "Nothing changed yet."
        restarts = self.current.restarts(draft)
        return (
            f"Applying starts a new run: {', '.join(restarts)} changed."
            if restarts
            else "Applying changes the run without a restart."
        )


def row_of(declared: Declared, value: Any) -> FormRow:
    """The row of a declared setting."""
    choices = ("yes", "no") if declared.kind is bool else declared.choices
    text, about = declared.write(value), declared.rule.about
    return FormRow(declared.name, text, about, choices=choices, whole=declared.sentence)
