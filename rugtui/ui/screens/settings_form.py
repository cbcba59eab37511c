"""The form: a row for every setting, made from `Settings`; the draft beside what runs now."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Label, Select, Static

from rugtui.config import Settings, fields
from rugtui.declared import Declared
from rugtui.errors import SettingError
from rugtui.ui.screens.sheet import Sheet


class FormRow(Horizontal):
    """One setting: its name, its draft, and what is to be said of it."""

    def __init__(self, declared: Declared, current: Any, draft: Any) -> None:
        super().__init__(id=f"row-{declared.name}")
        self.declared, self.current, self.draft = declared, current, draft

    def compose(self) -> ComposeResult:
        written = self.declared.write(self.draft)
        yield Label(self.declared.name, classes="name")
        choices = ("yes", "no") if self.declared.kind is bool else self.declared.choices
        if choices:
            options = [(choice, choice) for choice in choices]
            yield Select(options, value=written, allow_blank=False, compact=True)
        else:
            yield Input(written, compact=True)
        yield Static(self.declared.rule.about, classes="about", markup=False)

    @property
    def text(self) -> str:
        """The draft as it stands."""
        field = self.query_one("Input, Select")
        assert isinstance(field, Input | Select)
        return str(field.value)

    def say(self, error: str) -> None:
        """Say what is wrong, what was before, or else what the setting is."""
        about = self.query_one(".about", Static)
        changed = self.text.strip() != self.declared.write(self.current)
        about.set_class(bool(error), "wrong")
        about.set_class(changed and not error, "changed")
        now = f"now {self.declared.write(self.current)}"
        effect = "goes on" if self.declared.rule.hot else "starts a new run"
        about.update(error or (f"{now}; {effect}" if changed else self.declared.rule.about))


class SettingsForm(Sheet[Settings | None]):
    """Edits a draft; `enter` applies it where it is valid, `escape` leaves all as it was."""

    BINDINGS = [
        ("escape", "dismiss", "Cancel"),
        ("ctrl+s", "apply", "Apply"),
    ]

    def __init__(self, current: Settings, draft: Settings | None = None) -> None:
        super().__init__()
        self.current, self.draft = current, draft or current

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Settings"
            sheet.border_subtitle = "enter applies · tab next · escape cancels"
            with VerticalScroll():
                for declared in fields():
                    current, draft = (
                        getattr(one, declared.name) for one in (self.current, self.draft)
                    )
                    yield FormRow(declared, current, draft)
            yield Static(id="consequence", markup=False)

    def on_mount(self) -> None:
        self.query_one("#row-p Input", Input).focus()

    @on(Input.Changed)
    @on(Select.Changed)
    def check(self) -> None:
        """Validate as one types, each row and then all of them together."""
        draft, errors = self._draft()
        for row in self.query(FormRow):
            row.say(errors.get(row.declared.name, ""))
        self.query_one("#consequence", Static).update(self._consequence(draft))

    @on(Input.Submitted)
    def action_apply(self) -> None:
        draft, errors = self._draft()
        if draft is not None:
            self.dismiss(draft)
        else:
            self.query_one(f"#row-{next(iter(errors))}").query("Input, Select").first().focus()

    def _draft(self) -> tuple[Settings | None, dict[str, str]]:
        """The draft's settings, or the sentence of each setting that cannot be."""
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for row in self.query(FormRow):
            try:
                values[row.declared.name] = row.declared.parse(row.text)
            except SettingError as error:
                errors[error.name] = str(error)
        if errors:
            return None, errors
        try:
            return Settings(**values), {}
        except SettingError as error:
            return None, {error.name: str(error)}

    def _consequence(self, draft: Settings | None) -> str:
        if draft is None:
            return "Not applied while a setting cannot be. Training goes on."
        if draft == self.current:
            return "Nothing changed yet."
        restarts = self.current.restarts(draft)
        return (
            f"Applying starts a new run: {', '.join(restarts)} changed."
            if restarts
            else "Applying goes on with the run, without a restart."
        )
