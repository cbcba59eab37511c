"""Smooths a growing column without lag.

A mean over the past, which most dashboards draw, shows a falling loss too high: by a third if it
falls like 1/step and the mean is over a quarter of the run. Here each value is that of a line
fitted to as many results before it as after it, which away from the ends is their mean. Near the
newest result it is the line of the last window, so that end still changes as results arrive.
(Savitzky and Golay, Analytical Chemistry 36 (1964) 1627, with degree 1 and windows that grow with
the run.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from rugtui.live.history import SPAN, YOUNG, HistoryView

SPANS = (1, 4, SPAN, 64, 256, 1024)
"""Strengths of the smoothed line, weakest first. A window of 2 span − 1 results reduces noise as
much as the exponential mean of the history, in which the newest result has the weight 1/span."""
YOUNGS = {span: YOUNG * (SPAN / span) ** (1 / 3) for span in SPANS}
"""The window of result k has at most k divided by this on either side: stronger smoothing takes
more of a young run. The strongest shows a loss that falls like 1/step 1 % too high, and at its
newest end 1 % too low."""


def half_window(count: int, span: int) -> int:
    """Results on either side of the middle in the window of the newest of `count`."""
    return int(windows(count - 1, count, span)[1][0]) if count else 0


def windows(
    first: int, count: int, span: int
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The windows of results `first` … `count` − 1: where each begins, and how many results are on
    either side of its middle."""
    at = np.arange(first, count)
    half = np.minimum(span - 1, (at / YOUNGS[span]).astype(np.int64))
    return np.minimum(at - half, count - 1 - 2 * half), half


def fitted(
    values: Float[np.ndarray, " m"], begin: Int[np.ndarray, " n"], half: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The last n of `values`, smoothed by a line through the window of 2 half + 1 from `begin` on.

    Where a curve bends, a line may go beyond the measured values; it is clipped to them.
    """
    length = 2 * half + 1
    sums = np.concatenate([[0.0], np.cumsum(values)])
    total = sums[begin + length] - sums[begin]
    smooth = total / length
    off = np.arange(values.size - half.size, values.size) - begin - half
    ends = int(np.searchsorted(off, 1))  # of the middle from here on
    if ends < half.size:
        begin, length, half = begin[ends:], length[ends:], half[ends:]
        since = int(begin.min())
        last, places = values[since:], np.arange(values.size - since)
        moments = np.concatenate([[0.0], np.cumsum(places * last)])
        begin = begin - since
        turned = moments[begin + length] - moments[begin] - (begin + half) * total[ends:]
        slope = 12 * turned / (length * (length**2 - 1.0))
        smooth[ends:] += slope * off[ends:]
        np.clip(smooth[ends:], last.min(), last.max(), out=smooth[ends:])
    return smooth


class Smoother:
    """Smooths a column as it grows: each result once its window is full, those near the newest one
    every time."""

    def __init__(self) -> None:
        self._begin(0)

    def __call__(
        self, values: Float[np.ndarray, " n"], span: int, breaks: Sequence[int] = ()
    ) -> Float[np.ndarray, " n"]:
        """The smoothed column; values that are not finite are skipped.

        No window reaches across the ascending `breaks`, where another loss begins.
        """
        if span <= 1:
            return np.where(np.isfinite(values), values, math.nan)
        if span != self._span or not self._extended_by(values):
            self._begin(span)
        done, length = self._length, values.size
        if length > self._out.size:
            grown = np.empty(max(length, 2 * self._out.size))
            grown[:done] = self._out[:done]
            self._out = grown
        self._out[done:length] = math.nan
        for place in (*(place for place in breaks if done <= place < length), length):
            known = done + np.flatnonzero(np.isfinite(values[done:place]))
            self._known = np.concatenate([self._known, known])
            if known.size:
                self._fit(values)
            if place < length:
                self._known, self._settled = self._known[:0], 0
            done = place
        self._length, self._ends = length, values[[0, -1]].tolist() if length else []
        return self._out[:length]

    def _extended_by(self, values: Float[np.ndarray, " n"]) -> bool:
        """Whether the column only extends the one smoothed so far, unlike that of another run."""
        old = self._length
        if not old or values.size < old:
            return not old
        return bool(np.array_equal(values[[0, old - 1]], self._ends, equal_nan=True))

    def _fit(self, values: Float[np.ndarray, " n"]) -> None:
        """Smooth the results whose windows have changed."""
        count = self._known.size
        begin, half = windows(self._settled, count, self._span)
        since = int(begin.min())
        known = self._known[since:]
        smooth = fitted(values[known], begin - since, half)
        self._out[self._known[self._settled :]] = smooth
        self._settled += int(np.searchsorted(np.arange(self._settled, count) + half, count))

    def _begin(self, span: int) -> None:
        self._span, self._settled = span, 0
        self._known = np.empty(0, dtype=np.int64)
        """Indices of the finite results since the last break."""
        self._out = np.empty(1024)
        self._length, self._ends = 0, list[float]()


def smoothed(history: HistoryView, span: int, smoother: Smoother) -> Float[np.ndarray, " results"]:
    """A history's loss smoothed at one of SPANS, by the smoother of this history.

    In its thinned part only extremes are left, whose average is not that of the loss: there, the
    history's own smoothed column is smoothed further.
    """
    loss = history.column("loss")
    if span > 1 and history.old:
        loss = np.concatenate([history.column("smoothed")[: history.old], loss[history.old :]])
    return smoother(loss, span, history.breaks.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Columns computed from a history."""

    smoothed: Float[np.ndarray, " results"]
    heldout: Int[np.ndarray, " known"]
    """Indices of the results that have a held-out loss."""


class Deriver:
    """Computes `Derived` for one Frame after another, at a cost that depends on what is new."""

    def __init__(self) -> None:
        self._smoother = Smoother()

    def __call__(self, history: HistoryView, span: int) -> Derived:
        """`span`: the strength of the smoothing."""
        known = np.flatnonzero(np.isfinite(history.column("heldout")))
        return Derived(smoothed(history, span, self._smoother), known)
