"""A form: all its rows in one widget, and one field that goes to the row at work.

A widget for each name, field and sentence took ten times as long from the key to the screen.
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
"""For those who do not see the tones' colours."""
NAME, VALUE = 14, 20
WIDE = 58
"""Columns from which a line has room for what is said."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """One setting as a form shows it."""

    name: str
    text: str
    said: str
    """What is wrong, what was before, or else what the setting is."""
    tone: Tone = "said"
    choices: tuple[str, ...] = ()
    whole: str = ""
    """All that is to be said where there is room for it, if that is more."""


def value_cells(width: int) -> tuple[int, int]:
    """First column of the drafts, and how many they have: all that is left in a narrow form."""
    first = len(MARKS["said"]) + NAME
    return first, VALUE if width >= WIDE else max(width - first, 1)


def form_line(
    row: FormRow, at_work: bool, style: Callable[[str], Style], width: int, ascii_only: bool
) -> Strip:
    """One line of `width` cells; `style` has STYLES by name.

    A row at work shows where its draft is one of several.
    """
    _, room = value_cells(width)
    tone = style(row.tone)
    pieces: list[Piece] = [
        (MARKS[row.tone], tone),
        (row.name.ljust(NAME), style("name")),
    ]
    if row.choices and at_work:
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
    """The lines, as `Form` has them."""

    COMPONENT_CLASSES = {f"rows--{one}" for one in STYLES}

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[FormRow] = ()
        self.at = 0

    def tell(self, rows: Sequence[FormRow], at: int) -> None:
        """Draw other rows: those lines that are different."""
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
    """Has the focus itself where a row's draft is one of several, else its field has it."""

    @dataclass
    class Written(Message):
        """A row has another draft."""

        name: str

    class Moved(Message):
        """Another row is at work."""

    def __init__(self, rows: Sequence[FormRow], at: int) -> None:
        super().__init__()
        self.rows, self.at = rows, at
        # Held, not looked up: a message may come once they are removed.
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
        """The row at work."""
        return self.rows[self.at]

    @property
    def texts(self) -> dict[str, str]:
        """The drafts by name, as they stand."""
        self._take()
        return {row.name: row.text for row in self.rows}

    def tell(self, rows: Sequence[FormRow]) -> None:
        """Have other drafts, or say something else of them."""
        self.rows = tuple(rows)
        self.lines.tell(self.rows, self.at)
        if not self.row.choices and self.field.value != self.row.text:
            self._open()

    def go(self, at: int) -> None:
        """Work on another row; the first comes after the last."""
        self._take()
        self.at = at % len(self.rows)
        self.lines.tell(self.rows, self.at)
        self._open()
        self.post_message(self.Moved())

    def choose(self, by: int) -> None:
        """Of several drafts the next one, or the one before."""
        if choices := self.row.choices:
            self._write(choices[(choices.index(self.row.text) + by) % len(choices)])

    def on_key(self, event: events.Key) -> None:
        """A letter stands for the next draft that begins with it."""
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
        """Pointed at, a row is the one at work; one of several drafts gives way to the next."""
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
        """What the field has now: a message of a change may come when it is over another row."""
        text = self.field.value
        if not self.row.choices and text != self.row.text:
            self._write(text)

    def _write(self, text: str) -> None:
        rows = list(self.rows)
        rows[self.at] = replace(self.row, text=text)
        self.rows = tuple(rows)
        self.post_message(self.Written(self.row.name))

    def _open(self) -> None:
        """The field for the row's draft, or none where it is one of several."""
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
        """The field over the row, and the row into sight."""
        first, room = value_cells(self.lines.size.width)
        field = self.field
        field.styles.offset, field.styles.width = (first, self.at), room
        self.scroll_to_region(Region(0, self.at, 1, 1), animate=False, force=True)
