"""Values of W as colour levels, on a scale that does not flicker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int8

from rugtui.models.base import Window, on_diagonal
from rugtui.storage.heatmap import scale_of
from rugtui.tui.charts.palette import DIAGONAL, HALF_LEVELS

Scaling = Literal["quantile", "fixed", "log"]
SCALINGS: tuple[Scaling, ...] = ("quantile", "fixed", "log")
BAND = 1.25
"""The scale changes only if its end would change by more than this factor."""
PER_DECADE = 3.0
"""Levels in a factor of ten on the logarithmic scale: eight span 2.7 decades."""
STAY = 0.7
"""A pixel keeps its level until its value is this many levels away, instead of half a level."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the colours end, and how they are spaced."""

    scaling: Scaling
    top: float

    def steps(self, pixels: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """Values as levels −HALF_LEVELS … HALF_LEVELS, not rounded; NaN becomes 0."""
        share = np.nan_to_num(pixels, nan=0.0, posinf=np.inf, neginf=-np.inf) / self.top
        if self.scaling == "log":
            with np.errstate(divide="ignore"):
                steps = HALF_LEVELS + PER_DECADE * np.log10(np.abs(share))
            share = np.sign(share) * np.maximum(steps, 0.0) / HALF_LEVELS
        return np.clip(share, -1.0, 1.0) * HALF_LEVELS

    def least(self) -> float:
        """The smallest |value| that has a colour."""
        if self.scaling == "log":
            return self.top * 10 ** ((0.5 - HALF_LEVELS) / PER_DECADE)
        return 0.5 * self.top / HALF_LEVELS


def rescaled(
    old: Scale | None, scaling: Scaling, panels: Sequence[np.ndarray], window: Window
) -> Scale:
    """The scale for these pictures of a window of W: the old one, as long as it is suitable.
    Its end is an off-diagonal quantile of |pixels|, for log the largest, for fixed the old one."""
    if old is not None and scaling == "fixed":
        return Scale("fixed", old.top)
    wanted = largest(panels) if scaling == "log" else off_diagonal_scale(panels, window)
    keeps = old is not None and old.scaling == scaling and _near(old.top, wanted)
    return old if keeps and old is not None else Scale(scaling, wanted)


def _near(old: float, new: float) -> bool:
    return old / BAND <= new <= old * BAND


def off_diagonal_scale(panels: Sequence[np.ndarray], window: Window) -> float:
    """A quantile of |pixels| off the diagonal of W, over all panels; the largest |pixel| if
    there are none or all are zero."""
    off = [pixels[~on_diagonal(window, *pixels.shape)] for pixels in panels]
    return scale_of(np.concatenate(off)) or largest(panels)


def largest(panels: Sequence[np.ndarray]) -> float:
    """The largest finite |pixel|; 1 if all are zero."""
    sizes = np.abs(np.concatenate([pixels.ravel() for pixels in panels]))
    sizes = sizes[np.isfinite(sizes)]
    return float(sizes.max()) if sizes.size and sizes.max() > 0 else 1.0


def settled(
    steps: Float[np.ndarray, "h w"], before: Int8[np.ndarray, "h w"] | None
) -> Int8[np.ndarray, "h w"]:
    """The level of every pixel: its previous one, unless its value is more than STAY away."""
    levels = np.rint(steps).astype(np.int8)
    if before is None or before.shape != steps.shape:
        return levels
    return np.where(np.abs(steps - before) <= STAY, before, levels)


def marked(
    levels: Int8[np.ndarray, "h w"], pixels: Float[np.ndarray, "h w"], scale: Scale, window: Window
) -> Int8[np.ndarray, "h w"]:
    """The levels, with DIAGONAL where the diagonal of W is beyond the scale."""
    beyond = on_diagonal(window, *levels.shape) & (pixels > scale.top)
    return np.where(beyond, np.int8(DIAGONAL), levels)


def still(pixels: Float[np.ndarray, "h w"], window: Window) -> Int8[np.ndarray, "h w"]:
    """The levels of a single picture, with the diagonal marked."""
    scale = rescaled(None, "quantile", [pixels], window)
    return marked(settled(scale.steps(pixels), None), pixels, scale, window)


def bias_scale(biases: Sequence[np.ndarray]) -> float:
    """The largest |bias|, rounded up to a step of 1, 2 or 5: it seldom changes."""
    top = largest([one[:, None] for one in biases])
    size = 10.0 ** math.floor(math.log10(top))
    return next(size * f for f in (1, 2, 5, 10) if size * f >= top * (1 - 1e-9))
