"""A Frame: everything that the screen shows, as plain numbers and small arrays."""

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
    from rugtui.theory.levels import Curves, Levels, StructuredLevels

Severity = Literal["information", "warning", "error"]
Phase = Literal[
    "loading", "opened", "training", "paused", "done", "failed",
    "watching", "finished", "crashed", "gone", "damaged",
]  # fmt: skip
"""An opened run is viewed until training resumes. A run of another process is watched while that
process trains it; afterwards it is paused, failed, or one of the last four."""
Estimate = Literal["live", "held out", "sampled", "then"]
"""Where a loss comes from: recent training losses; the held-out loss of exactly these weights;
samples drawn for fixed weights; or, until there are samples of a kept step, training losses
then."""
ENOUGH = 1e-3
"""Relative standard error at which sampling a loss stops."""
LEARNING: tuple[Phase, ...] = ("training", "watching")
"""Phases in which trained weights change, in this process or another."""


@dataclass(frozen=True, slots=True)
class CellReadout:
    """One cell of W, and the block of cells that share its pixel."""

    place: tuple[int, int]
    """Row and column in the order of the picture."""
    i: int
    j: int
    value: float
    """W_ij; i and j are the features at that position."""
    bias: float
    """b_i."""
    block: Window
    low: float
    high: float
    """The range of W over the block."""
    sampled: bool
    """Whether `low` and `high` come from only some of the block's cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Block means of a window of one kind of weights, and of the biases of its rows."""

    kind: Kind
    pixels: Float[np.ndarray, "height width"]
    biases: Float[np.ndarray, " height"]
    order: Order = "natural"
    note: str = ""
    """Why the requested order is not shown."""
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
        """Pictures with the same subject differ only in the values of W."""
        panels = [(one.kind, one.order, one.pixels.shape, one.note) for one in self.panels]
        return self.window, self.n_sparse, *panels


@dataclass(frozen=True, slots=True)
class Reading:
    """The current loss and the latest statistics of one kind of weights."""

    loss: float = math.nan
    """Per feature; `estimate` says where it comes from."""
    standard_error: float = math.nan
    estimate: Estimate = "live"
    loss_at: int = 0
    """The step whose weights `loss` is of."""
    statistics: Statistics | None = None
    heldout: float = math.nan
    """Held-out loss of exactly the weights that `statistics` describes; NaN if unknown."""
    heldout_standard_error: float = math.nan
    measured_at: int = 0
    """The step whose weights `statistics` describes."""
    measured_when: float = 0.0
    """On the monotonic clock."""
    age: float = 0.0
    """Seconds since then, when the Frame was made; 0 if the weights have not changed."""
    trend: tuple[Statistics, ...] = ()
    """Statistics so far, oldest first, evenly thinned."""
    trend_at: tuple[int, ...] = ()
    """The steps whose weights they describe."""

    @property
    def settled(self) -> bool:
        """Whether more samples would change no digit that is shown; until then, a difference in
        units of the standard error drifts."""
        return self.estimate != "sampled" or self.standard_error <= ENOUGH * self.loss


@dataclass(frozen=True, slots=True, eq=False)
class OtherRun:
    """A run that is shown beside the live one."""

    key: str
    """Its directory, or a placeholder if that could not be made."""
    letter: str
    name: str
    state: State
    settings: Settings
    step: int
    loss: float
    """Last held-out loss per feature, or without one the recent training loss."""
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
    """The state of a session, passed from the worker to the screen, and therefore immutable."""

    settings: Settings
    counted: int = 0
    """How many counted commands (COUNTED) were handled before it."""
    phase: Phase = "loading"
    narration: str = ""
    source: str = ""
    """What was opened; empty for a run that this process began."""
    read_only: str = ""
    """Why the run cannot be changed here, as a sentence; empty if it can."""
    save_age: float = math.nan
    """Seconds since the other process saved what is shown; NaN for a run of this process."""
    device: str = ""
    plan: str = ""
    """How a step is computed, in a word or two."""
    step: int = 0
    seconds: float = 0.0
    """Of training steps."""
    steps_per_second: float = math.nan
    """NaN if nothing is trained."""
    history: HistoryView = EMPTY
    levels: Levels | None = None
    past_optima: tuple[tuple[float, float], ...] = ()
    """(p, L*) for each p at which the results of this run were trained."""
    curves: Curves | None = None
    """The curves of theory through (r, p); the previous ones until those are computed."""
    shown: Kind = "trained"
    construction: str = ""
    """The construction of the rug."""
    trained: Reading = field(default_factory=Reading)
    rug: Reading | None = None
    verdict: str = ""
    """A sentence that says what the numbers of these weights mean."""
    picture: Picture | None = None
    kept_steps: tuple[int, ...] = ()
    """Earlier steps that can be shown, ascending."""
    past: Frame | None = None
    """The run at an earlier step, which the panes W, theory and symmetry show instead."""
    shown_step: int | None = None
    """The step of such an earlier Frame."""
    run: str = ""
    """The directory of the live run; empty before it has one."""
    files: str = ""
    """The folder from which the run was read or in which it is saved; empty if there is none."""
    others: tuple[OtherRun, ...] = ()
    """Earlier runs of this session and saved ones, oldest first; not the live one."""
    saved: tuple[Listed, ...] | None = None
    """The runs on disk, newest first; None before they were listed."""
    preview: OtherRun | None = None
    """A saved run whose curve the list of runs shows; it has no letter."""
    snapshot: str = ""
    """The folder of the last snapshot; empty before the first."""
    notices: tuple[Notice, ...] = ()
    kept: str = ""
    """Which step is saved where, as a sentence; empty if nothing is to be saved."""
    unsaved: str = ""
    """Since which step nothing could be saved, and why; empty if the last save succeeded."""
    failure: str = ""
    traceback: str = ""

    @property
    def structured(self) -> StructuredLevels | None:
        """The levels below L* at these settings, once they are known."""
        known = self.curves
        return known.structured_at(self.levels.r, self.levels.p) if known and self.levels else None

    @property
    def news(self) -> tuple[object, ...]:
        """Differs between two Frames if there is something new to show although nothing trains. The
        only age in it is that of another process's save, in whole seconds."""
        age = None if math.isnan(self.save_age) else int(self.save_age)
        shown = (self.phase, self.narration, self.shown, self.construction, self.step, age)
        told = (self.notices, self.failure, self.snapshot, self.kept, self.verdict, self.read_only)
        known = [
            (
                *(str(one.loss), str(one.standard_error)),
                *(one.measured_at, one.measured_when, one.trend_at[:1]),
            )
            for one in (self.trained, self.rug)
            if one is not None
        ]
        made = (id(self.picture), id(self.curves), id(self.saved), id(self.preview))
        others = tuple(id(one) for one in self.others)
        then = self.kept_steps, self.shown_step, self.past and self.past.news
        return *shown, *told, *known, *made, *then, self.settings, others

    @property
    def learns(self) -> bool:
        """Whether trained weights are changing."""
        return self.phase in LEARNING

    @property
    def reading(self) -> Reading:
        """The reading of the weights that are shown."""
        return self.rug or Reading() if self.shown == "rug" else self.trained
