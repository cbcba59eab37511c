"""A Frame: all that the screen shows at one moment, as plain numbers and small arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from rugtui.config import Settings
from rugtui.session.commands import Kind
from rugtui.session.history import EMPTY, HistoryView
from rugtui.weights.base import Window

if TYPE_CHECKING:
    from rugtui.measure import Statistics
    from rugtui.session.curves import Curves
    from rugtui.theory.levels import Levels

Severity = Literal["information", "warning", "error"]
Phase = Literal["loading", "training", "paused", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Picture:
    """Block means of a window of W, as many as the pane has pixels."""

    kind: Kind
    step: int
    window: Window
    n_sparse: int
    pixels: Float[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one kind of weights: its live loss and the statistics last taken of it."""

    loss: float = math.nan
    standard_error: float = math.nan
    statistics: Statistics | None = None
    heldout: float = math.nan
    """Held-out loss of the very weights that `statistics` describes; NaN where there is none."""
    heldout_standard_error: float = math.nan
    measured_at: int = 0
    """The step whose weights `statistics` describes."""
    measured_when: float = 0.0
    """On the monotonic clock."""
    age: float = 0.0
    """Seconds since then, when the Frame was made."""
    trend: tuple[Statistics, ...] = ()
    """Earlier statistics, oldest first, evenly thinned."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the user once."""

    serial: int
    text: str
    severity: Severity = "information"


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment of a session. Immutable: it crosses from the worker to the screen."""

    settings: Settings
    phase: Phase = "loading"
    narration: str = ""
    device: str = ""
    plan: str = ""
    """How a step is computed, in a word or two."""
    step: int = 0
    seconds: float = 0.0
    """Spent in training steps."""
    steps_per_second: float = math.nan
    gemms_per_step: float = math.nan
    """Time of a step in dense batch × n_sparse × n_dense products."""
    history: HistoryView = EMPTY
    levels: Levels | None = None
    curves: Curves | None = None
    """The lines of theory through (r, p); None while they are made."""
    shown: Kind = "trained"
    frame_name: str = ""
    """Which construction the rug is."""
    trained: Reading = field(default_factory=Reading)
    rug: Reading | None = None
    verdict: str = ""
    """A sentence that says what the numbers of the weights shown mean."""
    picture: Picture | None = None
    notices: tuple[Notice, ...] = ()
    failure: str = ""
    traceback: str = ""

    @property
    def reading(self) -> Reading:
        """The reading of the weights that are shown."""
        return self.rug or Reading() if self.shown == "rug" else self.trained
