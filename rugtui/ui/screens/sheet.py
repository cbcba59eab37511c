"""What the screens that cover the panes for a while have in common."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

from rugtui.ui.widgets.pane import HasLink

Result = TypeVar("Result")


class Sheet(ModalScreen[Result]):
    """Over a slow link the panes behind are not drawn again, dimmed, but left out."""

    def on_mount(self) -> None:
        if isinstance(self.app, HasLink) and self.app.link.slow:
            self.styles.background = self.app.current_theme.background or "black"
