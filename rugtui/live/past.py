"""A run as it was at one of its kept steps: what the panes show under the crosshair and in the
replay."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rugtui.live.commands import Kind
from rugtui.live.frame import Estimate, Frame, Picture
from rugtui.live.history import History
from rugtui.live.loss_sampler import RugSampler
from rugtui.live.readings import Measured, Readings, ShownRun
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.training.device import data_type

AT_ONCE = 128
"""n_dense up to which a batch for the loss costs so little that it comes with the picture."""


@dataclass(frozen=True, eq=False)
class PastRun:
    """A ShownRun at a step that it has left behind."""

    folder: Path | None
    files: Path | None
    settings: Settings
    """With the p of then."""
    step: int
    then: Dense
    history: History
    """Up to then."""

    device, plan, source, seconds = "cpu", "", "", 0.0
    done, waits, dead, kept_steps = True, True, 0, ()

    def weights(self) -> Dense:
        return self.then

    def kept_weights(self, step: int) -> Dense:
        raise FileNotFoundError(step)


def past_run(run: ShownRun, step: int) -> PastRun:
    """A run at one of its kept steps. Raises OSError, DamagedError, RunError."""
    history, settings = History.of(run.history.past().until(step)), run.settings
    view = run.history.view()
    if len(view):
        result = min(int(np.searchsorted(view.column("step"), step)), len(view) - 1)
        p = float(view.column("p")[result])
        if 0 < p <= 1 and p != settings.p_on:
            settings = settings.replace(p=p)
    kept = run.kept_weights(step)
    dtype = data_type(settings, kept.b.device)
    return PastRun(
        run.folder,
        run.files,
        settings,
        step,
        kept.mapped(lambda part: part.to(dtype).contiguous()),
        history,
    )


class PastReadings(Readings):
    """Of one kept step after another, of a run that other readings show as it is now."""

    def __init__(self, live: Readings) -> None:
        super().__init__(live.run, watched=True)
        self._live, self.pictures = live, live.pictures
        self._taken: dict[int, Measured] = {}

    def show(self, step: int) -> None:
        """Show another kept step. Raises OSError, DamagedError, RunError."""
        if isinstance(self.run, PastRun) and self.run.step == step:
            return
        self.follow(past_run(self._live.run, step))
        if known := self._taken.get(step):
            self._asked_at = step
            self._note(known)
        if self.run.settings.n_dense <= AT_ONCE:
            self.read("trained", learning=False)
            self.sample("trained")

    def rug(self) -> RugSampler:
        return self._live.rug()

    def describe(self, frame: Frame, picture: Picture | None) -> Frame:
        """The live Frame, but for what the weights of then say."""
        then = super().describe(dataclasses.replace(frame, phase="paused"), picture)
        live, trained, step = frame.trained, then.trained, self.run.step
        if trained.measured_at != step and live.trend:
            nearest = min(range(len(live.trend)), key=lambda k: abs(live.trend_at[k] - step))
            at, closest = live.trend_at[nearest], live.trend[nearest]
            if trained.statistics is None or abs(at - step) < abs(trained.measured_at - step):
                trained = dataclasses.replace(trained, statistics=closest, measured_at=at)
        return dataclasses.replace(
            then,
            shown_step=step,
            trained=dataclasses.replace(trained, trend=live.trend, trend_at=live.trend_at),
            rug=frame.rug,
            construction=frame.construction,
            verdict=then.verdict if frame.shown == "trained" else frame.verdict,
        )

    def _note(self, new: Measured) -> None:
        self._taken[new.step] = new
        super()._note(new)

    def _verdict(self, kind: Kind, learns: bool) -> str:
        """Without statistics that are still those of another step."""
        known = self.known["trained"]
        if known.measured_at == self.run.step:
            return super()._verdict(kind, learns)
        self.known["trained"] = dataclasses.replace(known, statistics=None)
        said = super()._verdict(kind, learns)
        self.known["trained"] = known
        return said

    def _bring_curves(self) -> None:
        self._curves = self._live.known_curves

    def _loss_now(self, *, learning: bool) -> tuple[float, float, Estimate]:
        """Before there is a sample, what training said around this step."""
        loss, error, estimate = super()._loss_now(learning=learning)
        if math.isnan(loss):
            return *self.run.history.recent_loss(self.run.settings), "then"
        return loss, error, estimate
