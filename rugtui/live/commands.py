"""What the screen may ask of the worker: values, which the worker reads between intervals, or after
the step under way where training need not come to a result for it (PREEMPTING)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rugtui.models.base import Window
from rugtui.settings.settings import Settings
from rugtui.storage.heatmap import Colours

Kind = Literal["trained", "rug"]
"""Whose weights the panes show."""
Order = Literal["natural", "sequency", "clustered"]
"""In which order the W pane shows the features."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop after the step under way, or (`paused=False`) go on; a finished run goes on too. None:
    whichever it does not do by then, for while it still loads nobody knows."""

    paused: bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """Train with other settings: without a restart where all that differs is hot."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Open:
    """Look at a run's folder, or at the weights of a file at these settings; what trains is saved
    and stays on the list of runs."""

    path: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Show:
    """Show these weights; training goes on."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class NextConstruction:
    """Show the next of the engineered frames that exist at these sizes."""


@dataclass(frozen=True, slots=True)
class Look:
    """Draw this window of W with so many pixels (None: all of W).

    Windows and cursors count places in the order asked for.
    """

    height: int
    width: int
    window: Window | None = None
    order: Order = "natural"
    beside: bool = False
    """Trained and engineered weights, both."""
    cursor: tuple[int, int] | None = None
    """The row and column of a cell to read out."""


@dataclass(frozen=True, slots=True)
class Save:
    """Write a snapshot of what is shown, with the screen as it is."""

    screen_svg: str
    colours: Colours | None = None
    """Of the picture of W; None makes none."""


@dataclass(frozen=True, slots=True)
class ListSaved:
    """Look which runs there are on disk."""


@dataclass(frozen=True, slots=True)
class Load:
    """Read a saved run, to be looked at beside the live one."""

    path: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Read the history of a saved run, to be shown beside the list of runs."""

    path: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Take one of the other runs off the list; its files stay."""

    key: str


@dataclass(frozen=True, slots=True)
class Detach:
    """Nobody looks on any more: train to the last step, saving, and leave."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave, in the middle of an interval too."""


Command = (
    Pause
    | Change
    | Open
    | Show
    | NextConstruction
    | Look
    | Save
    | ListSaved
    | Load
    | Preview
    | Forget
    | Detach
    | Stop
)
COUNTED = Pause, Change, Show
"""Frames say how many of these were carried out, so that keys pressed in a row add up."""
PREEMPTING = Pause, Show, NextConstruction, Look, ListSaved, Load, Preview, Forget
"""Heard after the step under way. The others let the interval come to its end, unless one of these
comes before: a result of each step is on the curve when it is saved, or changed."""
