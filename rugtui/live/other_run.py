"""What the screen knows of a run that is not the live one: plain numbers and its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rugtui.live.history import HistoryView
from rugtui.settings.settings import Settings

if TYPE_CHECKING:
    from rugtui.storage.listing import State


@dataclass(frozen=True, slots=True, eq=False)
class OtherRun:
    """A run that is looked at and not trained here."""

    key: str
    """Its directory, or what stands for one that could not be made."""
    letter: str
    name: str
    state: State
    settings: Settings
    step: int
    loss: float
    """Last held-out loss per feature, or where there is none the mean of the last results."""
    standard_error: float
    optimum: float
    """L* at its last (r, p)."""
    history: HistoryView
