"""What is known of the weights of one run, trained and rug: losses, statistics, a verdict."""

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
from rugtui.errors import UsageError, WeightsError
from rugtui.live.background import BackgroundWorker
from rugtui.live.commands import Kind, Look
from rugtui.live.frame import Estimate, Frame, Picture, Reading
from rugtui.live.history import History, HistoryView
from rugtui.live.loss_sampler import RugSampler, TrainedSampler
from rugtui.live.picture_maker import PictureMaker
from rugtui.models.base import Weights
from rugtui.models.constructions import CONSTRUCTIONS, checked_name, default_frame
from rugtui.models.dense import Dense
from rugtui.runtime.threads import lower_priority, share_beside
from rugtui.settings.settings import Settings
from rugtui.theory.curves import Curves, curves
from rugtui.theory.levels import levels
from rugtui.training.kernels.pace import gemm_seconds
from rugtui.training.result import StepResult

ROWS = 128
"""Rows of W in a sample for the exact loss."""
GOOD = 0.01
"""Relative standard error of a held-out loss up to which no samples are drawn besides."""
TREND = 64
"""Statistics kept for the trend; at twice as many every second one is dropped."""
PACE_SECONDS = 3.0
"""About how far back the pace looks."""


class ShownRun(Protocol):
    """A run as the panes show it, whoever trains it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def step(self) -> int: ...
    @property
    def seconds(self) -> float:
        """Spent in training."""
        ...

    @property
    def done(self) -> bool: ...
    @property
    def dead(self) -> int:
        """Outputs that stay at 0 whatever the data, as of the last result."""
        ...

    @property
    def waits(self) -> bool:
        """Whether it is only looked at."""
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
    def source(self) -> str:
        """Where it is from, in a word or two, while it is only looked at."""
        ...

    def weights(self) -> Dense:
        """Weights that nobody changes any more."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Statistics, and of which weights."""

    kind: Kind
    step: int
    when: float
    """When the weights were handed over, on the monotonic clock."""
    heldout: tuple[float, float]
    """Held-out loss of the same weights and its standard error, NaN where unknown."""
    statistics: Statistics


class Readings:
    """Made anew for each run. All of it is for the one thread that trains, or looks on.

    Statistics and the curves of theory are computed in threads of their own. What is known belongs
    to one p: `settings_changed` forgets it where p is another.
    """

    def __init__(self, run: ShownRun, *, watched: bool = False, construction: str = "") -> None:
        """`watched`: another process trains it. `construction`: the rug to show, if not the usual
        one."""
        self.run, self._watched = run, watched
        settings = run.settings
        self.known: dict[Kind, Reading] = {"trained": Reading()}
        device = torch.device(run.device)
        self._gemm_seconds = math.nan if watched else gemm_seconds(settings, device)
        self.pictures = PictureMaker()
        self.construction = default_frame(settings.n_sparse)
        if construction:
            with suppress(UsageError):  # a name that another version knew
                self.construction = checked_name(construction)
        self._rug: RugSampler | None = None
        self._sampler: TrainedSampler | None = None
        """Of trained weights that do not learn now, where no other loss of theirs is known."""
        self._p = settings.p_on
        self._worker = BackgroundWorker[Finding]("statistics", prepare=lower_priority)
        self._generator = np.random.default_rng(settings.seed)
        self._rest_until, self._warm = 0.0, False
        self._curve_worker = BackgroundWorker[Curves]("curves", prepare=lower_priority)
        self._curves: Curves | None = None
        self._analysed: set[Kind] = set()
        self._read: Kind = "trained"
        self._asked_of, self._asked_at = self.construction, 0
        self._pace = 0.0, 0.0
        """Steps and seconds, of late."""

    def close(self) -> None:
        """End the threads; what they compute is not waited for."""
        self._worker.close()
        self._curve_worker.close()

    def settings_changed(self) -> None:
        """Forget what is known of weights at another p."""
        self._sampler = None
        if self.run.settings.p_on != self._p:
            self._p, self._rug = self.run.settings.p_on, None
            self._analysed.clear()
            self.known = {"trained": Reading()}

    def trained(self, result: StepResult | None, steps: int, seconds: float) -> None:
        """So many steps were done in so many seconds, and came to a result or not yet."""
        self._keep_pace(steps, seconds)
        self._sampler = None
        # The exact loss can be held against a held-out one of the very same weights alone. A rug
        # that is only looked at beside them never asks, and must not hold them up.
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
        """The rug of these settings, built when it is first asked for. Raises WeightsError."""
        if self._rug is None:
            self._rug = self._built(self.construction)
        return self._rug

    def next_construction(self) -> list[str]:
        """Go to the next rug that these settings have; why those passed over cannot be had."""
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
        """What the W pane looks at, no finer than W itself."""
        kinds: tuple[Kind, ...] = ("trained", "rug") if look.beside else (kind,)
        n_sparse = self.run.settings.n_sparse
        window = self.pictures.window(look, n_sparse)
        panels = tuple(self.pictures.panel(one, self.weights(one), look) for one in kinds)
        return Picture(self.run.step, window, n_sparse, panels)

    def sample(self, kind: Kind) -> None:
        """Draw one more batch for the loss of weights that do not learn, where that is needed."""
        sampler = self.rug() if kind == "rug" else self._sampler
        if sampler is not None and not sampler.settled:
            sampler.sample()

    def settled(self, kind: Kind) -> bool:
        """Whether samples would add nothing to what is known of these weights."""
        sampler = self._rug if kind == "rug" else self._sampler
        return sampler is None or sampler.settled

    def read(self, kind: Kind, *, learning: bool) -> None:
        """Bring what is known up to date; `learning`: trained weights change now.

        Statistics are taken of weights of a kind that has none yet, at once; and of those that
        training came to, where it is over or in another process.
        """
        self._read = kind
        if finding := self._worker.collect():
            if self._warm:  # the first took long for its imports, which do not come again
                self._rest_until = time.monotonic() + self._worker.cost / share_beside()
            self._warm = True
            self._note(finding)
        new, moved = kind not in self._analysed, self._asked_at != self.run.step
        came_to = kind == "trained" and moved and (self._watched or not learning)
        if (new or came_to) and self._is_free(beside=learning and not new):
            self._ask(kind)
        self._bring_curves()
        loss, error, estimate = self._loss_now(learning=learning)
        newest = self.run.history.view().last("step") if learning else self.run.step
        at = 0 if math.isnan(newest) else int(newest)
        self._set("trained", loss=loss, standard_error=error, estimate=estimate, loss_at=at)
        if self._rug is not None:
            loss, error = self._rug.loss()
            self._set("rug", loss=loss, standard_error=error, estimate="sampled")

    def _loss_now(self, *, learning: bool) -> tuple[float, float, Estimate]:
        """The loss of trained weights, its standard error, and where they are from.

        While weights learn it is read off the last training losses. Weights that stand still have
        the held-out loss of their own step, or are sampled where none was measured, or not well.
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
        """Whether statistics may be taken now. `beside`: training goes on, and has the cores."""
        return not self._worker.busy and not (beside and time.monotonic() < self._rest_until)

    def _ask(self, kind: Kind) -> None:
        """Have statistics taken of the weights as they are."""
        step, p, heldout = self.run.step, self.run.settings.p_on, (math.nan, math.nan)
        if kind == "rug":
            self._asked_of = self.construction
        else:
            self._asked_at, heldout = step, self.run.history.view().heldout_of(step, p)
        weights, when = self.weights(kind), time.monotonic()

        def find() -> Finding:
            found = statistics(weights, p, generator=self._generator, rows=ROWS)
            return Finding(kind, step, when, heldout, found)

        self._worker.start(find)

    def _note(self, finding: Finding) -> None:
        if finding.statistics.p != self._p:
            return
        if finding.kind == "rug" and self._asked_of != self.construction:
            return
        self._analysed.add(finding.kind)
        old = self.known.get(finding.kind, Reading())
        trend, trend_at = (*old.trend, finding.statistics), (*old.trend_at, finding.step)
        kept = slice(None) if len(trend) < 2 * TREND else slice(1, None, 2)  # the newest always
        self._set(
            finding.kind,
            statistics=finding.statistics,
            heldout=finding.heldout[0],
            heldout_standard_error=finding.heldout[1],
            measured_at=finding.step,
            measured_when=finding.when,
            trend=trend[kept],
            trend_at=trend_at[kept],
        )

    def _set(self, kind: Kind, **changes: object) -> None:
        old = self.known.get(kind, Reading())
        self.known[kind] = dataclasses.replace(old, **changes)

    def _bring_curves(self) -> None:
        """The curves through the run's (r, p); the last ones stay while they are made."""
        made = self._curves = self._curve_worker.collect() or self._curves
        if self._curve_worker.busy:
            return
        settings = self.run.settings
        here = settings.ratio, settings.p_on, settings.n_sparse
        if made is None or (made.r, made.p, made.n_sparse) != here:
            self._curve_worker.start(functools.partial(curves, *here))

    def describe(self, frame: Frame, picture: Picture | None) -> Frame:
        """The frame with everything in it that is known of this run."""
        run, pace = self.run, self.steps_per_second if frame.learns else math.nan
        return dataclasses.replace(
            frame,
            run=str(run.folder or ""),
            settings=run.settings,
            source=run.source,
            device=run.device,
            plan=run.plan,
            step=run.step,
            seconds=run.seconds,
            steps_per_second=pace,
            gemms_per_step=1 / (pace * self._gemm_seconds),
            history=run.history.view(),
            levels=levels(run.settings.ratio, run.settings.p_on),
            past_optima=past_optima(run.history.view(), run.settings.ratio),
            curves=self._curves,
            construction=self._rug.construction if self._rug else "",
            trained=self._aged("trained"),
            rug=self._aged("rug") if self._rug else None,
            picture=picture,
            verdict=self._verdict(frame.shown, frame.learns),
        )

    def facts(self, kind: Kind) -> dict[str, Any]:
        """What a snapshot of these weights says of them."""
        reading = self.known.get(kind, Reading())
        measured = {} if reading.statistics is None else reading.statistics.numbers()
        return {
            "frame": self.construction if kind == "rug" else "",
            "loss": reading.loss,
            "loss_standard_error": reading.standard_error,
            "statistics": {"step": reading.measured_at, **measured},
        }

    @property
    def steps_per_second(self) -> float:
        """NaN before there was a step."""
        steps, seconds = self._pace
        return steps / seconds if steps and seconds else math.nan

    def _keep_pace(self, steps: int, seconds: float) -> None:
        old_steps, old_seconds = self._pace
        keep = 0.5 if old_seconds > PACE_SECONDS else 1.0
        self._pace = old_steps * keep + steps, old_seconds * keep + seconds

    def _aged(self, kind: Kind) -> Reading:
        """What is known, and how old its statistics are: those of the weights as they are do not
        age."""
        reading = self.known.get(kind, Reading())
        current = kind == "rug" or reading.measured_at == self.run.step
        age = 0.0 if current else time.monotonic() - reading.measured_when
        return dataclasses.replace(reading, age=age)

    def _verdict(self, kind: Kind, learns: bool) -> str:
        run, known = self.run, self.known.get(kind, Reading())
        lines = levels(run.settings.ratio, run.settings.p_on)
        loss, error, measured = known.loss, known.standard_error, known.statistics
        below = self._curves.structured_at(lines.r, lines.p) if self._curves else None
        if kind == "rug":  # a ReLU with a bias, on features alike, whatever the run's settings are
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
        """Why there is no live loss, where that is not about to pass: what was taken up is read
        with the next Frame, and what stands still is sampled."""
        recent, _ = self.run.history.recent_loss(self.run.settings)
        if not learns or not math.isnan(recent):
            return ""
        return "There is no result at these settings yet." if self.run.step else ""


def past_optima(history: HistoryView, ratio: float) -> tuple[tuple[float, float], ...]:
    """(p, L*) for each p that was trained at before the last."""
    before = history.column("p")[history.breaks - 1]
    known = dict.fromkeys(before[np.isfinite(before)].tolist())
    return tuple((p, levels(ratio, p).loss) for p in known if p)
