"""The steps of an interval, those between held-out measurements, and the unit of speed.

They depend only on the settings and the kind of device, not on the clock, so that a run gives the
same numbers in the dashboard, without a screen, and on a slower machine.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass

import torch

from rugtui.settings.settings import Settings
from rugtui.training import schedule

PRODUCTS = 1.4e9
"""An interval is as long as this many multiplications of one product per step: about 0.1 s on two
cores."""
STEP_OVERHEAD = 1e7
"""The cost of the small operations of a step, in the same unit."""
CUDA_PRODUCTS, CUDA_OVERHEAD = 2e11, 6e8
"""The same for a GPU, which the host waits for once per interval. Not measured: from its data
sheet, a tenth of a second of dense steps, or 300 steps of 0.3 ms for launching kernels."""
HELDOUT_STEPS = 100
"""Steps between held-out measurements of twice the batch, which take 1 to 2 % of the time."""
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
            interval = _largest_divisor(interval, schedule.epoch(settings), settings)
        samples = max(2 * settings.batch, HELDOUT_LEAST)
        steps = HELDOUT_STEPS * samples / (2 * settings.batch) * product / step
        return cls(interval, max(1, round(steps / interval)), samples)


def _largest_divisor(interval: int, epoch: int, settings: Settings) -> int:
    """The longest interval, up to this one, that divides epochs and patience, after which the
    paper's loop compares losses."""
    whole = math.gcd(epoch, schedule.patience(settings))
    return max(n for n in range(1, min(interval, whole) + 1) if whole % n == 0)


REPEATS = 7
MAX_PRODUCT, MAX_CUDA_PRODUCT = 1 << 28, 1 << 38
"""Multiplications of the product that is timed. Of a larger product part of the batch is used: it
must not take seconds before the first step, but must fill a GPU."""


def gemm_seconds(
    settings: Settings, device: torch.device, *, dtype: torch.dtype = torch.float32
) -> float:
    """Seconds of one product of batch × n_sparse × n_dense on this machine: the median of a few."""
    cells = settings.n_sparse * settings.n_dense
    most = MAX_CUDA_PRODUCT if device.type == "cuda" else MAX_PRODUCT
    batch = max(1, min(settings.batch, most // cells))
    like = {"device": device, "dtype": dtype}
    z = torch.rand(batch, settings.n_dense, **like)
    W_out = torch.rand(settings.n_sparse, settings.n_dense, **like)
    out = torch.empty(batch, settings.n_sparse, **like)
    times = []
    for _ in range(REPEATS + 1):
        _synchronize(device)
        begun = time.perf_counter()
        torch.mm(z, W_out.T, out=out)
        _synchronize(device)
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * settings.batch / batch


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
