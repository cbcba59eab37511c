"""The form: a row for every setting, made from `Settings`; the draft beside what runs now."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Label, Select, Static

from rugtui.config import Settings, conflicts, fields
from rugtui.declared import Declared
from rugtui.errors import SettingError
from rugtui.presets import PRESETS, Preset, preset
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

    def write(self, value: Any) -> None:
        """Have another draft."""
        field = self.query_one("Input, Select")
        assert isinstance(field, Input | Select)
        field.value = self.declared.write(value)

    def say(self, error: str) -> None:
        """Say what is wrong, what was before, or else what the setting is."""
        about = self.query_one(".about", Static)
        changed = self.text.strip() != self.declared.write(self.current)
        about.set_class(bool(error), "wrong")
        about.set_class(changed and not error, "changed")
        now = f"now {self.declared.write(self.current)}"
        effect = "goes on" if self.declared.rule.hot else "starts a new run"
        about.update(error or (f"{now}; {effect}" if changed else self.declared.rule.about))


WIDE = 64
"""Columns from which a row has room for what is said of it."""


class SettingsForm(Sheet[Settings | None]):
    """Edits a draft; `enter` applies it where it is valid, `escape` leaves all as it was."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    BINDINGS = [
        ("escape", "dismiss", "Cancel"),
        ("ctrl+s", "apply", "Apply"),
    ]

    def __init__(
        self,
        current: Settings,
        defaults: Settings | None = None,
        first: Preset | None = None,
    ) -> None:
        """`defaults` are what presets do not set; `first` is the preset to begin with."""
        super().__init__()
        self.current, self.defaults = current, defaults or current
        self.draft = self._with(first) if first else current.as_dict()

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Settings"
            sheet.border_subtitle = "enter applies · tab next · escape cancels"
            if self.app.size.width < WIDE:
                sheet.border_subtitle = "enter applies · escape cancels"
            with VerticalScroll():
                yield Select(
                    [(f"{one.name}: {one.about}", one.name) for one in PRESETS],
                    prompt="choose a preset …",
                    id="preset",
                    compact=True,
                )
                for declared in fields():
                    current = getattr(self.current, declared.name)
                    yield FormRow(declared, current, self.draft[declared.name])
            yield Static(id="consequence", markup=False)

    def on_mount(self) -> None:
        self.query_one("#row-p Input", Input).focus()

    @on(Select.Changed, "#preset")
    def fill(self, event: Select.Changed) -> None:
        """Write a preset into the rows; what it says is still a draft."""
        if event.value == Select.NULL:
            return
        wanted = self._with(preset(str(event.value)))
        for row in self.query(FormRow):
            row.write(wanted[row.declared.name])

    def _with(self, preset: Preset) -> dict[str, Any]:
        """What a preset asks for; where it cannot be with the defaults, the rows say so."""
        return {**self.defaults.as_dict(), **preset.changes}

    @on(Input.Changed)
    @on(Select.Changed)
    def check(self) -> None:
        """Validate as one types, each row and then all of them together."""
        draft, errors = self._draft()
        for row in self.query(FormRow):
            row.say(errors.get(row.declared.name, ""))
        self.query_one("#consequence", Static).update(self._consequence(draft))
        if self.focused is not None and isinstance(row := self.focused.parent, FormRow):
            self.call_after_refresh(row.scroll_visible, animate=False)  # with what is said of it

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
        for error in conflicts(values):
            errors.setdefault(error.name, str(error))
        return (None, errors) if errors else (Settings(**values), {})

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
