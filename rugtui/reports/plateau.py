"""The plateau study: training finds the symmetric solution, then descends below it (section 8).

Training first finds the symmetric solution, whose loss is L* if n_sparse · p is large: W looks
random, its skew is near 0 and its effective interferers are a third of n_sparse. Later a few
strongly negative entries in each row contribute more and more of the noise: interferers fall, skew
falls below 0, and the loss falls below L*, the later the larger n_sparse.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rugtui.analysis.statistics import statistics
from rugtui.errors import DamagedError
from rugtui.live.run_session import RunSession
from rugtui.models.base import Weights
from rugtui.reports.figure import Figure, LinePanel, Series
from rugtui.settings.settings import Settings
from rugtui.storage.files import append_at, jsonl_line, open_plain, plain, read_jsonl_line
from rugtui.storage.run_directory import all_runs, settings_of_run
from rugtui.theory.levels import levels

NAME = "looks.jsonl"
"""The file of a run's measurements, in its folder."""
LINE_MOST = 4096
ROWS = 128
"""At most so many rows of W are used for the exact loss and the interferers, the same at each
step."""
FIRST, A_DOUBLING = 50, 4
"""The step of the first measurement, and the number of measurements per doubling of the steps."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A run at one step. Losses are mean squared errors per feature."""

    n_sparse: int
    n_dense: int
    p: float
    seed: int
    step: int
    loss: float
    """Exact loss of the weights (section 7), without sampling noise."""
    standard_error: float
    """Of its mean over rows; 0 if all rows were used."""
    loss_gaussian: float
    theory_loss: float
    """L*(r, p)."""
    skew: float
    interferers: float

    @property
    def over_theory(self) -> float:
        """Loss / L*."""
        return self.loss / self.theory_loss

    @property
    def share(self) -> float:
        """Effective interferers relative to those of random weights.

        Of n − 1 independent Gaussian entries (ΣW²)²/ΣW⁴ is (n − 1)/3.
        """
        return 3 * self.interferers / (self.n_sparse - 1)

    def as_dict(self) -> dict[str, Any]:
        known = dataclasses.asdict(self)
        return plain(
            {**known, "loss_over_theory": self.over_theory, "interferers_share": self.share}
        )


def measure(settings: Settings, step: int, weights: Weights) -> Measurement:
    """Raises WeightsError if the weights contain NaN or infinity."""
    generator = np.random.default_rng(settings.seed)
    found = statistics(weights, settings.p, generator=generator, rows=min(ROWS, weights.n_sparse))
    return Measurement(
        n_sparse=settings.n_sparse,
        n_dense=settings.n_dense,
        p=settings.p,
        seed=settings.seed,
        step=step,
        loss=found.exact,
        standard_error=found.exact_standard_error,
        loss_gaussian=found.gaussian,
        theory_loss=levels(settings.ratio, settings.p).loss,
        skew=found.skew,
        interferers=found.interferers,
    )


class StudyLog:
    """The measurements of one run, written to disk as they are made."""

    def __init__(self, run: Path) -> None:
        """Raises OSError, DamagedError."""
        self._path = run / NAME
        self.all, self._end = _read(self._path)

    def append(self, one: Measurement) -> None:
        """Raises OSError."""
        content = jsonl_line(plain(dataclasses.asdict(one)))
        self._end = append_at(self._path, content, self._end)
        self.all.append(one)


def _read(path: Path) -> tuple[list[Measurement], int]:
    """The measurements up to the first damaged line; later ones are measured again."""
    found: list[Measurement] = []
    end = 0
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return found, end
    with file:
        while (line := file.readline(LINE_MOST)) and (facts := read_jsonl_line(line)):
            facts.pop("crc")
            try:
                found.append(Measurement(**facts))
            except TypeError as error:
                raise DamagedError(path, "a line of it is not a measurement of rugtui's") from error
            end += len(line)
    return found, end


def opened(settings: Settings, folder: Path) -> RunSession:
    """The run with these settings in the folder, to be continued, or a new one.

    Settings that differ only in their steps belong to one run. Raises RunError if another process
    trains it, DamagedError, SettingError, OSError.
    """
    for run in all_runs(folder):
        there = settings_of_run(run)
        if there == settings.replace(steps=there.steps):
            session = RunSession.resumed(run)
            session.change(settings)
            return session
    return RunSession.new(settings, into=folder)


def measurements(session: RunSession, cancelled: Callable[[], bool]) -> Iterator[Measurement]:
    """All measurements of a run: those already made, then new ones as it trains.

    Ends with the run, or when cancelled; the next call continues from there. An interrupted run has
    the same measurements as an uninterrupted one. Raises TrainingError, OSError, DamagedError.
    """
    training = session.trainer
    log = StudyLog(session.writer.run) if session.writer.run else None
    made = list(log.all) if log else []
    yield from (one for one in made if one.step <= session.settings.steps)
    while not cancelled():
        last = made[-1].step if made else 0
        if _reported(session) > last and (training.done or is_due(last, training.step)):
            made.append(measure(session.settings, training.step, training.weights()))
            if session.writer.run is not None:
                log = log or StudyLog(session.writer.run)
                log.append(made[-1])
            yield made[-1]
        if training.done:
            return
        session.advance(cancelled)


def _reported(session: RunSession) -> float:
    """The step of a run at the end of an interval; NaN in the middle of one, where an uninterrupted
    run would not be measured."""
    step = session.trainer.step
    return step if session.history.view().last("step") == step else math.nan


def is_due(last: int, now: int) -> bool:
    """Whether a measurement is due after step `last` and up to step `now`. They are evenly spaced
    in log step, independent of the length of the run."""
    number = 0
    while (step := round(FIRST * 2 ** (number / A_DOUBLING))) <= last:
        number += 1
    return step <= now


def plateau_figure(made: Sequence[Measurement]) -> Figure:
    """Loss / L*, skew and interferers against steps, one series per size."""
    sizes = sorted({one.n_sparse for one in made})

    def panel(
        title: str, label: str, value: Callable[[Measurement], float], level: tuple[str, float]
    ) -> LinePanel:
        series = []
        for place, n_sparse in enumerate(sizes):
            own = [one for one in made if one.n_sparse == n_sparse]
            x = np.array([one.step for one in own], float)
            y = np.array([value(one) for one in own], float)
            series.append(Series(f"n {n_sparse:,}", x, y, place=place))
        return LinePanel(title, "step", label, tuple(series), log_y=False, levels=(level,))

    return Figure(
        "plateau",
        "Training finds the symmetric plateau at L*, then goes below it: the later, the larger n = "
        "n_sparse.",
        (
            panel(
                "loss over the symmetric prediction",
                "exact loss / L*",
                lambda one: one.over_theory,
                ("L*", 1.0),
            ),
            panel(
                "skew of the entries of W off the diagonal",
                "skew",
                lambda one: one.skew,
                ("symmetric", 0.0),
            ),
            panel(
                "effective interferers of a row",
                "interferers / (n_sparse/3)",
                lambda one: one.share,
                ("chance", 1.0),
            ),
        ),
        columns=3,
    )
