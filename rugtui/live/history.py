"""The history of a run: columns that grow, read without a copy, and never beyond a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from rugtui.live.recent_loss import loss_now
from rugtui.live.thinning import marks_worth_keeping, worth_keeping
from rugtui.storage.history_file import HELDOUT, NAMES, StoredHistory

if TYPE_CHECKING:
    from rugtui.settings.settings import Method, Settings
    from rugtui.training.trainer import StepResult

COLUMNS = {name: index for index, name in enumerate(NAMES)}
SPAN = 16
"""Results over which the smoothed loss averages (exponentially) once there are many of them."""
YOUNG = 32
"""Of a young run the smoothed loss averages one result in so many: it must not lag the descent.
Where the loss falls like 1/step it is YOUNG / (YOUNG − 1) times the loss."""
MOST, RECENT = 1 << 15, 1 << 13
"""Rows of a history, and those at its end that thinning leaves alone: at ten results a second the
first is an hour, the second a quarter of one. In memory a row takes 72 bytes, in a file 200."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of settings, as the loss curve shows it."""

    step: int
    text: str


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The history as it stood at one moment. Later appends do not show in it."""

    table: Float[np.ndarray, "columns results"]
    marks: tuple[Mark, ...] = ()
    thinned: int = 0
    """The step up to which only extremes are left; 0 where all results are there."""

    def __len__(self) -> int:
        return self.table.shape[1]

    def column(self, name: str) -> Float[np.ndarray, " results"]:
        """One of NAMES; NaN is a gap. Raises KeyError."""
        return self.table[COLUMNS[name]]

    @property
    def old(self) -> int:
        """How many of the results are what thinning left."""
        return int(np.searchsorted(self.column("step"), self.thinned, side="right"))

    @property
    def breaks(self) -> Int[np.ndarray, " breaks"]:
        """Places of the results with which another loss begins: at another p, or the Gaussian one
        of the weights after that of samples, or the other way round."""
        return _breaks(self.table)

    def heldout_at(self, p: float) -> tuple[float, float]:
        """The newest held-out loss of results trained at p, and its standard error; NaN where
        there is none. One of another p says nothing about this one."""
        recent = self.table[:, -4096:]
        known = np.isfinite(recent[COLUMNS["heldout"]]) & _of(recent, p)
        if not known.any():
            return math.nan, math.nan
        newest = recent[:, np.flatnonzero(known)[-1]]
        return float(newest[COLUMNS["heldout"]]), float(newest[COLUMNS["heldout_standard_error"]])

    def heldout_of(self, step: int, p: float) -> tuple[float, float]:
        """Held-out loss of the weights of this step, as the newest result has it, and its standard
        error; NaN where it is of another step or p, or none was measured."""
        newest = self.table[:, -1:]
        if not np.any((newest[COLUMNS["step"]] == step) & _of(newest, p)):
            return math.nan, math.nan
        loss, error = newest[[COLUMNS[name] for name in HELDOUT], 0].tolist()
        return loss, error

    def last(self, name: str) -> float:
        """The newest value that is no gap, NaN where there is none."""
        column = self.column(name)
        known = np.flatnonzero(~np.isnan(column[-4096:]))
        return float(column[-4096:][known[-1]]) if known.size else math.nan


def _of(rows: Float[np.ndarray, "columns results"], p: float) -> Bool[np.ndarray, " results"]:
    """Which results were trained at p, as far as is known."""
    trained_at = rows[COLUMNS["p"]]
    return (trained_at == p) | np.isnan(trained_at)


def of_other_kind(batch: Float[np.ndarray, "*any"], method: Method) -> Bool[np.ndarray, "*any"]:
    """Whether results of such a batch are of another kind of loss than this method's; of those
    whose batch is not known (NaN) nobody says so."""
    return batch > 0 if method == "population" else batch == 0


def _breaks(table: Float[np.ndarray, "columns results"]) -> Int[np.ndarray, " breaks"]:
    trained_at, draws_none = table[COLUMNS["p"]], table[COLUMNS["batch"]] == 0
    others = (np.abs(np.diff(trained_at)) > 0) | (draws_none[1:] != draws_none[:-1])
    return 1 + np.flatnonzero(others)


EMPTY = HistoryView(np.empty((len(NAMES), 0)))


class History:
    """Appends results; `view` is O(1) because rows once written never change.

    At MOST rows the older ones are thinned into a new table; views handed out keep theirs. When
    that happens follows from the rows alone, so that a run taken up thins as if never stopped.
    """

    def __init__(self) -> None:
        self._table = np.empty((len(NAMES), 1024))
        self._length = 0
        self._marks: tuple[Mark, ...] = ()
        self._smoothed = math.nan
        self._known = self._thinned = 0

    def append(
        self,
        *,
        step: int,
        seconds: float,
        loss: float,
        heldout: float | None = None,
        heldout_standard_error: float | None = None,
        lr: float = math.nan,
        p: float = math.nan,
        batch: float = math.nan,
    ) -> None:
        """`batch` is 0 where no samples were drawn: the loss is then that of the weights."""
        if self._length >= MOST:
            self._thin()
        elif self._length == self._table.shape[1]:
            # A view handed out keeps the old table alive and unchanged.
            self._table = np.concatenate([self._table, np.empty_like(self._table)], axis=1)
        held = math.nan if heldout is None else heldout
        error = math.nan if heldout_standard_error is None else heldout_standard_error
        row = step, seconds, loss, math.nan, held, error, lr, p, batch
        self._table[:, self._length] = row
        if _breaks(self._table[:, max(0, self._length - 1) : self._length + 1]).size:
            self._known, self._smoothed = 0, math.nan
        self._table[COLUMNS["smoothed"], self._length] = self._smooth(loss)
        self._length += 1

    def add(self, result: StepResult, seconds: float) -> None:
        """Append what an interval of training came to."""
        self.append(
            step=result.step,
            seconds=seconds,
            loss=result.loss,
            heldout=result.heldout,
            heldout_standard_error=result.heldout_standard_error,
            lr=result.lr,
            p=result.p,
            batch=0 if result.method == "population" else result.batch,
        )

    def mark(self, step: int, text: str) -> None:
        self._marks = (*self._marks, Mark(step, text))

    def past(self) -> StoredHistory:
        """The history as files keep it; no copy, like `view`."""
        marks = tuple((mark.step, mark.text) for mark in self._marks)
        return StoredHistory(NAMES, self.view().table, marks, self._thinned)

    @classmethod
    def of(cls, past: StoredHistory) -> History:
        """The history that goes on where a past one ended, smoothed as if it never had."""
        history = cls()
        rows = past.table.shape[1]
        history._table = np.concatenate([past.table, np.empty((len(NAMES), 1024))], axis=1)
        history._length = rows
        history._marks = tuple(Mark(step, text) for step, text in past.marks)
        since = [0, *_breaks(past.table)][-1]
        known = since + np.flatnonzero(np.isfinite(past.table[COLUMNS["loss"], since:]))
        history._known, history._thinned = known.size, past.thinned
        if known.size:
            history._smoothed = float(past.table[COLUMNS["smoothed"], known[-1]])
        return history

    def view(self) -> HistoryView:
        table = self._table[:, : self._length]
        table.flags.writeable = False
        return HistoryView(table, self._marks, self._thinned)

    def recent_loss(self, settings: Settings) -> tuple[float, float]:
        """Training loss at the newest step, read off those of the last SPAN results that are of
        these settings' p and kind of loss (NaN where none is), and its standard error (NaN below
        two)."""
        recent = self._table[:, max(0, self._length - SPAN) : self._length]
        recent = recent[:, [0, *_breaks(recent)][-1] :]
        known = np.isfinite(recent[COLUMNS["loss"]]) & _of(recent, settings.p_on)
        recent = recent[:, known & ~of_other_kind(recent[COLUMNS["batch"]], settings.method)]
        return loss_now(recent[COLUMNS["step"]], recent[COLUMNS["loss"]])

    def was_below(self, loss: float, p: float) -> bool:
        """Whether any result that was trained at p was."""
        known = self._table[:, : self._length]
        return bool(np.any(known[COLUMNS["loss"], _of(known, p)] < loss))

    def _thin(self) -> None:
        end = self._length - RECENT
        old, recent = self._table[:, :end], self._table[:, end : self._length]
        steps, losses = old[COLUMNS["step"]], (old[COLUMNS["loss"]], old[COLUMNS["heldout"]])
        kept = old[:, worth_keeping(steps, losses)]
        self._length = kept.shape[1] + RECENT
        self._table = np.empty((len(NAMES), max(MOST, self._length + 1)))
        self._table[:, : self._length] = np.concatenate([kept, recent], axis=1)
        self._thinned = int(steps[-1])
        known = tuple((mark.step, mark.text) for mark in self._marks)
        left = marks_worth_keeping(known, self._thinned)
        self._marks = tuple(Mark(step, text) for step, text in left)

    def _smooth(self, loss: float) -> float:
        if not math.isfinite(loss):
            return math.nan
        self._known += 1
        share = 1 / min(SPAN, 1 + self._known / YOUNG)
        old = loss if math.isnan(self._smoothed) else self._smoothed
        self._smoothed = old + share * (loss - old)
        return self._smoothed
