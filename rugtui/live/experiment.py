"""One set of settings under way: the model that trains, the rug, and what is known of both."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from rugtui.analysis.verdict import caveat, comparable, death, verdict
from rugtui.errors import UsageError, WeightsError
from rugtui.live.commands import Kind, Look, Save
from rugtui.live.frame import Estimate, Frame, Picture, Reading
from rugtui.live.history import History
from rugtui.live.loss_sampler import RugTrial, StillTrial
from rugtui.live.picture_maker import PictureMaker
from rugtui.live.run_session import RunSession
from rugtui.live.statistics_worker import Finding, StatisticsWorker
from rugtui.live.theory_curves import CurveMaker, Curves
from rugtui.models.base import Weights
from rugtui.models.constructions import CONSTRUCTIONS, checked_name, default_frame, dense
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import Phase
from rugtui.storage.snapshot import write_snapshot
from rugtui.theory.levels import Levels, StructuredLevels, levels
from rugtui.training.kernels.pace import gemm_seconds
from rugtui.training.result import StepResult
from rugtui.training.trainer import never

GOOD = 0.01
"""Relative standard error of a held-out loss up to which no samples are drawn besides."""
TREND = 64
"""Statistics kept for the trend; at twice as many every second one is dropped."""


class Experiment:
    """Built anew where a change of settings needs a restart; hot changes pass through `change`."""

    def __init__(self, course: RunSession, *, followed: bool = False) -> None:
        """`followed`: another process trains it, and `follow` says how that fares."""
        self.course = course
        self.training = course.training
        self.analyst = StatisticsWorker(self.settings.seed)
        self._curve_maker = CurveMaker()
        self._curves: Curves | None = None
        self.readings: dict[Kind, Reading] = {"trained": Reading()}
        self.gemm_seconds = math.nan
        if not followed:
            self.gemm_seconds = gemm_seconds(self.settings, self.training.device)
        self.painter = PictureMaker()
        self.frame = default_frame(self.settings.n_sparse)
        if course.frame:
            with suppress(UsageError):
                self.frame = checked_name(course.frame)
        self._trial: RugTrial | None = None
        self._still: StillTrial | None = None
        if course.waits and not followed:
            self._still = self._new_still()
        self._analysed: set[Kind] = set()
        self._read: Kind = "trained"
        self._asked_of, self._asked_at = self.frame, 0
        self._followed, self._pace = followed, (0.0, 0.0)

    @property
    def history(self) -> History:
        return self.course.history

    @property
    def settings(self) -> Settings:
        return self.training.settings

    @property
    def device(self) -> torch.device:
        return self.training.device

    @property
    def levels(self) -> Levels:
        return levels(self.settings.ratio, self.settings.p_on)

    @property
    def done(self) -> bool:
        return self.training.done

    @property
    def steps_per_second(self) -> float:
        """NaN before there was a step."""
        steps, seconds = self._pace
        return steps / seconds if steps and seconds else math.nan

    def train(self, cancelled: Callable[[], bool], called: Callable[[], bool] = never) -> None:
        """One interval of training, or a part of it, into the history. Raises TrainingError."""
        seconds, before, self._still = self.course.seconds, self.training.step, None
        result = self.course.advance(cancelled, called)
        self._keep_pace(self.training.step - before, self.course.seconds - seconds)
        if result is not None:
            self._judge(result)

    def change(self, settings: Settings) -> None:
        """Go on with other settings. Raises SettingError where they need a restart."""
        before = self.settings
        self.course.change(settings)
        if self._still is not None:
            self._still = self._new_still()
        self._forget_unless(before.p_on)

    def follow(self, course: RunSession, *, lives: bool) -> None:
        """Show another save of the same run; where it does not live, samples say what its weights
        are worth."""
        before, steps, seconds = self.settings, self.training.step, self.course.seconds
        self.course, self.training = course, course.training
        if course.training.step > steps:
            self._keep_pace(course.training.step - steps, course.seconds - seconds)
        self._still = None if lives else self._new_still()
        self._forget_unless(before.p_on)

    def _forget_unless(self, p: float) -> None:
        """What is known of weights at another p is known no more."""
        if self.settings.p_on != p:
            self._trial = None
            self._analysed.clear()
            self.readings = {"trained": Reading()}

    def leave(self, phase: Phase, within: float | None) -> None:
        """Save the last step and send home whoever works for this experiment."""
        self.analyst.leave()
        self._curve_maker.leave()
        self.course.leave(phase, within)

    def sample(self, kind: Kind) -> bool:
        """One more batch for the loss of weights that do not learn now; whether more are wanted."""
        sampler = self.trial() if kind == "rug" else self._still
        if sampler is None:
            return False
        sampler.sample()
        return not sampler.known

    def _new_still(self) -> StillTrial:
        return StillTrial(self.settings, self.training.weights())

    def trial(self) -> RugTrial:
        """The rug of these settings, built when it is first asked for. Raises WeightsError."""
        if self._trial is None:
            self._trial = RugTrial(self.settings, self.device, self.frame)
        return self._trial

    def next_frame(self) -> list[str]:
        """Go to the next construction these settings have; why those passed over cannot be had."""
        names, passed = CONSTRUCTIONS, []
        here = names.index(self.frame) if self.frame in names else -1
        for name in names[here + 1 :] + names[: max(here, 0)]:
            try:
                trial = RugTrial(self.settings, self.device, name)
            except WeightsError as error:
                passed.append(str(error))
                continue
            self._trial, self.frame = trial, name
            self.readings.pop("rug", None)
            self._analysed.discard("rug")
            break
        return passed

    def weights(self, kind: Kind) -> Weights:
        return self.trial().weights if kind == "rug" else self.training.weights()

    def read(self, kind: Kind, *, beside: bool) -> None:
        """Bring the readings up to date, `beside` training or not.

        The analyst is asked about weights of a kind that nobody asked about, and has no rest then;
        and about those that training came to, where that is over or another process trains.
        """
        self._read = kind
        if finding := self.analyst.collect():
            self._note(finding)
        new, moved = kind not in self._analysed, self._asked_at != self.training.step
        came_to = kind == "trained" and moved and (self._followed or not beside)
        if (new or came_to) and self.analyst.free(beside=beside and not new):
            self._ask(kind)
        made = self._curve_maker.at(self.settings.ratio, self.settings.p_on, self.settings.n_sparse)
        self._curves = made or self._curves
        self._refresh("trained", *self._loss_now(beside=beside))
        if self._trial is not None:
            self._refresh("rug", *self._trial.loss(), "sampled")

    def _loss_now(self, *, beside: bool) -> tuple[float, float, Estimate]:
        """The loss of the trained weights and its standard error.

        While they move it is read off the last training losses; weights that stand still have the
        held-out loss of their own step, or are sampled where none was measured, or not well.
        """
        if beside:
            return *self.history.recent_loss(self.settings), "live"
        held = self.history.view().heldout_of(self.training.step, self.settings.p_on)
        if held[1] <= GOOD * held[0]:
            self._still = None
            return *held, "held out"
        if self._still is None and self.training.step:
            self._still = self._new_still()
        if self._still is None:
            return math.nan, math.nan, "live"
        return *self._still.loss(), "sampled"

    def _judge(self, result: StepResult) -> None:
        """Where held-out loss was measured, have the same weights analysed: the exact loss can
        then be held against it, which no earlier or later weights could."""
        if result.heldout is None:
            return
        # A rug that is only looked at beside them never asks, and must not hold them up.
        rug_waits = self._read == "rug" and "rug" not in self._analysed
        if self.analyst.free(beside=True) and not rug_waits:
            self._ask("trained")

    def _ask(self, kind: Kind) -> None:
        step, p, heldout = self.training.step, self.settings.p_on, (math.nan, math.nan)
        if kind == "rug":
            self._asked_of = self.frame
        else:
            self._asked_at, heldout = step, self.history.view().heldout_of(step, p)
        self.analyst.ask(kind, step, self.weights(kind), p, heldout)

    def picture(self, kind: Kind, look: Look) -> Picture:
        """What the W pane looks at, no finer than W itself."""
        kinds: tuple[Kind, ...] = ("trained", "rug") if look.beside else (kind,)
        n_sparse = self.settings.n_sparse
        window = self.painter.window(look, n_sparse)
        panels = tuple(self.painter.panel(one, self.weights(one), look) for one in kinds)
        return Picture(self.training.step, window, n_sparse, panels)

    def describe(self, frame: Frame, picture: Picture | None) -> Frame:
        """The frame with everything in it that this experiment knows."""
        return dataclasses.replace(
            frame,
            run=str(self.course.keeper.run or ""),
            settings=self.settings,
            source=self.course.source,
            device=str(self.device),
            plan=self.training.plan,
            step=self.training.step,
            seconds=self.course.seconds,
            steps_per_second=self.steps_per_second,
            gemms_per_step=1 / (self.steps_per_second * self.gemm_seconds),
            history=self.history.view(),
            levels=self.levels,
            curves=self._curves,
            frame_name=self._trial.frame_name if self._trial else "",
            trained=self._aged("trained"),
            rug=self._aged("rug") if self._trial else None,
            picture=picture,
            verdict=self._verdict(frame.shown),
        )

    def _verdict(self, kind: Kind) -> str:
        known, levels = self.readings.get(kind, Reading()), self.levels
        loss, error, measured = known.loss, known.standard_error, known.statistics
        below = self._below()
        if kind == "rug":  # a ReLU with a bias, on features alike, whatever the run's settings are
            return verdict(loss, error, levels, measured, below, rug=True)
        dead, said = death(self.course.dead, self.settings), ""
        if math.isnan(loss):
            said = self._why_unknown()
        elif self.course.dead < self.settings.n_sparse and comparable(self.settings):
            learns = known.estimate == "live"
            gaussian = learns and self.settings.method == "population"
            was_below = self.history.was_below(levels.linear, levels.p)
            begins = learns and not self.done and not was_below
            said = verdict(loss, error, levels, measured, below, begins=begins, gaussian=gaussian)
        return " ".join(filter(None, (dead, said, caveat(self.settings))))

    def _below(self) -> StructuredLevels | None:
        """What lies below L* at these settings, once it is known."""
        known = self._curves and self._curves.structured
        levels = self.levels
        return known if known and (known.r, known.p) == (levels.r, levels.p) else None

    def _why_unknown(self) -> str:
        """Why there is no live loss, where that is not about to pass: what was taken up is read
        with the next Frame, and what stands still is sampled."""
        if self._still is not None or not math.isnan(self.history.recent_loss(self.settings)[0]):
            return ""
        return "There is no result at these settings yet." if self.training.step else ""

    def save(self, kind: Kind, command: Save) -> Path:
        """Write a snapshot and return its folder. Raises OSError, RunError, WeightsError."""
        reading = self.readings.get(kind, Reading())
        measured = {} if reading.statistics is None else reading.statistics.numbers()
        return write_snapshot(
            self.course.place(),
            self.course.moment("paused"),
            kind=kind,
            weights=dense(self.weights(kind)),
            facts={
                "frame": self.frame if kind == "rug" else "",
                "loss": reading.loss,
                "loss_standard_error": reading.standard_error,
                "statistics": {"step": reading.measured_at, **measured},
            },
            screen_svg=command.screen_svg,
            colours=command.colours,
        )

    def _aged(self, kind: Kind) -> Reading:
        reading = self.readings.get(kind, Reading())
        return dataclasses.replace(reading, age=time.monotonic() - reading.measured_when)

    def _refresh(self, kind: Kind, loss: float, standard_error: float, estimate: Estimate) -> None:
        old = self.readings.get(kind, Reading())
        self.readings[kind] = dataclasses.replace(
            old, loss=loss, standard_error=standard_error, estimate=estimate
        )

    def _note(self, finding: Finding) -> None:
        old = self.readings.get(finding.kind, Reading())
        if finding.statistics.p != self.settings.p_on:
            return
        if finding.kind == "rug" and self._asked_of != self.frame:
            return
        self._analysed.add(finding.kind)
        trend, trend_at = (*old.trend, finding.statistics), (*old.trend_at, finding.step)
        kept = slice(None) if len(trend) < 2 * TREND else slice(1, None, 2)  # the newest always
        self.readings[finding.kind] = dataclasses.replace(
            old,
            statistics=finding.statistics,
            heldout=finding.heldout[0],
            heldout_standard_error=finding.heldout[1],
            measured_at=finding.step,
            measured_when=finding.asked_at,
            trend=trend[kept],
            trend_at=trend_at[kept],
        )

    def _keep_pace(self, steps: int, seconds: float) -> None:
        """Steps per second over about the last three seconds."""
        old_steps, old_seconds = self._pace
        keep = 0.5 if old_seconds > 3 else 1.0
        self._pace = old_steps * keep + steps, old_seconds * keep + seconds
