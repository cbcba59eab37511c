"""A long curve in few points, drawn exactly as all of its points would be."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Points = tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]


def decimate(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], edges: Float[np.ndarray, " columns_1"]
) -> Points:
    """At most four points a column between ascending edges, and one beyond either end.

    A column of pixels shows a line's first, least, greatest and last value in it and nothing else,
    so these four draw the same pixels as all of them. x is ascending. A gap in y (NaN) that
    parts two columns comes back as a NaN between them.
    """
    x, y, parted = _known(x, y, edges)
    if x.size <= 4 * edges.size:
        return _with_gaps(x, y, parted)
    starts = np.searchsorted(x, edges)
    starts = np.unique(np.concatenate([[0], starts[starts < x.size]]))
    chosen = np.empty((starts.size, 4, 2))
    last = np.append(starts[1:], x.size) - 1
    chosen[:, 0] = np.stack([x[starts], y[starts]], axis=1)
    chosen[:, 1:3, 0] = x[starts, None]
    chosen[:, 1, 1] = np.minimum.reduceat(y, starts)
    chosen[:, 2, 1] = np.maximum.reduceat(y, starts)
    chosen[:, 3] = np.stack([x[last], y[last]], axis=1)
    few_x, few_y = chosen.reshape(-1, 2).T
    few_parted = np.zeros((starts.size, 4), dtype=bool)
    few_parted[:, 0] = parted[starts]
    return _with_gaps(few_x, few_y, few_parted.ravel())


def _known(
    x: np.ndarray, y: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The finite points between the edges and one beyond each; which of them follow a gap."""
    begin, end = np.searchsorted(x, edges[[0, -1]], side="left")
    inside = slice(max(int(begin) - 1, 0), int(end) + 1)
    x, y = x[inside], y[inside]
    finite = np.isfinite(y)
    if finite.all():
        return x, y, np.zeros(x.size, dtype=bool)
    places = np.flatnonzero(finite)
    return x[places], y[places], np.diff(places, prepend=places[:1]) > 1


def _with_gaps(x: np.ndarray, y: np.ndarray, parted: np.ndarray) -> Points:
    """NaN before each point that follows a gap."""
    gaps = np.flatnonzero(parted)
    return np.insert(x, gaps, x[gaps]), np.insert(y, gaps, np.nan)
