"""Columns that only grow: what was worked out of them stays true, only the new has to be seen."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


class Seen:
    """How far a column has been seen, and whether another is its continuation."""

    def __init__(self) -> None:
        self.length = 0
        self._ends: list[float] = []

    def continued_by(self, column: Float[np.ndarray, " n"]) -> bool:
        """Whether this begins with what has been seen; the column of another run would not."""
        if not self.length:
            return True
        if column.size < self.length:
            return False
        return bool(np.array_equal(column[[0, self.length - 1]], self._ends, equal_nan=True))

    def all_of(self, column: Float[np.ndarray, " n"]) -> None:
        """Note that all of it has been seen."""
        self.length = column.size
        self._ends = column[[0, -1]].tolist() if column.size else []


class Known:
    """Where a sparse column has values, found again and again as it grows."""

    def __init__(self) -> None:
        self._begin()

    def __call__(
        self, column: Float[np.ndarray, " n"], beside: Float[np.ndarray, " n"]
    ) -> Int[np.ndarray, " k"]:
        """Indices of the finite values. `beside` is a dense column of the same table: its ends tell
        one run from another, those of a column that is mostly NaN would not."""
        if not self._seen.continued_by(beside):
            self._begin()
        begin = self._seen.length
        fresh = begin + np.flatnonzero(np.isfinite(column[begin:]))
        if fresh.size:
            self._places = np.concatenate([self._places, fresh])
        self._seen.all_of(beside)
        return self._places

    def _begin(self) -> None:
        self._seen = Seen()
        self._places = np.empty(0, dtype=np.int64)
