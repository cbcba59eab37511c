"""The measurements of one run's weights, trained and rug: losses, statistics, a verdict."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rugtui.errors import RugtuiError, UsageError, WeightsError
from rugtui.live.commands import Kind, Look
from rugtui.live.frame import Estimate, Frame, Picture, Reading
from rugtui.live.history import HistoryView
from rugtui.live.measuring import (
    UNKNOWN,
    Measured,
    RugSampler,
    StatisticsWorker,
    TrainedSampler,
    verdict_on,
)
from rugtui.live.picture_maker import PictureMaker
from rugtui.models.base import Weights
from rugtui.models.constructions import CONSTRUCTIONS, checked_name, default_construction
from rugtui.runtime.threads import BackgroundWorker, lower_priority
from rugtui.settings.settings import Settings
from rugtui.theory.levels import Curves, curves, levels
from rugtui.training.state import StepResult

if TYPE_CHECKING:
    from rugtui.live.past import ShownRun

GOOD = 0.01
"""A held-out loss with at most this relative standard error is shown, and sampling not needed."""
EARLIER = 16
"""Kept steps that are measured for the trend of a run that was opened."""
TREND = 64
"""Statistics kept for the trend; at twice as many every second one is dropped."""
PACE_SECONDS = 3.0
"""Steps per second are averaged over about this time."""


class Readings:
    """The measurements of one run, for the worker thread only.

    Statistics and the curves of theory are computed in threads of their own. Measurements belong to
    one p: `settings_changed` discards them when p changes.
    """

    def __init__(
        self,
        run: ShownRun,
        *,
        watched: bool = False,
        construction: str = "",
        live: Readings | None = None,
    ) -> None:
        """`watched`: another process trains the run. `construction`: of the rug, if not the
        default. `live`: for a run at a kept step, the readings of the run as it is now, with which
        these share rug, curves and ordering."""
        self.run, self._watched, self._live = run, watched, live
        settings = run.settings
        self.known: dict[Kind, Reading] = {"trained": Reading()}
        self.pictures = live.pictures if live else PictureMaker()
        self.construction = default_construction(settings.n_sparse)
        if construction:
            with suppress(UsageError):  # a name of another version
                self.construction = checked_name(construction)
        self._rug: RugSampler | None = None
        self._sampler: TrainedSampler | None = None
        """For trained weights that do not change, if no other loss of theirs is known."""
        self._earlier: list[int] | None = None
        """Kept steps before the trend, still to be measured; None until they are listed."""
        self._p = settings.p_on
        self._statistics = StatisticsWorker(settings.seed)
        self._curve_worker = BackgroundWorker[Curves]("curves", prepare=lower_priority)
        self.curves: Curves | None = None
        self._analysed: set[Kind] = set()
        self._shown_kind: Kind = "trained"
        self._requested_construction, self._requested_step = self.construction, 0
        self._pace = 0.0, 0.0
        """Recent steps and seconds."""

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._statistics.close()
        self._curve_worker.close()

    def settings_changed(self) -> None:
        """Discard measurements at another p."""
        self._sampler = None
        if self.run.settings.p_on != self._p:
            self._p, self._rug = self.run.settings.p_on, None
            self._analysed.clear()
            self._earlier, self.known = None, {"trained": Reading()}

    def trained(self, result: StepResult | None, steps: int, seconds: float) -> None:
        """Note that `steps` took `seconds`, with this result if the interval is complete."""
        self._note_pace(steps, seconds)
        self._sampler = None
        # The exact loss is compared only with a held-out loss of exactly the same weights. A rug
        # shown beside trained weights does not delay their statistics.
        rug_waits = self._shown_kind == "rug" and "rug" not in self._analysed
        measured = result is not None and result.heldout is not None
        if measured and self._statistics.is_free(beside=True) and not rug_waits:
            self._measure("trained")

    def follow(self, run: ShownRun) -> None:
        """Show the same run as it is now."""
        steps, seconds = run.step - self.run.step, run.seconds - self.run.seconds
        self.run = run
        if steps > 0:
            self._note_pace(steps, seconds)
        self.settings_changed()

    def weights(self, kind: Kind) -> Weights:
        return self.rug().weights if kind == "rug" else self.run.weights()

    def rug(self) -> RugSampler:
        """The rug of these settings, built on first use. Raises WeightsError."""
        if self._live:
            return self._live.rug()
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
        return self.pictures.picture({one: self.weights(one) for one in kinds}, look, self.run.step)

    def sample(self, kind: Kind) -> None:
        """Draw one more batch for the loss of weights that do not change, if needed."""
        sampler = self.rug() if kind == "rug" else self._sampler
        if sampler is not None and not sampler.settled:
            sampler.sample()

    def settled(self, kind: Kind) -> bool:
        """Whether more samples would not make the loss of these weights more precise."""
        sampler = self._rug if kind == "rug" else self._sampler
        return sampler is None or sampler.settled

    def read(self, kind: Kind, *, learning: bool) -> Measured | None:
        """Bring the measurements up to date; `learning`: trained weights are changing. Returns
        statistics that have been computed since the last call.

        Statistics are computed at once for a kind of weights that has none, and again for trained
        weights that have changed, once training is over or if it happens in another process.
        """
        self._shown_kind = kind
        if measured := self._statistics.collect():
            self.note(measured)
        new, moved = kind not in self._analysed, self._requested_step != self.run.step
        changed = kind == "trained" and moved and (self._watched or not learning)
        if (new or changed) and self._statistics.is_free(beside=learning and not new):
            self._measure(kind)
        if kind == "trained" and not learning and self._statistics.is_free(beside=False):
            self._measure_earlier()
        self._update_curves()
        loss, error, estimate = self._loss_now(learning=learning)
        newest = self.run.history.view().last("step") if learning else self.run.step
        at = 0 if math.isnan(newest) else int(newest)
        self._set("trained", loss=loss, standard_error=error, estimate=estimate, loss_at=at)
        if self._rug is not None:
            loss, error = self._rug.loss()
            self._set("rug", loss=loss, standard_error=error, estimate="sampled")
        return measured

    def _loss_now(self, *, learning: bool) -> tuple[float, float, Estimate]:
        """The loss of trained weights, its standard error, and where the loss comes from.

        While weights change, it is estimated from recent training losses. Fixed weights have the
        held-out loss of their step, or are sampled if that is missing or imprecise. Until there is
        a sample of a kept step, its loss is that of training then.
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
        sampled = self._sampler.loss() if self._sampler else UNKNOWN
        if self._live and math.isnan(sampled[0]):
            return *run.history.recent_loss(run.settings), "then"
        return *sampled, "sampled" if self._sampler else "live"

    def _measure(self, kind: Kind) -> None:
        """Compute statistics of the current weights in the background."""
        step, p, heldout = self.run.step, self.run.settings.p_on, UNKNOWN
        if kind == "rug":
            self._requested_construction = self.construction
        else:
            self._requested_step, heldout = step, self.run.history.view().heldout_of(step, p)
        self._statistics.start(kind, self.weights(kind), p, step=step, heldout=heldout)

    def _measure_earlier(self) -> None:
        """Measure a kept step before the trend, which is all there is of an opened run's past."""
        known = self.known["trained"]
        if not known.trend_at:
            return
        if self._earlier is None:
            view = self.run.history.view()
            other = view.column("step")[np.abs(view.column("p") - self._p) > 0]
            since = other.max(initial=-1)  # statistics belong to one p
            steps = [step for step in self.run.kept_steps if since < step < known.trend_at[0]]
            chosen = np.unique(np.linspace(0, len(steps) - 1, EARLIER).astype(int))
            self._earlier = [steps[index] for index in chosen] if steps else []
        if not self._earlier:
            return
        step = self._earlier.pop()
        try:
            weights = self.run.kept_weights(step)
        except (OSError, RugtuiError):  # thinned or deleted since: the trend does without it
            return
        p = self.run.settings.p_on
        self._statistics.start("trained", weights, p, step=step, earlier=True)

    def note(self, new: Measured) -> None:
        """Take in statistics, unless they belong to another p or rug."""
        if new.statistics.p != self._p:
            return
        old = self.known.get(new.kind, Reading())
        if new.earlier:
            trend, trend_at = (new.statistics, *old.trend), (new.step, *old.trend_at)
            self._set("trained", trend=trend, trend_at=trend_at)
            return
        if new.kind == "rug" and self._requested_construction != self.construction:
            return
        if new.kind == "trained":
            self._requested_step = new.step
        self._analysed.add(new.kind)
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

    def _update_curves(self) -> None:
        """Compute the curves through the run's (r, p), keeping the previous ones meanwhile."""
        if self._live:
            self.curves = self._live.curves
            return
        self.curves = self._curve_worker.collect() or self.curves
        if self._curve_worker.busy:
            return
        settings, made = self.run.settings, self.curves
        here = settings.ratio, settings.p_on, settings.magnitude
        if made is None or (made.r, made.p, made.magnitude) != here:
            self._curve_worker.start(functools.partial(curves, *here))

    def describe(self, frame: Frame, picture: Picture | None) -> Frame:
        """The frame with the measurements of this run."""
        run, (steps, seconds) = self.run, self._pace
        known = self.known.get(frame.shown, Reading())
        if self._live and known.measured_at != run.step:  # statistics of another kept step
            known = dataclasses.replace(known, statistics=None)
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
            steps_per_second=steps / seconds if frame.learns and steps and seconds else math.nan,
            history=run.history.view(),
            levels=levels(run.settings.ratio, run.settings.p_on, run.settings.magnitude),
            past_optima=past_optima(run.history.view(), run.settings),
            curves=self.curves,
            kept_steps=run.kept_steps,
            construction=self._rug.construction if self._rug else "",
            trained=self._aged("trained"),
            rug=self._aged("rug") if self._rug else None,
            picture=picture,
            verdict=verdict_on(run, frame.shown, known, self.curves, learns=frame.learns),
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

    def _note_pace(self, steps: int, seconds: float) -> None:
        old_steps, old_seconds = self._pace
        keep = 0.5 if old_seconds > PACE_SECONDS else 1.0
        self._pace = old_steps * keep + steps, old_seconds * keep + seconds

    def _aged(self, kind: Kind) -> Reading:
        """The reading with the age of its statistics; 0 if they describe the current weights."""
        reading = self.known.get(kind, Reading())
        current = kind == "rug" or reading.measured_at == self.run.step
        age = 0.0 if current else time.monotonic() - reading.measured_when
        return dataclasses.replace(reading, age=age)


def past_optima(history: HistoryView, settings: Settings) -> tuple[tuple[float, float], ...]:
    """(p, L*) for each p at which the results of a run were trained."""
    if not len(history):
        return ()
    at = history.column("p")[np.append(history.breaks, len(history)) - 1]
    known = dict.fromkeys(at[np.isfinite(at)].tolist())
    r, magnitude = settings.ratio, settings.magnitude
    return tuple((p, levels(r, p, magnitude).loss) for p in known if p)
