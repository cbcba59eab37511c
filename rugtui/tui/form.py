"""A form: all rows in one widget, and one input field that moves to the current row.

With a widget for each name, field and sentence, a key took ten times as long to appear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from rugtui.tui.charts.lines import Piece, cut, line
from rugtui.tui.panes.pane import HasPreferences

Tone = Literal["said", "changed", "wrong"]
STYLES = "name", "value", "choice", "said", "changed", "wrong"
MARKS: dict[Tone, str] = {"said": "  ", "changed": "* ", "wrong": "! "}
"""Marks that tell tones apart without colour."""
NAME, VALUE = 14, 20
WIDE = 58
"""From this width on, lines have room for `said`."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """One setting as a form shows it."""

    name: str
    text: str
    said: str
    """What is wrong, the old value, or a description of the setting."""
    tone: Tone = "said"
    choices: tuple[str, ...] = ()
    whole: str = ""
    """A longer text than `said`, shown if there is room."""


def value_cells(width: int) -> tuple[int, int]:
    """First column and width of the values, which use the rest of a narrow form."""
    first = len(MARKS["said"]) + NAME
    return first, VALUE if width >= WIDE else max(width - first, 1)


def form_line(
    row: FormRow, current: bool, style: Callable[[str], Style], width: int, ascii_only: bool
) -> Strip:
    """One line of `width` cells; `style` has STYLES by name. The current row shows arrows around
    its value if it has choices."""
    _, room = value_cells(width)
    tone = style(row.tone)
    pieces: list[Piece] = [
        (MARKS[row.tone], tone),
        (row.name.ljust(NAME), style("name")),
    ]
    if row.choices and current:
        left, right = "<>" if ascii_only else "‹›"
        chosen = f"{left} {row.text} {right}"
        pieces += [(chosen[:room], style("choice")), (" " * (room - len(chosen)), style("value"))]
    else:
        pieces.append((cut(row.text, room - 1, ascii_only).ljust(room), style("value")))
    if width >= WIDE:
        rest = width - sum(len(text) for text, _ in pieces)
        pieces.append((cut(row.said, rest, ascii_only).ljust(rest), tone))
    return line(pieces, width)


class FormRows(Widget):
    """Draws the lines of a `Form`."""

    COMPONENT_CLASSES = {f"rows--{one}" for one in STYLES}

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[FormRow] = ()
        self.at = 0

    def tell(self, rows: Sequence[FormRow], at: int) -> None:
        """Change the rows, and draw the lines that differ."""
        old, before = self.rows, self.at
        self.rows, self.at = rows, at
        if len(old) != len(rows):
            self.refresh(layout=True)
            return
        for y, (was, row) in enumerate(zip(old, rows, strict=True)):
            if was != row or (at != before and y in (at, before)):
                self.refresh(Region(0, y, self.size.width, 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows)

    def render_line(self, y: int) -> Strip:
        assert isinstance(self.app, HasPreferences)
        ascii_only = self.app.preferences.ascii
        return form_line(self.rows[y], y == self.at, self._style, self.size.width, ascii_only)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"rows--{name}")


class Form(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Rows with a current one. The field has the focus, or the form if the row has choices."""

    @dataclass
    class Written(Message):
        """The value of a row has changed."""

        name: str

    class Moved(Message):
        """Another row is current."""

    def __init__(self, rows: Sequence[FormRow], at: int) -> None:
        super().__init__()
        self.rows, self.at = rows, at
        # Attributes, not queries: a message may arrive after they are removed.
        self.lines = FormRows()
        self.field = Input("" if self.row.choices else self.row.text, compact=True)

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self.field

    def on_mount(self) -> None:
        self.go(self.at)

    def on_resize(self) -> None:
        self._place()

    @property
    def row(self) -> FormRow:
        """The current row."""
        return self.rows[self.at]

    @property
    def texts(self) -> dict[str, str]:
        """The current values by name."""
        self._take()
        return {row.name: row.text for row in self.rows}

    def tell(self, rows: Sequence[FormRow]) -> None:
        """Change the rows."""
        self.rows = tuple(rows)
        self.lines.tell(self.rows, self.at)
        if not self.row.choices and self.field.value != self.row.text:
            self._open()

    def go(self, at: int) -> None:
        """Make another row current; the first comes after the last."""
        self._take()
        self.at = at % len(self.rows)
        self.lines.tell(self.rows, self.at)
        self._open()
        self.post_message(self.Moved())

    def choose(self, by: int) -> None:
        """Go to the next or previous choice of the current row."""
        if choices := self.row.choices:
            self._write(choices[(choices.index(self.row.text) + by) % len(choices)])

    def on_key(self, event: events.Key) -> None:
        """A letter goes to the next choice that begins with it."""
        if not (self.has_focus and event.is_printable and self.row.choices):
            return
        choices = self.row.choices
        after = choices.index(self.row.text) + 1
        for one in (*choices[after:], *choices[:after]):
            if one.startswith(str(event.character)):
                event.stop()
                self._write(one)
                return

    def on_click(self, event: events.Click) -> None:
        """A click makes a row current; a click on a choice goes to the next one."""
        lines = self.lines.region
        if event.widget is self.field:
            return
        first, room = value_cells(lines.width)
        if 0 <= (at := event.screen_y - lines.y) < len(self.rows):
            self.go(at)
            if first <= event.screen_x - lines.x < first + room:
                self.choose(1)

    @on(Input.Changed)
    def _take(self) -> None:
        """Take the text of the field. Not from the message, which may arrive when the field is at
        another row."""
        text = self.field.value
        if not self.row.choices and text != self.row.text:
            self._write(text)

    def _write(self, text: str) -> None:
        rows = list(self.rows)
        rows[self.at] = replace(self.row, text=text)
        self.rows = tuple(rows)
        self.post_message(self.Written(self.row.name))

    def _open(self) -> None:
        """Show the field with the row's value, or hide it if the row has choices."""
        field = self.field
        field.display = not self.row.choices
        self._place()
        if self.row.choices:
            self.focus(scroll_visible=False)
            return
        with field.prevent(Input.Changed):
            field.value = self.row.text
        field.focus(scroll_visible=False)
        field.select_all()

    def _place(self) -> None:
        """Move the field to the row, and scroll to it."""
        first, room = value_cells(self.lines.size.width)
        field = self.field
        field.styles.offset, field.styles.width = (first, self.at), room
        self.scroll_to_region(Region(0, self.at, 1, 1), animate=False, force=True)
