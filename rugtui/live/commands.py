"""Commands from the screen to the worker, which reads them between intervals of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rugtui.models.base import Window
from rugtui.settings.settings import Settings
from rugtui.storage.heatmap import Colours

Kind = Literal["trained", "rug"]
"""The kind of weights that the panes show."""
Order = Literal["natural", "sequency", "clustered", "partners"]
"""The order in which the W pane shows the features."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause after the current step, or (`paused=False`) train on, even after the last step. None
    toggles: the sender does not know the state of a run that is loading."""

    paused: bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """Train with other settings, in a new run unless only hot settings differ."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Open:
    """View a run, or the weights of a file with these settings. The current run is saved, and stays
    in the list of runs."""

    path: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Show:
    """Show these weights; training goes on."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class ShowStep:
    """Show the weights of a kept step, or (None) the current ones again."""

    step: int | None


@dataclass(frozen=True, slots=True)
class NextConstruction:
    """Show the rug of the next construction that these sizes allow."""


@dataclass(frozen=True, slots=True)
class Look:
    """Draw this window of W (None: all of it) with `height` × `width` pixels.

    Windows and cursors are positions in the given order.
    """

    height: int
    width: int
    window: Window | None = None
    order: Order = "natural"
    beside: bool = False
    """Show trained weights and rug side by side."""
    cursor: tuple[int, int] | None = None
    """The row and column of the cell to read out."""


@dataclass(frozen=True, slots=True)
class Save:
    """Write a snapshot of the weights that are shown, with a picture of the screen."""

    screen_svg: str
    colours: Colours | None = None
    """For a picture of W; None for no picture."""


@dataclass(frozen=True, slots=True)
class ListSaved:
    """List the runs on disk."""


@dataclass(frozen=True, slots=True)
class Load:
    """Read a saved run, to show it beside the live one."""

    path: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Read the history of a saved run, to be shown beside the list of runs."""

    path: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove one of the other runs from the list; its files stay."""

    key: str


@dataclass(frozen=True, slots=True)
class Detach:
    """The terminal is gone: train to the last step, save, and end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End, even in the middle of an interval."""


Command = (
    Pause | Change | Open | Show | ShowStep | NextConstruction | Look | Save
    | ListSaved | Load | Preview | Forget | Detach | Stop
)  # fmt: skip
COUNTED = Pause, Change, Show
"""A Frame says how many of these were handled, so that keys pressed in a row add up."""
PREEMPTING = Pause, Show, ShowStep, NextConstruction, Look, ListSaved, Load, Preview, Forget
"""Handled after the current step. Others wait for the end of the interval, so that the curve has a
result of the step at which settings change or a snapshot is written."""
