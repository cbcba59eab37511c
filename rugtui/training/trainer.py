"""A run: its state, and the loop that takes it from one result to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from rugtui.errors import SettingError
from rugtui.models.activations import with_parameters
from rugtui.models.dense import Dense
from rugtui.runtime.threads import compute_threads, granted_threads
from rugtui.settings.settings import Settings
from rugtui.training import heldout, initial, methods, schedule
from rugtui.training.device import data_type, precision, resolve
from rugtui.training.failure import Diverged, MemoryBudget, needed_memory
from rugtui.training.heldout import Estimate
from rugtui.training.kernels import plan
from rugtui.training.kernels.gradient import CheckCancelled
from rugtui.training.kernels.pace import Pace
from rugtui.training.schedule import Stopping
from rugtui.training.source import Source, generators, importance
from rugtui.training.state import Parameters, State, StepResult

EXPLODED = 1e3
"""Loss beyond which a run has diverged, relative to the zero-output baseline p/3 or the first
loss."""
ENOUGH_ON, RARE_SAMPLES = 1000, 2048
"""Active features that held-out data need to be compared with the target; and how many samples with
an active feature are drawn if they have fewer."""
FALLBACK_EVERY = 50
"""Steps between two copies of the state to fall back on."""


def never() -> bool:
    return False


class Cancelled(Exception):  # noqa: N818 - not an error: a stop was asked for
    """Raised within a step that is cancelled; the state is that of the last complete step."""


class Trainer:
    """One run: settings, weights, optimizer, generators, step. Equal settings give equal bits."""

    def __init__(
        self, settings: Settings, *, weights: Dense | None = None, screen: bool = False
    ) -> None:
        """`screen`: a dashboard needs memory too."""
        self.settings = settings
        self.device = resolve(settings.device)
        dtype = data_type(settings, self.device)
        self._memory = MemoryBudget(self.device, screen=screen)
        self._memory.require(settings)
        self.step = self.samples = 0
        with self._memory.reported(settings):
            self._generators = generators(settings.seed, self.device)
            start = weights or initial.initial(settings, generator=self._generators["weights"])
            start = with_parameters(start, settings.activation)
            start = start.mapped(lambda part: part.to(self.device, dtype))
            self._parameters = Parameters(start, tied=settings.tied, bias=settings.bias)
            self._training_source, self._heldout_source = (
                Source(self._generators[name], self.device, dtype) for name in ("data", "heldout")
            )
            self._apply(settings, new_method=True)
        self._first_loss: float | None = None
        self._fallback = self.state()

    def _apply(self, settings: Settings, *, new_method: bool) -> None:
        self.settings = settings
        if new_method:
            self._method = methods.build(settings, self._parameters, self._training_source)
        else:
            self._method.change(settings)
        self.threads = plan.threads(settings, granted_threads())
        self._pace = Pace.of(settings, kind=self.device.type)
        self._stopping = Stopping(settings)
        self._clear_interval()

    def _clear_interval(self) -> None:
        self._loss_sum = torch.zeros((), dtype=self._parameters.weights.b.dtype, device=self.device)
        self._interval_steps = 0

    @property
    def done(self) -> bool:
        """Whether the run is over and every result is reported; a change of settings resumes it."""
        return bool(self.ending)

    @property
    def ending(self) -> str:
        """Why the run is over, in a few words; empty while it is not."""
        if self._interval_steps:
            return ""
        return self._stopping.reason or (f"{self.step:,} steps done" if self.at_end else "")

    @property
    def at_end(self) -> bool:
        """Whether the steps of the settings are done."""
        return bool(self.settings.steps) and self.step >= self.settings.steps

    @property
    def dead(self) -> int:
        """Outputs that are 0 for every input."""
        return self._method.dead()

    @property
    def plan(self) -> str:
        """How a step is computed, in a few words."""
        return self._method.plan

    def advance(
        self, cancelled: Callable[[], bool] = never, pause_requested: Callable[[], bool] = never
    ) -> StepResult | None:
        """Train to the end of the interval and return its result.

        Returns None if the run is done, if `cancelled()` between the products of a step, or if
        `pause_requested()` after a step; the next call then completes the interval, with the same
        numbers. Raises Diverged and OutOfMemory; training can continue after both, with other
        settings.
        """

        def check_cancelled() -> None:
            if cancelled():
                raise Cancelled

        if self.done:
            return None
        try:
            with self._computing():
                while not self._interval_ends():
                    check_cancelled()
                    self._take_step(check_cancelled)
                    if pause_requested():
                        return None
                loss = self._method.loss(check_cancelled)
                estimate = self._heldout(check_cancelled)
                judged = self._for_target(estimate, check_cancelled)
        except Cancelled:
            return None
        loss = float(self._loss_sum) / self._interval_steps if loss is None else loss
        return self._result(loss, estimate, judged)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """At the precision and on the threads of the settings. Raises OutOfMemory."""
        on_cpu = self.device.type == "cpu"
        threads = compute_threads(self.threads) if on_cpu else nullcontext()
        memory = self._memory.reported(self.settings)
        with memory, precision(self.settings, self.device), threads:
            yield

    def _interval_ends(self) -> bool:
        return self._interval_steps > 0 and (self.step % self._pace.interval == 0 or self.at_end)

    def _take_step(self, check_cancelled: CheckCancelled) -> None:
        loss = self._method.step(self.step, check_cancelled)
        if self._first_loss is None and math.isfinite(first := float(loss)):
            self._first_loss = first
        self._loss_sum += loss
        if self.settings.method == "sgd":
            self.samples += schedule.batch(self.settings, self.step)
        self.step += 1
        self._interval_steps += 1

    def _heldout(self, check_cancelled: CheckCancelled) -> Estimate | None:
        """The held-out loss, if it is due."""
        intervals = self.step // self._pace.interval
        if not self.at_end and intervals % self._pace.heldout_intervals:
            return None
        return self.measure(self._pace.heldout_samples, check_cancelled)

    def measure(self, samples: int, check_cancelled: CheckCancelled = lambda: None) -> Estimate:
        """The loss on fresh held-out data. If `check_cancelled` raises, no data were used up."""
        own, settings = self._parameters.weights, self.settings
        with self._computing(), self._heldout_source.restored_on_error():
            return heldout.measure(
                own.dense(),
                self._heldout_source.draw_many(settings, samples),
                activation=settings.activation,
                k=settings.outputs_kept,
                importance=importance(settings, own.b),
                check_cancelled=check_cancelled,
            )

    def _for_target(
        self, estimate: Estimate | None, check_cancelled: CheckCancelled
    ) -> Estimate | None:
        """The held-out loss that is compared with the target, if there are both: of samples with
        active features alone if too few of them are active otherwise."""
        settings = self.settings
        if estimate is None or settings.until_within is None or settings.method != "sgd":
            return None
        on = self._pace.heldout_samples * settings.n_sparse * settings.p_on
        if on >= ENOUGH_ON:
            return estimate
        # Its own random stream: a target does not change the training and held-out data.
        word = int(np.random.SeedSequence((settings.seed, self.step)).generate_state(1)[0])
        return heldout.measure_rare(
            self._parameters.weights.dense(),
            settings.p_on,
            samples=RARE_SAMPLES,
            batch=settings.batch,
            generator=torch.Generator().manual_seed(word),
            check_cancelled=check_cancelled,
        )

    def _result(
        self, loss: float, estimate: Estimate | None, judged: Estimate | None
    ) -> StepResult:
        # a ReLU may turn NaN into 0, and the loss is then the zero-output baseline
        sound = bool(torch.isfinite(self._parameters.weights.flat.sum()))
        self._require_sound(loss if sound else math.nan)
        steps = self._interval_steps
        self._clear_interval()
        result = StepResult(
            step=self.step,
            loss=loss,
            heldout=estimate.mean if estimate else None,
            heldout_standard_error=estimate.standard_error if estimate else None,
            lr=self._method.lr,
            p=self.settings.p_on,
            batch=self.settings.batch,
            samples=self.samples,
            method=self.settings.method,
            dead=self._method.dead(),
        )
        self._stopping.note(result, steps, judged)
        if self.step % max(FALLBACK_EVERY, self._pace.interval) < self._pace.interval:
            self._keep_fallback()
        return result

    def _require_sound(self, loss: float) -> None:
        """Raises Diverged after returning to the last state known to be finite."""
        scale = max(self.settings.p_on / 3, self._first_loss or 0.0)
        if math.isfinite(loss) and loss <= EXPLODED * scale:
            return
        step = self.step
        self.restore(self._fallback)
        lower = min(self.settings.learning_rate / 4, self.settings.usual_rate)
        suggestion = f"lower the learning rate, for example lr {lower:.2g}"
        if self.settings.method == "population":  # which adapts its own learning rate
            suggestion = "start from other weights, or train on samples (method sgd)"
        raise Diverged(step, loss, self.step, suggestion)

    def _keep_fallback(self) -> None:
        with self._memory.reported(self.settings):
            if bool(torch.isfinite(self._parameters.weights.flat).all()):
                self._fallback = self.state()

    def change(self, settings: Settings) -> None:
        """Change settings between two intervals. Raises SettingError for one that needs a new run,
        and OutOfMemory for a batch that does not fit; the run is unchanged after both."""
        restarts = self.settings.restarts(settings)
        if restarts:
            name = restarts[0]
            was, wanted = getattr(self.settings, name), getattr(settings, name)
            also = f" ({', '.join(restarts)} differ)" if len(restarts) > 1 else ""
            raise SettingError(
                name, f"{was} throughout a run{also}", wanted, "start a new run to change it"
            )
        if needed_memory(settings) > needed_memory(self.settings):
            self._memory.require(settings)
        self._apply(settings, new_method=settings.method != self.settings.method)
        self._keep_fallback()

    def renew(self) -> dict[str, Any]:
        """Continue a run that is over. Returns the changes of settings for this: after the last
        step, as many steps again; after the target was met, no target. After patience ended it,
        patience starts again and no setting changes."""
        changes: dict[str, Any] = {}
        if self.at_end:
            changes["steps"] = self.step + self.settings.steps
        if self._stopping.met:
            changes["until_within"] = None
        self._stopping = Stopping(self.settings)
        return changes

    def weights(self) -> Dense:
        """A copy that training will not touch, on the training device."""
        return self._parameters.copy()

    def halved(self) -> Dense:
        """A copy in half precision on the CPU."""
        return self._parameters.weights.dense().halved()

    def state(self) -> State:
        """A copy of everything that the run needs to continue."""
        tensors, facts = self._method.state()
        tensors = {f"method.{name}": tensor for name, tensor in tensors.items()}
        tensors |= {f"generator.{n}": g.get_state() for n, g in self._generators.items()}
        tensors |= {"weights": self._parameters.weights.flat.clone(), "sum": self._loss_sum.clone()}
        facts = {
            "step": self.step,
            "samples": self.samples,
            "steps_in_interval": self._interval_steps,
            "threads": self.threads,
            "first_loss": self._first_loss,
            "method": facts,
            "stopping": self._stopping.state(),
        }
        return State(tensors, facts)

    def restore(self, state: State) -> None:
        """Restore `state`, which must be of a run with these settings."""
        tensors, facts = state.tensors, state.facts
        self._parameters.weights.flat.copy_(tensors["weights"])
        self._apply(self.settings, new_method=True)
        self._method.restore(_under("method.", tensors), facts["method"])
        self._stopping.restore(facts["stopping"])
        for name, saved in _under("generator.", tensors).items():
            self._generators[name].set_state(saved.cpu())
        self._loss_sum.copy_(tensors["sum"])
        self.step, self.samples = facts["step"], facts["samples"]
        self._interval_steps, self._first_loss = facts["steps_in_interval"], facts["first_loss"]
        self._fallback = state


def results(training: Trainer, cancelled: Callable[[], bool] = never) -> Iterator[StepResult]:
    """Every result until the run is done or cancelled."""
    while (result := training.advance(cancelled)) is not None:
        yield result


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
