"""How many steps make an interval, and how often held-out data are looked at.

Both follow from the settings and the kind of device alone, never from the clock, so that a run
gives the same numbers in the dashboard, without a screen, and on a slower machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rugtui.settings.settings import Settings
from rugtui.training import schedule

PRODUCTS = 1.4e9
"""Multiplications of one product that an interval may hold: a tenth of a second on two cores."""
STEP_OVERHEAD = 1e7
"""What the small operations of any step cost, in the same unit."""
CUDA_PRODUCTS, CUDA_OVERHEAD = 2e11, 6e8
"""The same for a GPU, whose host waits for it once an interval. Not measured: by its data sheet a
tenth of a second of dense steps, or 300 steps of the 0.3 ms that launching their kernels takes."""
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
    def of(cls, settings: Settings, *, kind: str = "cpu") -> Pace:
        """For a kind of device: "cpu", "cuda", "mps"."""
        product = settings.batch * settings.n_sparse * settings.n_dense
        step = product
        if settings.method == "population":
            step = 4 * settings.n_sparse * settings.n_dense**2
        cuda = kind == "cuda"
        products, overhead = (CUDA_PRODUCTS, CUDA_OVERHEAD) if cuda else (PRODUCTS, STEP_OVERHEAD)
        interval = max(1, round(products / (step + overhead)))
        if schedule.by_epochs(settings):
            interval = _that_divides(interval, schedule.epoch(settings), settings)
        samples = max(2 * settings.batch, HELDOUT_LEAST)
        steps = HELDOUT_STEPS * samples / (2 * settings.batch) * product / step
        return cls(interval, max(1, round(steps / interval)), samples)


def _that_divides(interval: int, epoch: int, settings: Settings) -> int:
    """An interval, no longer than this, of which epochs and patience are made: the paper's loop
    compares steps between those."""
    whole = math.gcd(epoch, schedule.patience(settings))
    return max(n for n in range(1, min(interval, whole) + 1) if whole % n == 0)
