"""Help, made from the key table."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.ui.keys import Keymap, help_lines
from rugtui.ui.screens.sheet import Sheet

PANES = """\
1 loss      training (faint), smoothed and held-out loss per feature; L* and other levels
2 W         means of blocks of W; the colours end where 99 % of the off-diagonal ends
3 theory    the live loss beside what theory says of it; L* is a prediction, not a floor
4 symmetry  what a permutation-symmetric optimum would not have"""


class Help(Sheet[None]):
    BINDINGS = [
        Binding("escape", "dismiss", "Close"),
        Binding("question_mark", "dismiss", id="help"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self.keymap = keymap

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Help"
            sheet.border_subtitle = "escape closes"
            with VerticalScroll():
                yield Static("\n\n".join([PANES, *self._groups()]), markup=False)

    def _groups(self) -> list[str]:
        """One paragraph each, in one widget: every widget more is time from key to screen."""
        return [
            "\n".join([group, *(f"  {key:<8} {about}" for key, about in lines)])
            for group, lines in help_lines(self.keymap).items()
        ]
