"""How many steps make an interval, and how often held-out data are looked at.

Both follow from the settings alone, never from the clock, so that a run gives the same numbers in
the dashboard, without a screen, and on a slower machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from rugtui.config import Settings

PRODUCTS = 1.4e9
"""Multiplications of one product that an interval may hold: a tenth of a second on two cores."""
STEP_OVERHEAD = 1e7
"""What the small operations of any step cost, in the same unit."""
HELDOUT_STEPS = 100
"""Steps from one look at held-out data to the next, of twice the batch: 1 to 2 % of the time."""
HELDOUT_LEAST = 256


@dataclass(frozen=True, slots=True)
class Pace:
    interval: int
    """Steps."""
    heldout_intervals: int
    heldout_samples: int

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        product = settings.batch * settings.n_sparse * settings.n_dense
        step = product
        if settings.method == "population":
            step = 4 * settings.n_sparse * settings.n_dense**2
        interval = max(1, round(PRODUCTS / (step + STEP_OVERHEAD)))
        samples = max(2 * settings.batch, HELDOUT_LEAST)
        steps = HELDOUT_STEPS * samples / (2 * settings.batch) * product / step
        return cls(interval, max(1, round(steps / interval)), samples)
