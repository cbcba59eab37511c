"""Runs that do not change; and the readings of a run at one of its kept steps, which the panes show
under the crosshair and in the replay."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rugtui.live.frame import Frame, Picture
from rugtui.live.history import History
from rugtui.live.measuring import Measured
from rugtui.live.readings import Readings
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.storage.kept_steps import read_kept
from rugtui.training.device import data_type

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession

AT_ONCE = 128
"""Up to this n_dense the loss is sampled at once, before the picture is shown."""
ShownRun: TypeAlias = "RunSession | FrozenRun"
"""A run that this process trains, or one that does not change."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrozenRun:
    """A run as another process saved it, or at a kept step. It looks like a RunSession."""

    folder: Path | None
    files: Path | None
    settings: Settings
    step: int
    seconds: float = 0.0
    """Of training."""
    saved_weights: Dense
    history: History
    kept_steps: tuple[int, ...] = ()
    """Earlier steps whose weights are kept, ascending."""

    device, plan, source = "cpu", "", ""
    done, waits, dead = True, True, 0

    def weights(self) -> Dense:
        return self.saved_weights

    def kept_weights(self, step: int) -> Dense:
        """In half precision on the CPU. Raises OSError, DamagedError, RunError."""
        if self.files is None:
            raise FileNotFoundError(step)
        return read_kept(self.files, step)


def past_run(run: ShownRun, step: int) -> FrozenRun:
    """A run at one of its kept steps. Raises OSError, DamagedError, RunError."""
    settings, view = run.settings, run.history.view()
    if len(view):
        result = min(int(np.searchsorted(view.column("step"), step)), len(view) - 1)
        p = float(view.column("p")[result])
        if 0 < p <= 1 and p != settings.p_on:
            settings = settings.replace(p=p)
    kept = run.kept_weights(step)
    dtype = data_type(settings, kept.b.device)
    return FrozenRun(
        folder=run.folder,
        files=run.files,
        settings=settings,
        step=step,
        saved_weights=kept.mapped(lambda part: part.to(dtype).contiguous()),
        history=History.of(run.history.past().until(step)),
    )


class PastReadings:
    """The readings of one kept step after another, beside those of the run as it is now."""

    def __init__(self, live: Readings) -> None:
        self._live, self._shown = live, False
        self.readings = Readings(live.run, watched=True, live=live)
        self._measured: dict[int, Measured] = {}

    def show(self, step: int) -> None:
        """Show a kept step. Raises OSError, DamagedError, RunError."""
        readings = self.readings
        if not self._shown or readings.run.step != step:
            readings.follow(past_run(self._live.run, step))
            self._shown = True
            if known := self._measured.get(step):
                readings.note(known)
            if readings.run.settings.n_dense <= AT_ONCE:
                self._read()
                readings.sample("trained")
        self._read()

    def _read(self) -> None:
        if measured := self.readings.read("trained", learning=False):
            self._measured[measured.step] = measured

    def describe(self, frame: Frame, picture: Picture | None) -> Frame:
        """The Frame of the run as it is now, with the weights of the kept step."""
        then = self.readings.describe(dataclasses.replace(frame, phase="paused"), picture)
        live, trained, step = frame.trained, then.trained, self.readings.run.step
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

    def close(self) -> None:
        self.readings.close()
