"""Statistics taken off the training path: one thread, one question at a time."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rugtui.analysis.statistics import Statistics, statistics
from rugtui.live.commands import Kind
from rugtui.models.base import Weights
from rugtui.runtime.threads import lower_priority, share_beside

ROWS = 128
"""Rows of W in a sample for the exact loss."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the analyst found, and of which weights."""

    kind: Kind
    step: int
    asked_at: float
    heldout: tuple[float, float]
    """Held-out loss of the same weights and its standard error, NaN where unknown."""
    statistics: Statistics


class StatisticsWorker:
    """Answers one question at a time in a thread of its own, and keeps to its share of a core."""

    def __init__(self, seed: int) -> None:
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix="analyst", initializer=lower_priority
        )
        self._generator = np.random.default_rng(seed)
        self._pending: Future[tuple[Finding, float]] | None = None
        self._warm, self._rest_until = False, 0.0

    def free(self, *, beside: bool) -> bool:
        """Whether it would answer at once. `beside`: training goes on, and has the cores."""
        return self._pending is None and not (beside and time.monotonic() < self._rest_until)

    def ask(
        self,
        kind: Kind,
        step: int,
        weights: Weights,
        p: float,
        heldout: tuple[float, float] = (math.nan, math.nan),
    ) -> None:
        """Take the statistics of weights that nobody changes any more."""
        self._pending = self._thread.submit(self._find, kind, step, weights, p, heldout)

    def collect(self) -> Finding | None:
        """The answer, once, when it is there. Raises what the analysis raised."""
        if self._pending is None or not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        finding, took = pending.result()
        if self._warm:  # the first time went mostly into imports, which do not come again
            self._rest_until = time.monotonic() + took / share_beside()
        self._warm = True
        return finding

    def leave(self) -> None:
        """Go home; an analysis under way is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _find(
        self, kind: Kind, step: int, weights: Weights, p: float, heldout: tuple[float, float]
    ) -> tuple[Finding, float]:
        asked_at, cpu = time.monotonic(), time.thread_time()
        found = statistics(weights, p, generator=self._generator, rows=ROWS)
        return Finding(kind, step, asked_at, heldout, found), time.thread_time() - cpu
