"""A run as the panes show it, whoever trains it, and the verdict on its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rugtui.analysis.verdict import caveat, comparable, death, verdict
from rugtui.live.commands import Kind
from rugtui.live.frame import Reading
from rugtui.live.history import History
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.storage.kept_steps import read_kept
from rugtui.theory.levels import Curves, levels

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession

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


def verdict_on(
    run: ShownRun, kind: Kind, known: Reading, curves: Curves | None, *, learns: bool
) -> str:
    """What the numbers of these weights mean, in a sentence or two. `learns`: they are changing."""
    settings = run.settings
    lines = levels(settings.ratio, settings.p_on, settings.magnitude)
    loss, error = known.loss, known.standard_error
    measured = known.statistics if settings.law.is_usual else None
    below = curves.structured_at(lines.r, lines.p) if curves else None
    if kind == "rug":  # a ReLU model with a bias, whatever the run's settings are
        return verdict(loss, error, lines, measured, below, rug=True)
    said = ""
    if math.isnan(loss):
        # With a recent loss, this one is known in the next Frame; fixed weights are sampled.
        if learns and run.step and math.isnan(run.history.recent_loss(settings)[0]):
            said = "There is no result at these settings yet."
    elif run.dead < settings.n_sparse and comparable(settings):
        live = known.estimate == "live"
        gaussian = live and settings.method == "population"
        begins = live and not run.done and not run.history.was_below(lines.linear, lines.p)
        said = verdict(loss, error, lines, measured, below, begins=begins, gaussian=gaussian)
    return " ".join(filter(None, (death(run.dead, settings), said, caveat(settings))))
