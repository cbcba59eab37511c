"""The history of a run: a table of results that grows up to a bound, and is read without a copy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from rugtui.storage.history_file import HELDOUT, NAMES, StoredHistory

if TYPE_CHECKING:
    from rugtui.settings.settings import Method, Settings
    from rugtui.training.trainer import StepResult

COLUMNS = {name: index for index, name in enumerate(NAMES)}
SPAN = 16
"""Results over which the smoothed loss averages (exponentially) in a long run."""
YOUNG = 32
"""A young run is smoothed over 1/YOUNG of its results, so as not to lag behind the descent: if the
loss falls like 1/step, the smoothed loss is YOUNG / (YOUNG − 1) times the loss."""
F_LEAST, DEGREE_MOST, FIT_LEAST = 4.0, 3, 8
"""For the fit of `recent_loss`: the F statistic that a higher degree must reach, as noise alone
does once in fifteen times; the highest degree; the fewest results for a fit instead of a mean."""
BINS, OCTAVE = 2048, 64
"""For thinning: see `bins`."""
MOST, RECENT = 1 << 15, 1 << 13
"""Rows of a history, and those at its end that are not thinned. At ten results per second they
cover an hour and a quarter of an hour; a row takes 72 bytes in memory and 200 in a file."""


class Mark(NamedTuple):
    """A change of settings, as the loss curve shows it."""

    step: int
    text: str


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The history at one time; results appended later are not in it."""

    table: Float[np.ndarray, "columns results"]
    marks: tuple[Mark, ...] = ()
    thinned: int = 0
    """The step up to which only extremes are left; 0 if none was thinned."""

    def __len__(self) -> int:
        return self.table.shape[1]

    def column(self, name: str) -> Float[np.ndarray, " results"]:
        """One of NAMES; NaN is a gap. Raises KeyError."""
        return self.table[COLUMNS[name]]

    @property
    def old(self) -> int:
        """How many results are in the thinned part."""
        return int(np.searchsorted(self.column("step"), self.thinned, side="right"))

    @property
    def breaks(self) -> Int[np.ndarray, " breaks"]:
        """Indices of the results where p changes, or the loss changes between sampled and
        Gaussian."""
        return _breaks(self.table)

    def heldout_at(self, p: float) -> tuple[float, float]:
        """The newest held-out loss of results trained at p, and its standard error; NaN if there
        is none."""
        recent = self.table[:, -4096:]
        known = np.isfinite(recent[COLUMNS["heldout"]]) & _of(recent, p)
        if not known.any():
            return math.nan, math.nan
        newest = recent[:, np.flatnonzero(known)[-1]]
        return float(newest[COLUMNS["heldout"]]), float(newest[COLUMNS["heldout_standard_error"]])

    def heldout_of(self, step: int, p: float) -> tuple[float, float]:
        """Held-out loss of the weights of this step, if the newest result has it, and its standard
        error; otherwise NaN."""
        newest = self.table[:, -1:]
        if not np.any((newest[COLUMNS["step"]] == step) & _of(newest, p)):
            return math.nan, math.nan
        loss, error = newest[[COLUMNS[name] for name in HELDOUT], 0].tolist()
        return loss, error

    def last(self, name: str) -> float:
        """The newest value that is not NaN; NaN if there is none."""
        column = self.column(name)
        known = np.flatnonzero(~np.isnan(column[-4096:]))
        return float(column[-4096:][known[-1]]) if known.size else math.nan


def _of(rows: Float[np.ndarray, "columns results"], p: float) -> Bool[np.ndarray, " results"]:
    """Which results were trained at p; those with unknown p count."""
    trained_at = rows[COLUMNS["p"]]
    return (trained_at == p) | np.isnan(trained_at)


def of_other_kind(batch: Float[np.ndarray, "*any"], method: Method) -> Bool[np.ndarray, "*any"]:
    """Whether results with such a batch have another kind of loss than this method's; False if the
    batch is unknown (NaN)."""
    return batch > 0 if method == "population" else batch == 0


def _breaks(table: Float[np.ndarray, "columns results"]) -> Int[np.ndarray, " breaks"]:
    trained_at, draws_none = table[COLUMNS["p"]], table[COLUMNS["batch"]] == 0
    others = (np.abs(np.diff(trained_at)) > 0) | (draws_none[1:] != draws_none[:-1])
    return 1 + np.flatnonzero(others)


EMPTY = HistoryView(np.empty((len(NAMES), 0)))


class History:
    """Appends results; `view` is O(1), because rows never change once they are written.

    At MOST rows the older ones are thinned into a new table; existing views keep the old one.
    Thinning depends only on the rows, so that a resumed run is thinned as if it had never stopped.
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
        """`batch` is 0 if no samples were drawn: then the loss is the Gaussian one."""
        if self._length >= MOST:
            self._thin()
        elif self._length == self._table.shape[1]:
            # Existing views keep the old table alive and unchanged.
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
        """Append the result of an interval of training."""
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
        """The history as it is stored in files, not copied."""
        return StoredHistory(NAMES, self.view().table, self._marks, self._thinned)

    @classmethod
    def of(cls, past: StoredHistory) -> History:
        """The history that continues a stored one, smoothed as if it had never stopped."""
        history = cls()
        rows = past.table.shape[1]
        history._table = np.concatenate([past.table, np.empty((len(NAMES), 1024))], axis=1)
        history._length = rows
        history._marks = tuple(Mark(*mark) for mark in past.marks)
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
        """Training loss at the newest step and its standard error, estimated from the last SPAN
        results that have the p and the kind of loss of these settings. NaN without such a result,
        and the error also with only one."""
        recent = self._table[:, max(0, self._length - SPAN) : self._length]
        recent = recent[:, [0, *_breaks(recent)][-1] :]
        known = np.isfinite(recent[COLUMNS["loss"]]) & _of(recent, settings.p_on)
        recent = recent[:, known & ~of_other_kind(recent[COLUMNS["batch"]], settings.method)]
        return loss_now(recent[COLUMNS["step"]], recent[COLUMNS["loss"]])

    def was_below(self, loss: float, p: float) -> bool:
        """Whether the loss of any result trained at p was."""
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
        self._marks = marks_worth_keeping(self._marks, self._thinned)

    def _smooth(self, loss: float) -> float:
        if not math.isfinite(loss):
            return math.nan
        self._known += 1
        share = 1 / min(SPAN, 1 + self._known / YOUNG)
        old = loss if math.isnan(self._smoothed) else self._smoothed
        self._smoothed = old + share * (loss - old)
        return self._smoothed


def loss_now(
    steps: Float[np.ndarray, " n"], losses: Float[np.ndarray, " n"]
) -> tuple[float, float]:
    """The loss at the last of ascending `steps` and its standard error (NaN below two results).

    A mean would lag behind a descent, and its error would not show that. So a polynomial in the
    step is fitted to log loss, in which an exponential is a line and 1/step nearly one, and
    evaluated at the newest step. A square and then a cubic term are added only if their F exceeds
    F_LEAST, because on a plateau each degree adds error: s/√n for the mean, 2 s/√n at the end of a
    line. The standard error is that of the fitted value, with s² from the residuals; the factor
    e^(s²/2) corrects the exponential of a mean of logarithms. Losses are finite; if one is 0, or
    there are fewer than FIT_LEAST, the result is their mean.
    """
    if losses.size < 2:
        return (float(losses[0]) if losses.size else math.nan), math.nan
    if losses.size < FIT_LEAST or losses.min() <= 0 or steps[0] == steps[-1]:
        return float(losses.mean()), float(losses.std(ddof=1) / math.sqrt(losses.size))
    back = (steps - steps[-1]) / (steps[-1] - steps[0])
    value, rest, share = _fitted(back, np.log(losses), 1)
    for degree in range(2, DEGREE_MOST + 1):
        finer = _fitted(back, np.log(losses), degree)
        gained = rest * (losses.size - degree) - finer[1] * (losses.size - degree - 1)
        if gained <= F_LEAST * finer[1]:
            break
        value, rest, share = finer
    loss = math.exp(value + rest / 2)
    return loss, loss * math.sqrt(rest * share)


def _fitted(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], degree: int
) -> tuple[float, float, float]:
    """A fitted polynomial's value at 0, the variance s² of the residuals, and the value's variance
    in units of s²."""
    powers = np.vander(x, degree + 1, increasing=True)
    basis, upper = np.linalg.qr(powers)
    row = np.linalg.solve(upper.T, np.eye(degree + 1)[0])  # the value is row · basisᵀ y
    seen = basis.T @ y
    off = y - basis @ seen
    return float(row @ seen), float(off @ off) / (len(y) - degree - 1), float(row @ row)


def bins(
    steps: Float[np.ndarray, " rows"] | Int[np.ndarray, " rows"], last: int
) -> Int[np.ndarray, "2 rows"]:
    """Binary logarithm of the width, and number, of the bin of each step in a run of `last` steps.

    Thinning keeps only the rows with the least and greatest training and held-out loss of each bin,
    so that a chart has the same envelope. The width of a bin is a power of two: at most 1/OCTAVE of
    its first step, so that a logarithmic axis shows the beginning as finely as the rest, and at
    most 1/BINS of the run. As a run grows, bins are merged, so that thinning repeatedly leaves the
    same rows as thinning once. There are at most BINS + OCTAVE · log2(last / BINS) bins.
    """
    whole = np.asarray(steps).astype(np.int64)
    octave = np.frexp(whole.astype(float))[1] - 1
    widest = max(0, last.bit_length() - (BINS.bit_length() - 1))
    width = np.clip(octave - (OCTAVE.bit_length() - 1), 0, widest).astype(np.int64)
    return np.stack([width, whole >> width])


def worth_keeping(
    steps: Float[np.ndarray, " rows"], columns: tuple[Float[np.ndarray, " rows"], ...]
) -> Int[np.ndarray, " kept"]:
    """Indices of the rows to keep: the first, and the extremes of each column in each bin.

    `steps` ascend. NaN is ignored, and of equal values the first is kept.
    """
    if not steps.size:
        return np.empty(0, dtype=np.int64)
    width, number = bins(steps, int(steps[-1]))
    begins = np.flatnonzero((np.diff(width) != 0) | (np.diff(number) != 0)) + 1
    kept = [np.zeros(1, dtype=np.int64)]
    of_bin = np.zeros(steps.size, dtype=np.int64)
    of_bin[begins] = 1
    of_bin = np.cumsum(of_bin)
    firsts = np.concatenate([kept[0], begins])
    for values in columns:
        for sign in (1, -1):
            # Sorted by bin, then by value, NaN last: the first of each bin is its extreme.
            extremes = np.lexsort((sign * values, of_bin))[firsts]
            kept.append(extremes[~np.isnan(values[extremes])])
    return np.unique(np.concatenate(kept))


def marks_worth_keeping(marks: tuple[Mark, ...], last: int) -> tuple[Mark, ...]:
    """The last change in each bin of each setting, which is the first word of the text; and all
    changes after step `last`."""
    old = [mark for mark in marks if mark.step <= last]
    kept: dict[tuple[int, int, str], Mark] = {}
    places = bins(np.array([mark.step for mark in old], dtype=np.int64), last)
    for mark, width, number in zip(old, *places.tolist(), strict=True):
        key = (width, number, mark.text.partition(" ")[0])
        kept.pop(key, None)  # so that it moves to the end
        kept[key] = mark
    return (*kept.values(), *marks[len(old) :])
