"""What the screen knows of a run that is not the live one: plain numbers and a curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from rugtui.config import Settings

if TYPE_CHECKING:
    from rugtui.runs.listing import State


@dataclass(frozen=True, slots=True, eq=False)
class OtherRun:
    """A run that is looked at and not trained here."""

    key: str
    """Its directory, or what stands for one that could not be made."""
    letter: str
    name: str
    state: State
    settings: Settings
    step: int
    loss: float
    """Last held-out loss per feature, or where there is none the mean of the last results."""
    standard_error: float
    optimum: float
    """L* at its last (r, p)."""
    curve: Float[np.ndarray, "2 points"]
    """Steps and smoothed losses, NaN in a gap."""

    def at(self, step: float) -> float:
        """The smoothed loss at a step, NaN before the first and after the last."""
        steps, losses = self.curve
        if not steps.size or not steps[0] <= step <= steps[-1]:
            return float("nan")
        return float(np.interp(step, steps, losses))
