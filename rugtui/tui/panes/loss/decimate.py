"""A long curve in few points, drawn exactly as all of its points would be."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

Points = tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]


def decimate(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], parts: Int[np.ndarray, " columns_1"]
) -> Points:
    """At most four points a column, and one beyond either end; column k is points parts[k] to
    before parts[k + 1].

    A column of pixels shows a line's first, least, greatest and last value in it and nothing else,
    so these four draw the same pixels as all of them. x is ascending. A gap in y (what is not
    finite) that parts two columns comes back as a NaN between them.
    """
    first = max(int(parts[0]) - 1, 0)
    x, y, bounds = x[first : int(parts[-1]) + 1], y[first : int(parts[-1]) + 1], parts - first
    if x.size <= 4 * parts.size:
        known = np.flatnonzero(np.isfinite(y))
        return _with_gaps(x[known], y[known], known)
    bounds = np.unique(np.concatenate([[0], bounds, [x.size]]))
    first, last = _known_ends(y, bounds)
    starts = bounds[:-1][first < bounds[1:]]
    first, last = first[first < bounds[1:]], last[first < bounds[1:]]
    if not starts.size:
        return x[:0], y[:0]
    # Between the first and the last known value of a column is what it shows; NaN is passed over.
    runs = np.stack([first, last + 1], axis=1).ravel()[:-1]
    low, high = np.fmin.reduceat(y, runs)[::2], np.fmax.reduceat(y, runs)[::2]
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return decimate(x, np.where(np.isfinite(y), y, np.nan), parts - first)
    few = np.stack([y[first], low, high, y[last]], axis=1).ravel()
    places = np.stack([first, first, first, last], axis=1).ravel()
    return _with_gaps(x[places], few, places, every=4)


def _known_ends(
    y: Float[np.ndarray, " n"], bounds: Int[np.ndarray, " k_1"]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Index of the first and the last finite value in each column; the column's end where none."""
    first, last = bounds[:-1].copy(), bounds[1:] - 1
    for column in np.flatnonzero(~np.isfinite(y[first]) | ~np.isfinite(y[last])):
        begin, end = bounds[column], bounds[column + 1]
        known = np.flatnonzero(np.isfinite(y[begin:end]))
        first[column], last[column] = begin + known[[0, -1]] if known.size else (end, end)
    return first, last


def _with_gaps(
    x: np.ndarray, y: np.ndarray, places: Int[np.ndarray, " m"], every: int = 1
) -> Points:
    """NaN between points, in groups of `every`, that are not neighbours in the whole column.

    Between the last known value of one group and the first of the next all are gaps.
    """
    gaps = every * (np.flatnonzero(places[every::every] - places[every - 1 : -1 : every] > 1) + 1)
    return np.insert(x, gaps, x[gaps]), np.insert(y, gaps, np.nan)
