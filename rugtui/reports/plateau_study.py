"""What training does beyond theory: the symmetric plateau, and the descent below it (section 8).

Training first finds the symmetric solution, whose loss is L* where n_sparse · p is large: W then
looks like chance, its skew is near 0 and its effective interferers are a third of n_sparse. Later a
few strongly negative entries in each row carry ever more of the noise: interferers fall, skew falls
below 0, and the loss falls below L*, the later the larger n_sparse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from rugtui.live.run_session import RunSession
from rugtui.reports.study_log import Look, Looks, look
from rugtui.settings.settings import Settings
from rugtui.storage.run_directory import all_runs, settings_of_run

FIRST, A_DOUBLING = 50, 4
"""The step of the first look, and looks while the steps double."""


def opened(settings: Settings, folder: Path) -> RunSession:
    """The run of these settings in the folder, from where it was left, or a new one.

    Settings that differ in their steps alone are those of one run. Raises RunError where another
    process trains it, DamagedError, SettingError, OSError.
    """
    for run in all_runs(folder):
        there = settings_of_run(run)
        if there == settings.replace(steps=there.steps):
            course = RunSession.taken_up(run)
            course.change(settings)
            return course
    return RunSession.new(settings, into=folder)


def watch(course: RunSession, cancelled: Callable[[], bool]) -> Iterator[Look]:
    """Every look of a run, those taken before first, then each as training comes to it.

    Ends where the run does, or is cancelled; the run is then as good as it was, and goes on from
    there the next time. A run cut off anywhere and continued has the looks of an unbroken one.
    Raises TrainingError, OSError, DamagedError.
    """
    training = course.training
    kept = Looks(course.keeper.run) if course.keeper.run else None
    seen = list(kept.all) if kept else []
    yield from (one for one in seen if one.step <= course.settings.steps)
    while not cancelled():
        last = seen[-1].step if seen else 0
        if reported(course) > last and (training.done or due_between(last, training.step)):
            seen.append(look(course.settings, training.step, training.weights()))
            if course.keeper.run is not None:
                kept = kept or Looks(course.keeper.run)
                kept.keep(seen[-1])
            yield seen[-1]
        if training.done:
            return
        course.advance(cancelled)


def reported(course: RunSession) -> float:
    """The step of a run that stands at the end of an interval; NaN in the middle of one, where an
    unbroken run would not have been looked at."""
    step = course.training.step
    return step if course.history.view().last("step") == step else math.nan


def due_between(last: int, now: int) -> bool:
    """Whether a look is due after step `last` and no later than step `now`: the same steps for
    every length of a run, evenly spaced in log."""
    number = 0
    while (step := round(FIRST * 2 ** (number / A_DOUBLING))) <= last:
        number += 1
    return step <= now
