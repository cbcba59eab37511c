"""What the screens that cover the panes for a while have in common."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from textual.screen import ModalScreen

from rugtui.session.frame import Frame
from rugtui.ui.widgets.pane import HasLink

Result = TypeVar("Result")


@runtime_checkable
class ShowsFrames(Protocol):
    """A screen that follows the session."""

    def show(self, frame: Frame) -> None: ...


class Sheet(ModalScreen[Result]):
    """Over a slow link the panes behind are not drawn again, dimmed, but left out."""

    def on_mount(self) -> None:
        if isinstance(self.app, HasLink) and self.app.link.slow:
            self.styles.background = self.app.current_theme.background or "black"
