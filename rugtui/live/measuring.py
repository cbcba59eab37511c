"""Measures weights, their loss by sampling and their statistics in a thread; gives a verdict."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from rugtui.analysis.statistics import Statistics, statistics
from rugtui.analysis.verdict import caveat, comparable, death, verdict
from rugtui.live.commands import Kind
from rugtui.live.frame import ENOUGH, Reading
from rugtui.models.base import Weights
from rugtui.models.constructions import engineered
from rugtui.models.dense import Dense
from rugtui.runtime.threads import BackgroundWorker, lower_priority, share_beside
from rugtui.settings.settings import Settings
from rugtui.theory.levels import Curves, levels
from rugtui.training.heldout import sample_losses
from rugtui.training.kernels.sparse_rows import SparseRows
from rugtui.training.source import Source, importance

if TYPE_CHECKING:
    from rugtui.live.past import ShownRun

STREAM = 0x5EED
"""Makes sampled data differ from those that training draws with the same seed."""
BATCH, CELLS = 8192, 1 << 22
"""Limits on the samples of a batch, and on their features together: a fraction of a second."""
ROWS = 128
"""Rows of W in a sample for the exact loss."""
UNKNOWN = math.nan, math.nan
"""A loss and its standard error."""


class LossSampler:
    """The mean loss of fixed weights over all batches drawn so far."""

    def __init__(self) -> None:
        self.count = 0
        """Samples so far."""
        self._sum = self._squares = 0.0

    @property
    def settled(self) -> bool:
        """Whether the mean is as precise as the digits that are shown."""
        mean, error = self.loss()
        return error <= ENOUGH * mean

    def sample(self) -> None:
        """Draw one more batch."""
        raise NotImplementedError

    def add(self, losses: Float[torch.Tensor, " batch"]) -> None:
        losses = losses.double()
        self.count += len(losses)
        self._sum += losses.sum().item()
        self._squares += losses.square().sum().item()

    def loss(self) -> tuple[float, float]:
        """Mean loss per feature over all samples so far, and its standard error."""
        if self.count < 2:
            return math.nan, math.nan
        mean = self._sum / self.count
        variance = max(self._squares / self.count - mean**2, 0.0)
        return mean, math.sqrt(variance / (self.count - 1))


class TrainedSampler(LossSampler):
    """Samples the loss of trained weights, or those of a file, on data of its own: training that
    resumes later draws the same data as if nothing had been sampled."""

    def __init__(self, settings: Settings, weights: Dense) -> None:
        super().__init__()
        self.settings, self.weights = settings, weights
        device = weights.b.device
        generator = _generator(device, settings.seed ^ STREAM)
        self._source = Source(generator, device, weights.b.dtype)

    def sample(self) -> None:
        s = self.settings
        x = self._source.draw(s, max(1, min(BATCH, CELLS // s.n_sparse)))
        model: Any = {"activation": s.activation, "k": s.outputs_kept}
        self.add(sample_losses(self.weights, x, importance=importance(s, self.weights.b), **model))


class RugSampler(LossSampler):
    """Builds the rug at a run's (n_sparse, n_dense, p), and samples its loss."""

    def __init__(self, settings: Settings, device: torch.device, construction: str) -> None:
        """Raises WeightsError if the construction does not exist at these sizes, or does not fit
        in memory."""
        super().__init__()
        self.settings, self.device = settings, device
        self.construction = construction
        generator = torch.Generator().manual_seed(settings.seed)
        self.weights: Weights = engineered(
            self.construction,
            settings.n_sparse,
            settings.n_dense,
            settings.p_on,
            generator=generator,
            device=device,
        )
        seed = settings.seed ^ STREAM
        self._source = Source(_generator(device, seed), device, torch.get_default_dtype())
        self._data = settings.replace(data="bernoulli", p=settings.p_on, p_decay=0.0)

    def sample(self) -> None:
        n_sparse = self.settings.n_sparse
        x = self._source.draw(self._data, max(1, min(BATCH, CELLS // n_sparse)))
        x = x.dense() if isinstance(x, SparseRows) else x
        self.add((x - self.weights.forward(x)).square_().mean(1, dtype=torch.float64))


def _generator(device: torch.device, seed: int) -> torch.Generator:
    """A generator for a Source: on a CUDA device, or for other devices on the CPU."""
    return torch.Generator(device if device.type == "cuda" else "cpu").manual_seed(seed)


@dataclass(frozen=True, slots=True)
class Measured:
    """Statistics, and which weights were measured."""

    kind: Kind
    step: int
    when: float
    """When the weights were copied, on the monotonic clock."""
    heldout: tuple[float, float]
    """Held-out loss of the same weights and its standard error; NaN if unknown."""
    statistics: Statistics
    earlier: bool = False
    """Whether they only extend the trend to a step before its first one."""


class StatisticsWorker:
    """Measures weights in a thread of its own, which rests while training needs the cores."""

    def __init__(self, seed: int) -> None:
        self._worker = BackgroundWorker[Measured]("statistics", prepare=lower_priority)
        self._generator = np.random.default_rng(seed)
        self._rest_until, self._warm = 0.0, False

    def is_free(self, *, beside: bool) -> bool:
        """Whether to start now. `beside`: training needs the cores meanwhile."""
        return not self._worker.busy and not (beside and time.monotonic() < self._rest_until)

    def start(
        self,
        kind: Kind,
        weights: Weights,
        p: float,
        *,
        step: int,
        heldout: tuple[float, float] = UNKNOWN,
        earlier: bool = False,
    ) -> None:
        """Measure these weights; the arguments are those of Measured."""
        when, generator = time.monotonic(), self._generator

        def measure() -> Measured:
            found = statistics(weights, p, generator=generator, rows=ROWS)
            return Measured(kind, step, when, heldout, found, earlier)

        self._worker.start(measure)

    def collect(self) -> Measured | None:
        """The next result, once, or None if it is not ready."""
        measured = self._worker.collect()
        if measured and self._warm:  # the first took longer, because of its imports
            self._rest_until = time.monotonic() + self._worker.cost / share_beside()
        self._warm = self._warm or measured is not None
        return measured

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._worker.close()


def verdict_on(
    run: ShownRun, kind: Kind, known: Reading, curves: Curves | None, *, learns: bool
) -> str:
    """What the numbers of these weights mean, in a sentence or two. `learns`: they are changing."""
    settings = run.settings
    lines = levels(settings.ratio, settings.p_on, settings.magnitude)
    loss, error = known.loss, known.standard_error
    measured = known.statistics if settings.law.is_usual else None
    below = curves.structured_at(lines.r, lines.p) if curves else None
    if kind == "rug":  # a ReLU model with a bias, whatever the run's settings are
        return verdict(loss, error, lines, measured, below, rug=True)
    said = ""
    if math.isnan(loss):
        # With a recent loss, this one is known in the next Frame; fixed weights are sampled.
        if learns and run.step and math.isnan(run.history.recent_loss(settings)[0]):
            said = "There is no result at these settings yet."
    elif run.dead < settings.n_sparse and comparable(settings):
        live = known.estimate == "live"
        gaussian = live and settings.method == "population"
        begins = live and not run.done and not run.history.was_below(lines.linear, lines.p)
        said = verdict(loss, error, lines, measured, below, begins=begins, gaussian=gaussian)
    return " ".join(filter(None, (death(run.dead, settings), said, caveat(settings))))
