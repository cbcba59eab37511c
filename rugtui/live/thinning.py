"""A long history in fewer rows, with none of its extremes lost.

Old results fall into bins of steps. Of each bin those rows stay that hold the least and the
greatest training loss, and the least and the greatest held-out loss: a chart draws the same
envelope. A bin is a power of two of steps wide, at most 1/OCTAVE of its own first step, so that a
logarithmic axis shows the beginning as finely as the rest, and at most as wide as BINS of them
over the whole run are. The bins of a longer run are unions of those of a shorter one: what has
been thinned again and again is exactly what would be left of all the rows thinned once.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

BINS = 2048
OCTAVE = 64


def bins(
    steps: Float[np.ndarray, " rows"] | Int[np.ndarray, " rows"], last: int
) -> Int[np.ndarray, "2 rows"]:
    """Width (its binary logarithm) and number of the bin of each step, in a run of `last` steps.

    There are at most BINS + OCTAVE · log2(last / BINS) of them.
    """
    whole = np.asarray(steps).astype(np.int64)
    octave = np.frexp(whole.astype(float))[1] - 1
    widest = max(0, last.bit_length() - (BINS.bit_length() - 1))
    width = np.clip(octave - (OCTAVE.bit_length() - 1), 0, widest).astype(np.int64)
    return np.stack([width, whole >> width])


def worth_keeping(
    steps: Float[np.ndarray, " rows"], columns: tuple[Float[np.ndarray, " rows"], ...]
) -> Int[np.ndarray, " kept"]:
    """Places of the rows to keep: the first row, and the extremes of each column in each bin.

    NaN is no extreme. `steps` ascend; of equal values the first counts.
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
            # Sorted by bin, then by value, NaN last: what comes first in a bin is its extreme.
            extremes = np.lexsort((sign * values, of_bin))[firsts]
            kept.append(extremes[~np.isnan(values[extremes])])
    return np.unique(np.concatenate(kept))


def marks_worth_keeping(
    marks: tuple[tuple[int, str], ...], last: int
) -> tuple[tuple[int, str], ...]:
    """Of the changes of one setting within a bin, the last: it is the one that stayed.

    The setting is the first word of the text.
    """
    old = [mark for mark in marks if mark[0] <= last]
    kept: dict[tuple[int, int, str], tuple[int, str]] = {}
    places = bins(np.array([step for step, _ in old], dtype=np.int64), last)
    for (step, text), width, number in zip(old, *places.tolist(), strict=True):
        key = (width, number, text.partition(" ")[0])
        kept.pop(key, None)
        kept[key] = (step, text)
    return (*kept.values(), *marks[len(old) :])
