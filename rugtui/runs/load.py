"""Anything that was saved, as plain values: for scripts, for export, for looking at it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rugtui.config import Settings
from rugtui.errors import DamagedError, RunError
from rugtui.runs.checkpoint import newest, weights_of
from rugtui.runs.directory import ABOUT, is_run, is_snapshot, settings_of
from rugtui.runs.files import read_json
from rugtui.runs.journal import Past, read_past
from rugtui.runs.snapshot import read_snapshot, read_weights
from rugtui.weights.dense import Dense

COLUMNS = ("step", "seconds", "loss", "smoothed", "heldout", "heldout_standard_error", "lr", "p")


@dataclass(frozen=True, slots=True)
class Saved:
    """A run or a snapshot as it was saved last."""

    path: Path
    kind: str
    """Which weights these are: trained or rug."""
    step: int
    settings: Settings
    weights: Dense
    """W_in (n_dense, n_sparse), W_out (n_sparse, n_dense) and b (n_sparse,), on the CPU."""
    history: dict[str, Float[np.ndarray, " results"]]
    """Columns by name (COLUMNS); NaN is a gap."""
    marks: tuple[tuple[int, str], ...]
    """Changes of settings: the step, and what changed."""
    facts: dict[str, Any]
    """Versions, machine, and of a snapshot what it measured."""
    notes: tuple[str, ...] = ()
    """What is damaged and was passed over."""

    @property
    def past(self) -> Past:
        return Past(COLUMNS, np.array([self.history[name] for name in COLUMNS]), self.marks)


def load(path: str | Path) -> Saved:
    """The run or snapshot in a directory. Raises RunError (none there, or of a newer rugtui),
    DamagedError, OSError."""
    path = Path(path)
    if is_snapshot(path):
        return _of_snapshot(path)
    if is_run(path):
        return _of_run(path)
    raise RunError(f"{str(path)!r} is neither a run nor a snapshot.")


def _of_snapshot(path: Path) -> Saved:
    facts = read_snapshot(path)
    past, notes = read_past(path, COLUMNS)
    try:
        kind, step = str(facts["kind"]), int(facts["step"])
    except (LookupError, TypeError, ValueError) as error:
        raise DamagedError(path, "snapshot.json lacks what it must have") from error
    settings, weights = settings_of(path, facts), read_weights(path)
    return Saved(path, kind, step, settings, weights, _columns(past), past.marks, facts, (*notes,))


def _of_run(path: Path) -> Saved:
    found = newest(path)
    if found is None:
        raise RunError(f"{str(path)!r} was never saved: there are no weights in it yet.")
    file, checkpoint, refused = found
    past, damaged = read_past(path, COLUMNS)
    past = past.until(checkpoint.step)
    notes = [*refused, *damaged]
    try:
        facts = read_json(path / ABOUT)
    except (OSError, DamagedError) as error:
        facts = {}
        notes.append(str(error))
    return Saved(
        path,
        "trained",
        checkpoint.step,
        checkpoint.settings,
        weights_of(file, checkpoint),
        _columns(past),
        past.marks,
        facts,
        tuple(notes),
    )


def _columns(past: Past) -> dict[str, np.ndarray]:
    return dict(zip(past.columns, past.table, strict=True))
