"""The plateau study: training finds the symmetric solution, then goes below it (theory, section 8).

The symmetric solution has the loss L* if n_sparse · p is large: W looks random, its skew is near 0
and its effective interferers are a third of n_sparse. Later a few strongly negative entries in each
row contribute more and more of the noise: interferers fall, skew falls below 0, and the loss falls
below L*, the later the larger n_sparse.
"""

from __future__ import annotations

import dataclasses
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
from rugtui.theory.levels import levels

NAME = "looks.jsonl"
"""The file of a run's measurements, in its folder."""
LINE_MOST = 4096
"""Longest line of that file in bytes."""
ROWS = 128
"""Most rows of W for the exact loss and the interferers; the same ones at each step."""
FIRST, PER_DOUBLING = 50, 4
"""The step of the first measurement, and how many there are while the steps double."""


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
    """Standard error of that loss over the rows; 0 if all rows were used."""
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

        (ΣW²)²/ΣW⁴ of n − 1 independent Gaussian entries is (n − 1)/3.
        """
        return 3 * self.interferers / (self.n_sparse - 1)

    def as_dict(self) -> dict[str, Any]:
        more = {"loss_over_theory": self.over_theory, "interferers_share": self.share}
        return plain({**dataclasses.asdict(self), **more})

    @property
    def progress(self) -> tuple[str, str]:
        """Which run and step it is, and its result, for people who wait."""
        values = f"{self.over_theory:.3f} L*  skew {self.skew:+.2f}"
        where = f"n_sparse {self.n_sparse:,}  step {self.step:,}"
        return where, f"{values}  interferers {self.interferers:.1f}"


def measure(settings: Settings, step: int, weights: Weights) -> Measurement:
    """Raises WeightsError if the weights contain NaN or infinity."""
    generator = np.random.default_rng(settings.seed)
    measured = statistics(
        weights, settings.p, generator=generator, rows=min(ROWS, weights.n_sparse)
    )
    return Measurement(
        n_sparse=settings.n_sparse,
        n_dense=settings.n_dense,
        p=settings.p,
        seed=settings.seed,
        step=step,
        loss=measured.exact,
        standard_error=measured.exact_standard_error,
        loss_gaussian=measured.gaussian,
        theory_loss=levels(settings.ratio, settings.p).loss,
        skew=measured.skew,
        interferers=measured.interferers,
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
    measured: list[Measurement] = []
    end = 0
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return measured, end
    with file:
        while (line := file.readline(LINE_MOST)) and (facts := read_jsonl_line(line)):
            facts.pop("crc")
            try:
                measured.append(Measurement(**facts))
            except TypeError as error:
                raise DamagedError(path, "a line of it is not a measurement of rugtui's") from error
            end += len(line)
    return measured, end


def measurements(session: RunSession, cancelled: Callable[[], bool]) -> Iterator[Measurement]:
    """All measurements of a run: those already made, then new ones as it trains.

    Ends with the run, or when cancelled; the next call continues from there. An interrupted run has
    the same measurements as an uninterrupted one. Raises TrainingError, OSError, DamagedError.
    """
    training = session.trainer
    log = StudyLog(session.writer.run) if session.writer.run else None
    earlier = log.all if log else []
    yield from (one for one in earlier if one.step <= session.settings.steps)
    last = earlier[-1].step if earlier else 0
    while not cancelled():
        # an uninterrupted run would not be measured in the middle of an interval
        reported = session.history.view().last("step") == training.step > last
        if reported and (training.done or is_due(last, training.step)):
            one = measure(session.settings, training.step, training.weights())
            last = one.step
            if session.writer.run is not None:
                log = log or StudyLog(session.writer.run)
                log.append(one)
            yield one
        if training.done:
            return
        session.advance(cancelled)


def is_due(last: int, now: int) -> bool:
    """Whether a measurement is due after step `last` and up to step `now`: they are evenly spaced
    in log step, whatever the length of the run."""
    number = 0
    while (step := round(FIRST * 2 ** (number / PER_DOUBLING))) <= last:
        number += 1
    return step <= now


PANELS = (
    ("over_theory", "loss over the symmetric prediction", "exact loss / L*", ("L*", 1.0)),
    ("skew", "skew of the entries of W off the diagonal", "skew", ("symmetric", 0.0)),
    ("share", "effective interferers of a row", "interferers / (n_sparse/3)", ("random W", 1.0)),
)
"""Attribute of a Measurement, title and label of its panel, and the level of a symmetric model."""


def plateau_figure(measured: Sequence[Measurement]) -> Figure:
    """Loss / L*, skew and interferers against steps, one series per size."""
    sizes = sorted({one.n_sparse for one in measured})

    def series(name: str, n_sparse: int, place: int) -> Series:
        own = [one for one in measured if one.n_sparse == n_sparse]
        x, y = np.array([(one.step, getattr(one, name)) for one in own], float).T
        return Series(f"n {n_sparse:,}", x, y, place=place)

    return Figure(
        "plateau",
        "Training finds the symmetric plateau at L*, then goes below it: the later, the larger n = "
        "n_sparse.",
        tuple(
            LinePanel(
                title,
                "step",
                label,
                tuple(series(name, n_sparse, place) for place, n_sparse in enumerate(sizes)),
                log_y=False,
                levels=(level,),
            )
            for name, title, label, level in PANELS
        ),
        columns=3,
    )
