"""Help, made from the key table."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.tui.keys import SHEETS, Keymap, help_lines
from rugtui.tui.screens.overlay import Overlay

PANES = (
    ("1 loss", "training (faint), smoothed and held-out loss per feature; L* and other levels"),
    ("2 W", "block means of W; colours end at the 99th percentile of |W_ij| off the diagonal"),
    ("3 theory", "every loss that theory predicts; L* is a prediction, not a lower bound"),
    ("4 symmetry", "how far the weights are from a permutation-symmetric optimum"),
)
EVERYWHERE = ("Training", "Panes", "Weights", "Files", "Screen")
"""Groups with keys that work in every pane, in the order of the help."""
LONG = 14
"""Columns of names that have what they do beside them; longer ones have a line to themselves."""
WIDEST, FRAME = 100, 6
"""Columns of the sheet, and those of them that border, padding and scrollbar take."""


class Help(Overlay[None]):
    BINDINGS = [
        Binding("escape", "dismiss", "Close"),
        Binding("question_mark,f1", "dismiss", id="help"),
        Binding("m", "manual", "Manual"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]

    def __init__(self, keymap: Keymap, sheet: str = "", pane: str = "") -> None:
        """Of one sheet, or of the panes and all there is, the keys of the focused one first."""
        super().__init__()
        self.keymap, self.sheet, self.pane = keymap, sheet, pane

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Help"
            sheet.border_subtitle = "m opens the manual, escape closes"
            with VerticalScroll():
                # One widget: every one more is time from key to screen.
                self._columns = self.app.size.width
                yield Static(self._text, markup=False)

    @property
    def _text(self) -> str:
        return help_text(self.keymap, self._columns, self.sheet, self.pane)

    def action_manual(self) -> None:
        """Open the manual instead of the keys."""
        from rugtui.tui.screens.manual import Manual

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
        """`keys` is shown in its place when it is asked for."""
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
    """Panes and keys, a paragraph for each group, for a screen of so many columns."""
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
    """The rank of a group: that of the focused pane, those that work everywhere, then the
    others."""
    if group.lower() == pane:
        return -1
    return EVERYWHERE.index(group) if group in EVERYWHERE else len(EVERYWHERE)


def described(lines: Sequence[tuple[str, str]], width: int, indent: int) -> str:
    """Names in a column, what is said of them beside it; a long name has a line for itself."""
    told = []
    for name, about in lines:
        head = f"  {name}".ljust(indent + 2)
        if len(name) > indent - 2:
            told.append(head.rstrip())
            head = " " * (indent + 2)
        rest = " " * (indent + 2)
        told += textwrap.wrap(
            about, width, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False
        )
    return "\n".join(told)
