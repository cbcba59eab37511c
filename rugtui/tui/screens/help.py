"""Help: the keys, a pane's rows explained, and the manual."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Group
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.manual import CHAPTERS
from rugtui.tui.keys import SHEETS, Keymap, help_lines
from rugtui.tui.screens.overlay import Overlay

PANES = (
    ("1 loss", "training (faint), smoothed and held-out loss per feature; L* and other levels"),
    ("2 W", "block means of W; colours end at the 99th percentile of |W_ij| off the diagonal"),
    ("3 theory", "every loss that theory predicts; L* is a prediction, not a lower bound"),
    ("4 symmetry", "how far the weights are from a permutation-symmetric optimum"),
)
EVERYWHERE = ("Training", "Panes", "Weights", "Files", "Screen")
"""Groups of keys that work in every pane, in the order of the help."""
LONG = 14
"""Names of up to so many columns have their description beside them, longer ones below."""
WIDEST, FRAME = 100, 6
"""Columns of the sheet, and how many of them border, padding and scrollbar take."""


class Help(Overlay[None]):
    BINDINGS = [
        Binding("escape", "dismiss", "Close"),
        Binding("question_mark,f1", "dismiss", id="help"),
        Binding("m", "manual", "Manual"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]

    def __init__(self, keymap: Keymap, sheet: str = "", pane: str = "") -> None:
        """The keys of one sheet, or of the panes, those of the focused `pane` first."""
        super().__init__()
        self.keymap, self.sheet, self.pane = keymap, sheet, pane

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Help"
            sheet.border_subtitle = "m opens the manual, escape closes"
            with VerticalScroll():
                # One widget, because each one delays the screen.
                self._columns = self.app.size.width
                yield Static(self._text, markup=False)

    @property
    def _text(self) -> str:
        return help_text(self.keymap, self._columns, self.sheet, self.pane)

    def action_manual(self) -> None:
        """Open the manual instead of the keys."""
        self.app.switch_screen(Manual())

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._columns:
            self._columns = event.size.width
            self.query_one(Static).update(self._text)


class Glossary(Overlay[None]):
    """Every row of a pane with its number and an explanation."""

    BINDINGS = [
        Binding("escape", "dismiss", "Close"),
        Binding("question_mark,f1", "keys", "Keys", id="help"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]

    def __init__(self, title: str, rows: Sequence[tuple[str, str]], keys: Help) -> None:
        """`keys` replaces it on request."""
        super().__init__()
        self._title, self._rows, self._keys = title, rows, keys

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = self._title
            sheet.border_subtitle = "escape closes, ? shows the keys"
            with VerticalScroll():
                width = min(self.app.size.width, WIDEST) - FRAME
                longest = max(len(name) for name, _ in self._rows)
                yield Static(
                    described(self._rows, width, min(longest, width // 2) + 2), markup=False
                )

    def action_keys(self) -> None:
        self.app.switch_screen(self._keys)


def help_text(keymap: Keymap, columns: int, sheet: str = "", pane: str = "") -> str:
    """Panes and keys, a paragraph per group, for a screen of so many columns."""
    width = min(columns, WIDEST) - FRAME
    groups = help_lines(keymap, sheet)
    most = max(len(keys) for lines in groups.values() for keys, _ in lines)
    indent = min(most, LONG, width // 3) + 2
    paragraphs, order = [], list(groups)
    if sheet not in SHEETS:
        paragraphs = [described(PANES, width, indent)]
        order.sort(key=lambda group: rank(group, pane))
    paragraphs += [f"{group}\n{described(groups[group], width, indent)}" for group in order]
    return "\n\n".join(paragraphs)


def rank(group: str, pane: str) -> int:
    """The order of groups: that of the focused pane, those that work everywhere, the others."""
    if group.lower() == pane:
        return -1
    return EVERYWHERE.index(group) if group in EVERYWHERE else len(EVERYWHERE)


def described(lines: Sequence[tuple[str, str]], width: int, indent: int) -> str:
    """Names in a column and their descriptions beside them, or below long ones."""
    text = []
    for name, about in lines:
        head = f"  {name}".ljust(indent + 2)
        if len(name) > indent - 2:
            text.append(head.rstrip())
            head = " " * (indent + 2)
        rest = " " * (indent + 2)
        text += textwrap.wrap(
            about, width, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False
        )
    return "\n".join(text)


class Manual(Overlay[None]):
    """Digits open chapters; escape goes back to the list, and from there to the panes."""

    BINDINGS = [
        Binding("escape,backspace", "back", "Back"),
        Binding("question_mark,f1", "dismiss", id="help"),
        Binding("q", "app.quit", "Quit", id="quit"),
        *(
            Binding(str(number), f"open({number - 1})", chapter.about, show=False)
            for number, chapter in enumerate(CHAPTERS, 1)
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.opened: int | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Manual"
            sheet.border_subtitle = "escape goes back"
            with VerticalScroll():
                yield Static(contents())

    def action_open(self, index: int) -> None:
        """Show this chapter from its beginning."""
        from rich.markdown import Markdown

        self.opened = index
        self.query_one(Static).update(Markdown(CHAPTERS[index].text))
        self.query_one(".sheet").border_title = f"Manual: {CHAPTERS[index].about}"
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_back(self) -> None:
        """Go from a chapter to the list, and from the list back."""
        if self.opened is None:
            self.dismiss()
            return
        self.opened = None
        self.query_one(Static).update(contents())
        self.query_one(".sheet").border_title = "Manual"


def contents() -> Group:
    """The list of chapters, with the digit that opens each."""
    lines = [Text(f"  {number}  {one.about}") for number, one in enumerate(CHAPTERS, 1)]
    note = Text("`rugtui help TOPIC` opens a chapter in the shell.", "dim")
    return Group(Text("A digit opens a chapter:\n"), *lines, Text(), note)
