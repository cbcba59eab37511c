"""From which value to which the colours of a map go, in print and in the terminal alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rugtui.reports.plate import Map

MOST = 0.9
"""Share of the cells that colours are for, where a few others would take them all."""
FAR = 3.0
"""Times the reach of those that the others must have for that."""
LEAST_RATIO = 1.01


@dataclass(frozen=True, slots=True)
class Span:
    """The values of the two end colours, and whether there are cells beyond them: a grid's first
    row and column are often far from all others."""

    low: float
    high: float
    log: bool
    below: bool = False
    above: bool = False

    @classmethod
    def of(cls, seen: Map) -> Span:
        """Even on both sides of the middle where there is one, or else from the least value to the
        greatest."""
        known = seen.values[np.isfinite(seen.values)]
        log = seen.log and known.size > 0 and bool((known > 0).all())
        if not known.size:
            return cls(0.0, 1.0, False)
        if seen.middle is not None:
            low, high = _around(known, seen.middle, log)
        else:
            low, high = (float(known.min()), float(known.max())) if log else _most(known)
            if not high > low:
                high = low + (abs(low) or 1.0)
        return cls(low, high, log, bool(known.min() < low), bool(known.max() > high))


def _around(known: np.ndarray, middle: float, log: bool) -> tuple[float, float]:
    if log:
        away = np.abs(np.log(known / middle))
        ratio = np.exp(max(_reach(away), np.log(LEAST_RATIO)))
        return float(middle / ratio), float(middle * ratio)
    reach = max(_reach(np.abs(known - middle)), 1e-12)
    return middle - reach, middle + reach


def _reach(away: np.ndarray) -> float:
    """The greatest distance, or that of most cells."""
    most, all_of_them = np.quantile(away, MOST), away.max()
    return float(most if 0 < FAR * most < all_of_them else all_of_them)


def _most(known: np.ndarray) -> tuple[float, float]:
    """The ends, without those that lie far from most cells."""
    low, high = float(known.min()), float(known.max())
    first, last = (float(end) for end in np.quantile(known, [1 - MOST, MOST]))
    reach = last - first
    if 0 < FAR * reach < high - low:
        low, high = max(low, first - reach), min(high, last + reach)
    return low, high
