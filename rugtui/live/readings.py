"""Measures the weights of one run, trained and rug: losses, statistics, a verdict."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from rugtui.analysis.statistics import Statistics, statistics
from rugtui.analysis.verdict import caveat, comparable, death, verdict
from rugtui.errors import RugtuiError, UsageError, WeightsError
from rugtui.live.background import BackgroundWorker
from rugtui.live.commands import Kind, Look
from rugtui.live.frame import Estimate, Frame, Picture, Reading
from rugtui.live.history import History, HistoryView
from rugtui.live.loss_sampler import RugSampler, TrainedSampler
from rugtui.live.picture_maker import PictureMaker
from rugtui.models.base import Weights
from rugtui.models.constructions import CONSTRUCTIONS, checked_name, default_construction
from rugtui.models.dense import Dense
from rugtui.runtime.threads import lower_priority, share_beside
from rugtui.settings.settings import Settings
from rugtui.theory.levels import Curves, curves, levels
from rugtui.training.kernels.pace import gemm_seconds
from rugtui.training.state import StepResult

ROWS = 128
"""Rows of W in a sample for the exact loss."""
GOOD = 0.01
"""A held-out loss with at most this relative standard error is shown instead of sampling."""
EARLIER = 16
"""Kept steps that are measured for the trend of a run that was opened."""
TREND = 64
"""Statistics kept for the trend; at twice as many every second one is dropped."""
PACE_SECONDS = 3.0
"""Steps per second are averaged over about this time."""


class ShownRun(Protocol):
    """A run as the panes show it, trained here or by another process."""

    @property
    def settings(self) -> Settings: ...
    @property
    def step(self) -> int: ...
    @property
    def seconds(self) -> float:
        """Of training."""
        ...

    @property
    def done(self) -> bool: ...
    @property
    def dead(self) -> int:
        """Outputs that were 0 for every sample, as of the last result."""
        ...

    @property
    def waits(self) -> bool:
        """Whether it is opened for viewing."""
        ...

    @property
    def device(self) -> str:
        """Where its weights are."""
        ...

    @property
    def plan(self) -> str:
        """How a step is computed, in a word or two."""
        ...

    @property
    def history(self) -> History: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def files(self) -> Path | None:
        """Its folder, though it be only viewed."""
        ...

    @property
    def source(self) -> str:
        """What was opened, in a word or two, while it is viewed."""
        ...

    def weights(self) -> Dense:
        """A copy that training does not change."""
        ...

    @property
    def kept_steps(self) -> tuple[int, ...]:
        """Earlier steps whose weights can be had, ascending."""
        ...

    def kept_weights(self, step: int) -> Dense:
        """Of one of these, in half precision on the CPU. Raises OSError, DamagedError, RunError."""
        ...


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
    """Whether they are only for the trend, from before it began."""


class Readings:
    """The measurements of one run, for the worker thread only.

    Statistics and the curves of theory are computed in threads of their own. Measurements belong to
    one p: `settings_changed` discards them when p changes.
    """

    def __init__(self, run: ShownRun, *, watched: bool = False, construction: str = "") -> None:
        """`watched`: another process trains the run. `construction`: of the rug, if not the
        default."""
        self.run, self._watched = run, watched
        settings = run.settings
        self.known: dict[Kind, Reading] = {"trained": Reading()}
        device = torch.device(run.device)
        self._gemm_seconds = math.nan if watched else gemm_seconds(settings, device)
        self.pictures = PictureMaker()
        self.construction = default_construction(settings.n_sparse)
        if construction:
            with suppress(UsageError):  # a name of another version
                self.construction = checked_name(construction)
        self._rug: RugSampler | None = None
        self._sampler: TrainedSampler | None = None
        """For trained weights that do not change, if no other loss of theirs is known."""
        self._earlier: list[int] | None = None
        """Kept steps before the trend that are still to be measured; None if not yet known."""
        self._p = settings.p_on
        self._worker = BackgroundWorker[Measured]("statistics", prepare=lower_priority)
        self._generator = np.random.default_rng(settings.seed)
        self._rest_until, self._warm = 0.0, False
        self._curve_worker = BackgroundWorker[Curves]("curves", prepare=lower_priority)
        self._curves: Curves | None = None
        self._analysed: set[Kind] = set()
        self._read: Kind = "trained"
        self._asked_of, self._asked_at = self.construction, 0
        self._pace = 0.0, 0.0
        """Recent steps and seconds."""

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._worker.close()
        self._curve_worker.close()

    def settings_changed(self) -> None:
        """Discard measurements at another p."""
        self._sampler = None
        if self.run.settings.p_on != self._p:
            self._p, self._rug = self.run.settings.p_on, None
            self._analysed.clear()
            self._earlier, self.known = None, {"trained": Reading()}

    def trained(self, result: StepResult | None, steps: int, seconds: float) -> None:
        """Take note of so many steps in so many seconds, and of their result, if there is one."""
        self._keep_pace(steps, seconds)
        self._sampler = None
        # The exact loss is compared only with a held-out loss of exactly the same weights. A rug
        # shown beside trained weights does not delay their statistics.
        rug_waits = self._read == "rug" and "rug" not in self._analysed
        measured = result is not None and result.heldout is not None
        if measured and self._is_free(beside=True) and not rug_waits:
            self._ask("trained")

    def follow(self, run: ShownRun) -> None:
        """Show another save of the same run."""
        steps, seconds = run.step - self.run.step, run.seconds - self.run.seconds
        self.run = run
        if steps > 0:
            self._keep_pace(steps, seconds)
        self.settings_changed()

    def weights(self, kind: Kind) -> Weights:
        return self.rug().weights if kind == "rug" else self.run.weights()

    def rug(self) -> RugSampler:
        """The rug of these settings, built on first use. Raises WeightsError."""
        if self._rug is None:
            self._rug = self._built(self.construction)
        return self._rug

    def next_construction(self) -> list[str]:
        """Go to the next construction that exists at these settings; returns why others do not."""
        names, passed = CONSTRUCTIONS, []
        here = names.index(self.construction) if self.construction in names else -1
        for name in names[here + 1 :] + names[: max(here, 0)]:
            try:
                rug = self._built(name)
            except WeightsError as error:
                passed.append(str(error))
                continue
            self._rug, self.construction = rug, name
            self.known.pop("rug", None)
            self._analysed.discard("rug")
            break
        return passed

    def _built(self, name: str) -> RugSampler:
        return RugSampler(self.run.settings, torch.device(self.run.device), name)

    def picture(self, kind: Kind, look: Look) -> Picture:
        """The picture for the W pane, no finer than W itself."""
        kinds: tuple[Kind, ...] = ("trained", "rug") if look.beside else (kind,)
        n_sparse = self.run.settings.n_sparse
        window = self.pictures.window(look, n_sparse)
        panels = tuple(self.pictures.panel(one, self.weights(one), look) for one in kinds)
        return Picture(self.run.step, window, n_sparse, panels)

    def sample(self, kind: Kind) -> None:
        """Draw one more batch for the loss of weights that do not change, if needed."""
        sampler = self.rug() if kind == "rug" else self._sampler
        if sampler is not None and not sampler.settled:
            sampler.sample()

    def settled(self, kind: Kind) -> bool:
        """Whether more samples would not make the loss of these weights more precise."""
        sampler = self._rug if kind == "rug" else self._sampler
        return sampler is None or sampler.settled

    def read(self, kind: Kind, *, learning: bool) -> None:
        """Bring the measurements up to date; `learning`: trained weights are changing.

        Statistics are computed at once for a kind of weights that has none, and again for trained
        weights that have changed, once training is over or if it happens in another process.
        """
        self._read = kind
        if measured := self._worker.collect():
            if self._warm:  # the first took longer, because of its imports
                self._rest_until = time.monotonic() + self._worker.cost / share_beside()
            self._warm = True
            self._note(measured)
        new, moved = kind not in self._analysed, self._asked_at != self.run.step
        changed = kind == "trained" and moved and (self._watched or not learning)
        if (new or changed) and self._is_free(beside=learning and not new):
            self._ask(kind)
        if kind == "trained" and not learning and self._is_free(beside=False):
            self._ask_earlier()
        self._bring_curves()
        loss, error, estimate = self._loss_now(learning=learning)
        newest = self.run.history.view().last("step") if learning else self.run.step
        at = 0 if math.isnan(newest) else int(newest)
        self._set("trained", loss=loss, standard_error=error, estimate=estimate, loss_at=at)
        if self._rug is not None:
            loss, error = self._rug.loss()
            self._set("rug", loss=loss, standard_error=error, estimate="sampled")

    def _loss_now(self, *, learning: bool) -> tuple[float, float, Estimate]:
        """The loss of trained weights, its standard error, and where the loss comes from.

        While weights change, it is estimated from recent training losses. Fixed weights have the
        held-out loss of their step, or are sampled if that is missing or imprecise.
        """
        run = self.run
        if learning:
            return *run.history.recent_loss(run.settings), "live"
        held = run.history.view().heldout_of(run.step, run.settings.p_on)
        if held[1] <= GOOD * held[0]:
            self._sampler = None
            return *held, "held out"
        if self._sampler is None and (run.step or run.waits):
            self._sampler = TrainedSampler(run.settings, run.weights())
        return (
            (math.nan, math.nan, "live")
            if self._sampler is None
            else (*self._sampler.loss(), "sampled")
        )

    def _is_free(self, *, beside: bool) -> bool:
        """Whether statistics may be computed now. `beside`: training needs the cores."""
        return not self._worker.busy and not (beside and time.monotonic() < self._rest_until)

    def _ask(self, kind: Kind) -> None:
        """Compute statistics of the current weights in the background."""
        step, p, heldout = self.run.step, self.run.settings.p_on, (math.nan, math.nan)
        if kind == "rug":
            self._asked_of = self.construction
        else:
            self._asked_at, heldout = step, self.run.history.view().heldout_of(step, p)
        weights, when = self.weights(kind), time.monotonic()

        def measure() -> Measured:
            found = statistics(weights, p, generator=self._generator, rows=ROWS)
            return Measured(kind, step, when, heldout, found)

        self._worker.start(measure)

    def _ask_earlier(self) -> None:
        """Measure a kept step from before the trend: a run that was opened has no other past."""
        known = self.known["trained"]
        if not known.trend_at:
            return
        if self._earlier is None:
            view = self.run.history.view()
            other = view.column("step")[np.abs(view.column("p") - self._p) > 0]
            since = other.max(initial=-1)  # another p has statistics of its own
            steps = [step for step in self.run.kept_steps if since < step < known.trend_at[0]]
            chosen = np.unique(np.linspace(0, len(steps) - 1, EARLIER).astype(int))
            self._earlier = [steps[place] for place in chosen] if steps else []
        if not self._earlier:
            return
        step = self._earlier.pop()
        try:
            weights = self.run.kept_weights(step)
        except (OSError, RugtuiError):  # thinned or deleted since: the trend does without it
            return
        p, generator = self.run.settings.p_on, self._generator

        def measure() -> Measured:
            found = statistics(weights, p, generator=generator, rows=ROWS)
            return Measured("trained", step, 0.0, (math.nan, math.nan), found, earlier=True)

        self._worker.start(measure)

    def _note(self, new: Measured) -> None:
        if new.statistics.p != self._p:
            return
        if new.earlier:
            old = self.known["trained"]
            trend, trend_at = (new.statistics, *old.trend), (new.step, *old.trend_at)
            self._set("trained", trend=trend, trend_at=trend_at)
            return
        if new.kind == "rug" and self._asked_of != self.construction:
            return
        self._analysed.add(new.kind)
        old = self.known.get(new.kind, Reading())
        trend, trend_at = (*old.trend, new.statistics), (*old.trend_at, new.step)
        kept = slice(None) if len(trend) < 2 * TREND else slice(1, None, 2)  # keeps the newest
        self._set(
            new.kind,
            statistics=new.statistics,
            heldout=new.heldout[0],
            heldout_standard_error=new.heldout[1],
            measured_at=new.step,
            measured_when=new.when,
            trend=trend[kept],
            trend_at=trend_at[kept],
        )

    def _set(self, kind: Kind, **changes: object) -> None:
        old = self.known.get(kind, Reading())
        self.known[kind] = dataclasses.replace(old, **changes)

    def _bring_curves(self) -> None:
        """Compute the curves through the run's (r, p), keeping the previous ones meanwhile."""
        made = self._curves = self._curve_worker.collect() or self._curves
        if self._curve_worker.busy:
            return
        settings = self.run.settings
        here = settings.ratio, settings.p_on, settings.magnitude
        if made is None or (made.r, made.p, made.magnitude) != here:
            self._curve_worker.start(functools.partial(curves, *here))

    def describe(self, frame: Frame, picture: Picture | None) -> Frame:
        """The frame with the measurements of this run."""
        run, pace = self.run, self.steps_per_second if frame.learns else math.nan
        return dataclasses.replace(
            frame,
            run=str(run.folder or ""),
            files=str(run.files or ""),
            settings=run.settings,
            source=run.source,
            device=run.device,
            plan=run.plan,
            step=run.step,
            seconds=run.seconds,
            steps_per_second=pace,
            gemms_per_step=1 / (pace * self._gemm_seconds),
            history=run.history.view(),
            levels=levels(run.settings.ratio, run.settings.p_on, run.settings.magnitude),
            past_optima=past_optima(run.history.view(), run.settings),
            curves=self._curves,
            kept_steps=run.kept_steps,
            construction=self._rug.construction if self._rug else "",
            trained=self._aged("trained"),
            rug=self._aged("rug") if self._rug else None,
            picture=picture,
            verdict=self._verdict(frame.shown, frame.learns),
        )

    def facts(self, kind: Kind) -> dict[str, Any]:
        """The measurements that a snapshot of these weights contains."""
        reading = self.known.get(kind, Reading())
        measured = {} if reading.statistics is None else reading.statistics.numbers()
        return {
            "frame": self.construction if kind == "rug" else "",
            "loss": reading.loss,
            "loss_standard_error": reading.standard_error,
            "statistics": {"step": reading.measured_at, **measured},
        }

    @property
    def known_curves(self) -> Curves | None:
        return self._curves

    @property
    def steps_per_second(self) -> float:
        """NaN before the first step."""
        steps, seconds = self._pace
        return steps / seconds if steps and seconds else math.nan

    def _keep_pace(self, steps: int, seconds: float) -> None:
        old_steps, old_seconds = self._pace
        keep = 0.5 if old_seconds > PACE_SECONDS else 1.0
        self._pace = old_steps * keep + steps, old_seconds * keep + seconds

    def _aged(self, kind: Kind) -> Reading:
        """The reading with the age of its statistics, which is 0 for those of the current
        weights."""
        reading = self.known.get(kind, Reading())
        current = kind == "rug" or reading.measured_at == self.run.step
        age = 0.0 if current else time.monotonic() - reading.measured_when
        return dataclasses.replace(reading, age=age)

    def _verdict(self, kind: Kind, learns: bool) -> str:
        run, known = self.run, self.known.get(kind, Reading())
        lines = levels(run.settings.ratio, run.settings.p_on, run.settings.magnitude)
        loss, error = known.loss, known.standard_error
        measured = known.statistics if run.settings.law.is_usual else None
        below = self._curves.structured_at(lines.r, lines.p) if self._curves else None
        if kind == "rug":  # a ReLU model with a bias, whatever the run's settings are
            return verdict(loss, error, lines, measured, below, rug=True)
        dead, said = death(run.dead, run.settings), ""
        if math.isnan(loss):
            said = self._why_unknown(learns)
        elif run.dead < run.settings.n_sparse and comparable(run.settings):
            live = known.estimate == "live"
            gaussian = live and run.settings.method == "population"
            was_below = run.history.was_below(lines.linear, lines.p)
            begins = live and not run.done and not was_below
            said = verdict(loss, error, lines, measured, below, begins=begins, gaussian=gaussian)
        return " ".join(filter(None, (dead, said, caveat(run.settings))))

    def _why_unknown(self, learns: bool) -> str:
        """Why there is no live loss; empty if one follows soon, for a resumed run with the next
        Frame, for fixed weights by sampling."""
        recent, _ = self.run.history.recent_loss(self.run.settings)
        if not learns or not math.isnan(recent):
            return ""
        return "There is no result at these settings yet." if self.run.step else ""


def past_optima(history: HistoryView, settings: Settings) -> tuple[tuple[float, float], ...]:
    """(p, L*) for each p at which the results of a run were trained."""
    if not len(history):
        return ()
    at = history.column("p")[np.append(history.breaks, len(history)) - 1]
    known = dict.fromkeys(at[np.isfinite(at)].tolist())
    r, magnitude = settings.ratio, settings.magnitude
    return tuple((p, levels(r, p, magnitude).loss) for p in known if p)
