"""An axis, linear or logarithmic: where values fall, where ticks stand, what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.ui.renderables.numbers import count, tick


@dataclass(frozen=True, slots=True)
class Axis:
    """Limits in plot coordinates: the value itself, or log10 of it."""

    first: float
    last: float
    log: bool

    def place(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Values in plot coordinates; what a logarithm cannot place is NaN."""
        if not self.log:
            return values
        positive = values > 0
        return np.where(positive, np.log10(np.where(positive, values, 1.0)), np.nan)

    def ticks(self, most: int) -> tuple[list[float], list[str]]:
        """Positions in plot coordinates and labels, at most about `most` of them."""
        if not self.log:
            step = nice_step((self.last - self.first) / max(most, 1))
            positions = np.arange(math.ceil(self.first / step), self.last / step + 1e-9) * step
            return positions.tolist(), [linear_label(value, step) for value in positions]
        decades = np.arange(math.ceil(self.first), math.floor(self.last) + 1)
        if decades.size >= 2:
            kept = decades[:: math.ceil(decades.size / max(most, 2))]
            return kept.tolist(), [tick(exponent) for exponent in kept.tolist()]
        return self._ticks_between_decades(most)

    def _ticks_between_decades(self, most: int) -> tuple[list[float], list[str]]:
        low, high = 10**self.first, 10**self.last
        step = nice_step((high - low) / max(most, 1))
        values = np.arange(math.ceil(low / step), high / step + 1e-9) * step
        values = values[values > 0]
        return np.log10(values).tolist(), [linear_label(value, step) for value in values]


def nice_step(rough: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if not rough > 0 or not math.isfinite(rough):
        return 1.0
    size = 10 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * (1 - 1e-12))


def linear_label(value: float, step: float) -> str:
    if step >= 1:
        return count(value)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}" if digits <= 5 else f"{value:.1e}"


def spanning(values: Float[np.ndarray, " n"], log: bool, margin: float = 0.05) -> Axis:
    """The axis that shows all finite values, with a margin on both sides."""
    placed = Axis(0, 1, log).place(values)
    placed = placed[np.isfinite(placed)]
    if not placed.size:
        return Axis(0, 1, log)
    first, last = float(placed.min()), float(placed.max())
    room = (last - first) * margin or (0.1 if log else abs(last) * margin or 1.0)
    return Axis(first - room, last + room, log)
