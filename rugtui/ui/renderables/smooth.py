"""Smoothing at any strength, of a column that only grows."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from rugtui.session.history import SPAN, YOUNG, HistoryView
from rugtui.ui.renderables.growing import Seen

SPANS = (1, 4, SPAN, 64, 256, 1024)
"""Results that the smoothed line averages over, weakest first; the history's own is one of them."""
YOUNGS = {span: YOUNG * math.sqrt(SPAN / span) for span in SPANS}
"""Of a young run each averages one result in so many: the stronger, the more of the run."""
BLOCK = 256
"""Results folded at once. A weight of the shortest span falls by 0.75^256 = 1e-32: no underflow."""


def exponential(
    values: Float[np.ndarray, " n"], span: int, known: int = 0, start: float = 0.0
) -> Float[np.ndarray, " n"]:
    """s_k = s_{k−1} + α_k (x_k − s_{k−1}) with α_k = 1 / min(span, 1 + k / YOUNGS[span]).

    `known` results came before, of which `start` is the smoothed value. While the run is young
    the average covers a part of it, so that it does not lag a steep descent by more.

    Within a block the recursion unrolls to s_k = P_k (s_0 + Σ_{j≤k} α_j x_j / P_j) with
    P_k = Π_{j≤k} (1 − α_j): two cumulative operations for each block instead of one step a result.
    """
    if span <= 1:
        return values.copy()
    if not values.size:
        return values
    if not known:
        # The first result is its own average.
        start = float(values[0])
    blocks = -(-values.size // BLOCK)
    padded = np.zeros(blocks * BLOCK)
    padded[: values.size] = values
    count = np.arange(known + 1.0, known + 1.0 + padded.size)
    young = YOUNGS[span]
    share = np.maximum(1 / span, young / (young + count)).reshape(blocks, BLOCK)
    kept = np.cumprod(1 - share, axis=1)
    gained = np.cumsum(share * padded.reshape(blocks, BLOCK) / kept, axis=1)
    starts = np.empty(blocks)
    for block, (left, gain) in enumerate(zip(kept[:, -1], gained[:, -1], strict=True)):
        starts[block] = start
        start = left * (start + gain)
    return (kept * (starts[:, None] + gained)).ravel()[: values.size]


class Smoother:
    """Smooths a column again and again as it grows, each result once.

    What it returned stays valid: rows once written never change.
    """

    def __init__(self) -> None:
        self._begin(0)

    def __call__(self, values: Float[np.ndarray, " n"], span: int) -> Float[np.ndarray, " n"]:
        """The smoothed column; what is not finite is a gap, which the average steps over."""
        if span != self._span or not self._seen.continued_by(values):
            self._begin(span)
        done, length = self._seen.length, values.size
        if length > self._out.size:
            grown = np.empty(max(length, 2 * self._out.size))
            grown[:done] = self._out[:done]
            self._out = grown
        fresh = values[done:]
        finite = np.isfinite(fresh)
        smoothed = exponential(fresh[finite], span, self._known, self._last)
        self._out[done:length] = math.nan
        self._out[done:length][finite] = smoothed
        self._known += smoothed.size
        if smoothed.size:
            self._last = float(smoothed[-1])
        self._seen.all_of(values)
        return self._out[:length]

    def _begin(self, span: int) -> None:
        self._span, self._known, self._last = span, 0, 0.0
        self._out = np.empty(1024)
        self._seen = Seen()


def smoothed(history: HistoryView, span: int, smoother: Smoother) -> Float[np.ndarray, " results"]:
    """A history's loss at one of SPANS, by the smoother that keeps to this history.

    Of results that were thinned only extremes are left, whose average is none of the loss: there,
    that of the history itself is smoothed further.
    """
    loss, own = history.column("loss"), history.column("smoothed")
    if span == SPAN:
        return own
    if span > 1 and history.old:
        loss = np.concatenate([own[: history.old], loss[history.old :]])
    return smoother(loss, span)
