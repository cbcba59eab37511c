"""A long curve in few points, without losing an extreme."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def decimate(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], first: float, last: float, columns: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """At most two points a column between x = first and last: its smallest and its largest y.

    x is ascending; the points come back in their order. NaN in y are left out.
    """
    inside = slice(*np.searchsorted(x, [first, last]) + np.array([0, 1]))
    x, y = x[inside], y[inside]
    known = np.isfinite(y) & np.isfinite(x)
    x, y = x[known], y[known]
    if x.size <= 2 * columns or last <= first:
        return x, y
    column = np.minimum(((x - first) / (last - first) * columns).astype(np.int64), columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    chosen = np.concatenate([_places(y, starts, np.minimum), _places(y, starts, np.maximum)])
    chosen.sort()
    return x[chosen], y[chosen]


def _places(y: np.ndarray, starts: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """Where each run y[starts[k]:starts[k + 1]] first takes its extreme value."""
    lengths = np.diff(starts, append=y.size)
    hits = np.flatnonzero(y == np.repeat(extreme.reduceat(y, starts), lengths))
    run = np.searchsorted(starts, hits, side="right") - 1
    return hits[np.flatnonzero(np.diff(run, prepend=-1))]
