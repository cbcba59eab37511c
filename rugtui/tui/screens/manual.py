"""The manual in the dashboard: a list of chapters, and the one that was chosen."""

from __future__ import annotations

from rich.console import Group
from rich.markdown import Markdown
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.manual import CHAPTERS
from rugtui.tui.screens.overlay import Overlay


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
