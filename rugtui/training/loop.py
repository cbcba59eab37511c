"""A run: its state, and the loop that takes it from one result to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rugtui.config import Settings
from rugtui.errors import SettingError
from rugtui.training import heldout, parameters
from rugtui.training.device import resolve
from rugtui.training.heldout import Estimate
from rugtui.training.pace import Pace
from rugtui.training.sgd import Sampled, draw_many
from rugtui.weights.dense import Dense


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked to stop
    """Raised within a step that is given up; the state stays that of the last whole step."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What an interval came to, and what was in force in its last step."""

    step: int
    """Steps done so far."""
    loss: float
    """Mean training loss of the steps since the last result."""
    heldout: float | None
    """Loss on held-out data, where it was measured at this step."""
    heldout_standard_error: float | None
    lr: float
    p: float
    batch: int
    samples: int
    """Samples drawn so far."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a run needs to go on bit for bit."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    """JSON-able."""


class Training:
    """One run: settings, weights, optimizer, generators, step. Equal settings give equal bits."""

    def __init__(self, settings: Settings, *, weights: Dense | None = None) -> None:
        self.settings = settings
        self.device = resolve(settings.device)
        self.step = self.samples = 0
        self._generators = generators(settings.seed, self.device)
        start = weights or self._initial()
        self._parameters = parameters.Parameters(_moved(start, self.device))
        self._method = Sampled(settings, self._parameters, self._generators["data"])
        self._pace = Pace.of(settings)
        self._restart_interval()

    def _initial(self) -> Dense:
        own = self.settings
        return parameters.default(
            own.n_sparse, own.n_dense, generator=self._generators["weights"], dtype=torch.float32
        )

    def _restart_interval(self) -> None:
        self._sum, self._steps = torch.zeros((), device=self.device), 0

    @property
    def done(self) -> bool:
        """Whether all steps are done and reported."""
        return self._at_end and not self._steps

    @property
    def _at_end(self) -> bool:
        return bool(self.settings.steps) and self.step >= self.settings.steps

    @property
    def plan(self) -> str:
        """How a step is computed, in a few words."""
        return str(self._method.plan)

    def advance(self, cancelled: Callable[[], bool] = lambda: False) -> StepResult | None:
        """Goes on to the end of the interval. None where the run is finished or was cancelled;
        a cancelled interval is taken up by the next call as if nothing had been."""

        def pause() -> None:
            if cancelled():
                raise Cancelled

        if self.done:
            return None
        try:
            while not self._interval_ends():
                pause()
                self._take_step(pause)
            estimate = self._look(pause)
        except Cancelled:
            return None
        return self._result(estimate)

    def _interval_ends(self) -> bool:
        return self._steps > 0 and (self.step % self._pace.interval == 0 or self._at_end)

    def _take_step(self, pause: Callable[[], None]) -> None:
        self._sum += self._method.step(self.settings.learning_rate, pause)
        self.step += 1
        self._steps += 1
        self.samples += self.settings.batch

    def _look(self, pause: Callable[[], None]) -> Estimate | None:
        intervals = self.step // self._pace.interval
        if not self._at_end and intervals % self._pace.heldout_intervals:
            return None
        return self.measure(self._pace.heldout_samples, pause)

    def measure(self, samples: int, pause: Callable[[], None] = lambda: None) -> Estimate:
        """The loss on fresh held-out data. Where `pause` raises, no data were used up."""
        generator, own = self._generators["heldout"], self._parameters.weights
        before = generator.get_state()
        try:
            batches = draw_many(self.settings, samples, generator)
            return heldout.measure(Dense(own.W_in, own.W_out, own.b), batches, pause=pause)
        except BaseException:
            generator.set_state(before)
            raise

    def _result(self, estimate: Estimate | None) -> StepResult:
        loss = float(self._sum) / self._steps
        self._restart_interval()
        return StepResult(
            self.step,
            loss,
            estimate and estimate.mean,
            estimate and estimate.standard_error,
            self.settings.learning_rate,
            self.settings.p,
            self.settings.batch,
            self.samples,
        )

    def change(self, settings: Settings) -> None:
        """Takes new settings between two intervals. Raises SettingError for one that restarts."""
        restarts = self.settings.restarts(settings)
        if restarts:
            name = restarts[0]
            was, wanted = getattr(self.settings, name), getattr(settings, name)
            also = f" ({', '.join(restarts)} differ)" if len(restarts) > 1 else ""
            raise SettingError(
                name, f"{was} throughout a run{also}", wanted, "start a new run to change it"
            )
        self.settings = settings
        self._method.change(settings)
        self._pace = Pace.of(settings)

    def weights(self) -> Dense:
        """A copy that training will not touch, on the training device."""
        return self._parameters.copy()

    def state(self) -> State:
        tensors = {"flat": self._parameters.weights.flat.clone(), "sum": self._sum.clone()}
        tensors |= {f"optimizer.{n}": v for n, v in self._method.optimizer.state().items()}
        tensors |= {f"generator.{n}": g.get_state() for n, g in self._generators.items()}
        facts = {"step": self.step, "samples": self.samples, "steps_in_interval": self._steps}
        return State(tensors, facts)

    def restore(self, state: State) -> None:
        self._parameters.weights.flat.copy_(state.tensors["flat"])
        self._sum = state.tensors["sum"].to(self.device).clone()
        self._method.optimizer.restore(_under("optimizer.", state.tensors))
        for name, saved in _under("generator.", state.tensors).items():
            self._generators[name].set_state(saved.cpu())
        self.step, self.samples = state.facts["step"], state.facts["samples"]
        self._steps = state.facts["steps_in_interval"]


def results(
    training: Training, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[StepResult]:
    """Every result until the run is finished or cancelled."""
    while (result := training.advance(cancelled)) is not None:
        yield result


def generators(seed: int, device: torch.device) -> dict[str, torch.Generator]:
    """Independent streams of one seed: weights (always drawn on the CPU), data, held-out data."""
    names = ("weights", "data", "heldout")
    made = {}
    for name, sequence in zip(names, np.random.SeedSequence(seed).spawn(3), strict=True):
        where = torch.device("cpu") if name == "weights" or device.type == "mps" else device
        word = int(sequence.generate_state(1, np.uint64)[0]) >> 1
        made[name] = torch.Generator(device=where).manual_seed(word)
    return made


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _moved(weights: Dense, device: torch.device) -> Dense:
    return Dense(weights.W_in.to(device), weights.W_out.to(device), weights.b.to(device))
