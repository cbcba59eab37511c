"""What was seen of a run as it went: one look after another, kept beside its history."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rugtui.analysis.statistics import statistics
from rugtui.errors import DamagedError
from rugtui.models.base import Weights
from rugtui.settings.settings import Settings
from rugtui.storage import checksummed_jsonl as sealed
from rugtui.storage.files import open_plain, plain
from rugtui.theory.levels import levels

NAME = "looks.jsonl"
LINE_MOST = 4096
ROWS = 128
"""Rows of W behind the exact loss and the interferers, where W has more: the same at each look."""


@dataclass(frozen=True, slots=True)
class Look:
    """A run at one step. Losses are per feature."""

    n_sparse: int
    n_dense: int
    p: float
    seed: int
    step: int
    loss: float
    """Exact loss of the weights (section 7): no samples, and no noise of samples."""
    standard_error: float
    """Of its mean over rows; 0 where all were taken."""
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
        """Effective interferers as a share of those of weights without any pattern.

        Of n − 1 independent Gaussian entries (ΣW²)²/ΣW⁴ is (n − 1)/3.
        """
        return 3 * self.interferers / (self.n_sparse - 1)

    def as_dict(self) -> dict[str, Any]:
        known = dataclasses.asdict(self)
        return plain(
            {**known, "loss_over_theory": self.over_theory, "interferers_share": self.share}
        )


def look(settings: Settings, step: int, weights: Weights) -> Look:
    """See what these weights are. Raises WeightsError where they are not finite."""
    generator = np.random.default_rng(settings.seed)
    seen = statistics(weights, settings.p, generator=generator, rows=min(ROWS, weights.n_sparse))
    return Look(
        n_sparse=settings.n_sparse,
        n_dense=settings.n_dense,
        p=settings.p,
        seed=settings.seed,
        step=step,
        loss=seen.exact,
        standard_error=seen.exact_standard_error,
        loss_gaussian=seen.gaussian,
        theory_loss=levels(settings.ratio, settings.p).loss,
        skew=seen.skew,
        interferers=seen.interferers,
    )


class Looks:
    """The looks of one run, on disk as soon as they are there."""

    def __init__(self, run: Path) -> None:
        """Raises OSError, DamagedError."""
        self._path = run / NAME
        self.all, self._end = _read(self._path)

    def keep(self, one: Look) -> None:
        """Raises OSError."""
        content = sealed.line(plain(dataclasses.asdict(one)))
        self._end = sealed.append(self._path, content, self._end)
        self.all.append(one)


def _read(path: Path) -> tuple[list[Look], int]:
    """The looks up to the first line that is not whole: what follows is seen again."""
    found: list[Look] = []
    end = 0
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return found, end
    with file:
        while (line := file.readline(LINE_MOST)) and (facts := sealed.opened(line)):
            facts.pop("crc")
            try:
                found.append(Look(**facts))
            except TypeError as error:
                raise DamagedError(path, "a line of it is no look of rugtui's") from error
            end += len(line)
    return found, end
