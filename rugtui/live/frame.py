"""A Frame: all that the screen shows at one moment, as plain numbers and small arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from rugtui.live.commands import Kind, Order
from rugtui.live.history import EMPTY, HistoryView
from rugtui.models.base import Window
from rugtui.settings.settings import Settings

if TYPE_CHECKING:
    from rugtui.analysis.statistics import Statistics
    from rugtui.storage.listing import Listed, State
    from rugtui.theory.curves import Curves
    from rugtui.theory.levels import Levels, StructuredLevels

Severity = Literal["information", "warning", "error"]
Phase = Literal[
    "loading", "opened", "training", "paused", "done", "failed",
    "watching", "finished", "crashed", "gone", "damaged",
]  # fmt: skip
"""What is opened waits to go on. A run of another process is watched while that trains it; then it
is paused, failed, or one of those behind."""


Estimate = Literal["live", "held out", "sampled"]
"""Where a loss comes from: the last training losses, which move; the held-out loss of these very
weights; or samples drawn of weights that stand still."""


ENOUGH = 1e-3
"""Relative standard error at which sampling a loss stops."""


LEARNING: tuple[Phase, ...] = ("training", "watching")
"""Where trained weights change, in this process or another."""


@dataclass(frozen=True, slots=True)
class CellReadout:
    """One cell of W, and the block of cells that shares its pixel."""

    place: tuple[int, int]
    """Row and column in the order of the picture."""
    i: int
    j: int
    value: float
    """W_ij, i and j being the features at that place."""
    bias: float
    """b_i."""
    block: Window
    low: float
    high: float
    """The range of W over the block."""
    sampled: bool
    """Whether `low` and `high` come from a part of the block's cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Block means of a window of one kind of weights, and of the biases of its rows."""

    kind: Kind
    pixels: Float[np.ndarray, "height width"]
    biases: Float[np.ndarray, " height"]
    order: Order = "natural"
    note: str = ""
    """Why the order is not the one asked for."""
    cell: CellReadout | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What the W pane shows: one panel, or trained and rug side by side."""

    step: int
    window: Window
    n_sparse: int
    panels: tuple[Panel, ...]

    @property
    def subject(self) -> tuple[object, ...]:
        """What is looked at: pictures of one subject differ in the values of W alone."""
        panels = [(one.kind, one.order, one.pixels.shape, one.note) for one in self.panels]
        return self.window, self.n_sparse, *panels


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one kind of weights: its loss now and the statistics last taken of it."""

    loss: float = math.nan
    """Of the weights of the Frame's own step, as far as is known: see `estimate`."""
    standard_error: float = math.nan
    estimate: Estimate = "live"
    loss_at: int = 0
    """The step whose weights `loss` is of."""
    statistics: Statistics | None = None
    heldout: float = math.nan
    """Held-out loss of the very weights that `statistics` describes; NaN where there is none."""
    heldout_standard_error: float = math.nan
    measured_at: int = 0
    """The step whose weights `statistics` describes."""
    measured_when: float = 0.0
    """On the monotonic clock."""
    age: float = 0.0
    """Seconds since then, when the Frame was made; 0 where the weights are still the same."""
    trend: tuple[Statistics, ...] = ()
    """Statistics so far, oldest first, evenly thinned."""
    trend_at: tuple[int, ...] = ()
    """The steps whose weights they describe."""

    @property
    def settled(self) -> bool:
        """Whether more samples would change no digit that is shown: until then, differences in
        standard errors only drift."""
        return self.estimate != "sampled" or self.standard_error <= ENOUGH * self.loss


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
    counted: int = 0
    """How many of the commands that are counted were carried out, or refused, before it."""
    phase: Phase = "loading"
    narration: str = ""
    source: str = ""
    """Where what is opened is from; empty for a run of this process."""
    read_only: str = ""
    """Why nothing can be changed here, in a sentence; empty where it can."""
    save_age: float = math.nan
    """Seconds since the process that trains it saved what is shown, where that is another."""
    device: str = ""
    plan: str = ""
    """How a step is computed, in a word or two."""
    step: int = 0
    seconds: float = 0.0
    """Spent in training steps."""
    steps_per_second: float = math.nan
    """NaN where nothing is trained."""
    gemms_per_step: float = math.nan
    """Time of a step in dense batch × n_sparse × n_dense products."""
    history: HistoryView = EMPTY
    levels: Levels | None = None
    past_optima: tuple[tuple[float, float], ...] = ()
    """For each p before the last that was trained at: (p, L*)."""
    curves: Curves | None = None
    """The lines of theory through (r, p), or through the last one while they are made."""
    shown: Kind = "trained"
    construction: str = ""
    """Which construction the rug is."""
    trained: Reading = field(default_factory=Reading)
    rug: Reading | None = None
    verdict: str = ""
    """A sentence that says what the numbers of the weights shown mean."""
    picture: Picture | None = None
    run: str = ""
    """The directory of the live run, empty before it has one."""
    others: tuple[OtherRun, ...] = ()
    """Earlier runs of this session and saved ones, oldest first; never the live one."""
    saved: tuple[Listed, ...] | None = None
    """The runs on disk, newest first; None while nobody asked, or they are being looked for."""
    preview: OtherRun | None = None
    """A saved run whose curve the list of runs shows; it has no letter."""
    snapshot: str = ""
    """The folder of the last snapshot, empty before there is one."""
    notices: tuple[Notice, ...] = ()
    kept: str = ""
    """What of the run is on disk, in a sentence; empty where nothing is to be."""
    unsaved: str = ""
    """That the newest steps could not be saved and why, as long as that is so; else empty."""
    failure: str = ""
    traceback: str = ""

    @property
    def structured(self) -> StructuredLevels | None:
        """What lies below L* at these settings, once it is known."""
        known = self.curves
        return known.structured_at(self.levels.r, self.levels.p) if known and self.levels else None

    @property
    def news(self) -> tuple[object, ...]:
        """What differs between two Frames where there is something to show, though nothing trains.
        Ages are not in it, but for that of another process's save, in seconds."""
        age = None if math.isnan(self.save_age) else int(self.save_age)
        shown = (self.phase, self.narration, self.shown, self.construction, self.step, age)
        told = (self.notices, self.failure, self.snapshot, self.kept, self.verdict, self.read_only)
        known = [
            (str(one.loss), str(one.standard_error), one.measured_at, one.measured_when)
            for one in (self.trained, self.rug)
            if one is not None
        ]
        made = (id(self.picture), id(self.curves), id(self.saved), id(self.preview))
        others = tuple(id(one) for one in self.others)
        return *shown, *told, *known, *made, self.settings, others

    @property
    def learns(self) -> bool:
        """Whether trained weights change now."""
        return self.phase in LEARNING

    @property
    def reading(self) -> Reading:
        """The reading of the weights that are shown."""
        return self.rug or Reading() if self.shown == "rug" else self.trained
