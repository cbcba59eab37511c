"""What the screens that cover the panes for a while have in common."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from textual.screen import ModalScreen

from rugtui.live.frame import Frame

Result = TypeVar("Result")


@runtime_checkable
class HasFrames(Protocol):
    """An app that is given Frames."""

    latest: Frame


@runtime_checkable
class ShowsFrames(Protocol):
    """A screen that follows the session."""

    def show(self, frame: Frame) -> None: ...


class Overlay(ModalScreen[Result]):
    """Opaque: drawing the panes behind it again, dimmed, would double the time from the key to the
    screen, and take seconds over a slow link."""

    keys_of = ""
    """The pane in the key table whose keys work here."""
