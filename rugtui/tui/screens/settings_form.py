"""The settings form: a row for every field of `Settings`, compared with the current run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rugtui.errors import SettingError
from rugtui.settings.effects import unused
from rugtui.settings.fields import Declared, fields_of
from rugtui.settings.presets import PRESETS, Preset, preset
from rugtui.settings.settings import Settings, conflicts
from rugtui.tui.form import FormRow
from rugtui.tui.screens.form_screen import FormScreen

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
        """`defaults`: for settings that a preset does not set; `first`: the preset at first."""
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
            self._told(row, one, errors.get(row.name), vain.get(row.name, ""))
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

    def _told(
        self, row: FormRow, declared: Declared, error: SettingError | None, why_vain: str
    ) -> FormRow:
        """The row with its error, the current value, or a description of the setting; and why it
        has no effect (`why_vain`)."""
        if error is not None:
            return replace(row, tone="wrong", said=str(error), whole="")
        now = declared.write(getattr(self.current, row.name))
        if row.text.strip() == now:
            if why_vain and row.text.strip() != declared.write(declared.default):
                said = f"No effect: {why_vain}."
                return replace(row, tone="said", said=said, whole=f"{said} {declared.sentence}")
            return replace(row, tone="said", said=declared.rule.about, whole=declared.sentence)
        effect = "no restart" if declared.rule.hot else "starts a new run"
        effect = f"no effect: {why_vain}" if why_vain else effect
        said = f"now {now}; {effect}"
        return replace(row, tone="changed", said=said, whole=f"{said}. {declared.sentence}")

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
