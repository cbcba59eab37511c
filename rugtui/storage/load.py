"""Anything that was saved, as plain values: for scripts, for export, for looking at it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rugtui.errors import DamagedError, RunError, WeightsError
from rugtui.models.dense import Dense
from rugtui.models.weight_files.weight_file import WeightFile, read_weight_file
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import newest, weights_of
from rugtui.storage.files import read_json
from rugtui.storage.history_file import NAMES, StoredHistory, read_past
from rugtui.storage.run_directory import ABOUT, settings_of
from rugtui.storage.snapshot import read_snapshot, read_weights
from rugtui.storage.target import place
from rugtui.tables import Table


@dataclass(frozen=True, slots=True, repr=False)
class Saved:
    """A run or a snapshot as it was saved last, or weights from elsewhere."""

    path: Path
    kind: str
    """Which weights these are: trained or rug, or those of a file."""
    step: int
    settings: Settings
    """Of a file, its sizes and for the rest the defaults."""
    weights: Dense
    """W_in (n_dense, n_sparse), W_out (n_sparse, n_dense) and b (n_sparse,), on the CPU."""
    history: Table
    """Columns by name (NAMES); NaN is a gap, and step is whole numbers."""
    marks: tuple[tuple[int, str], ...]
    """Changes of settings: the step, and what changed."""
    facts: dict[str, Any]
    """Versions, machine, and of a snapshot what it measured."""
    notes: tuple[str, ...] = ()
    """What is damaged and was passed over."""

    def __repr__(self) -> str:
        s = self.settings
        sizes = f"n_sparse={s.n_sparse}, n_dense={s.n_dense}, p={s.p_on:g}"
        return f"Saved({str(self.path)!r}, kind={self.kind!r}, step={self.step:,}, {sizes})"

    @property
    def past(self) -> StoredHistory:
        return StoredHistory(NAMES, np.array([self.history[name] for name in NAMES]), self.marks)


def load(what: str | Path) -> Saved:
    """The run or snapshot in a directory, the run of a name, or the weights in a file.

    Raises RunError (none there, or of a newer rugtui), DamagedError, WeightsError, OSError.
    """
    found = place(what)
    readers = {"run": _of_run, "snapshot": _of_snapshot, "weights": _of_weights}
    return readers[found.kind](found.path)


def _of_snapshot(path: Path) -> Saved:
    facts = read_snapshot(path)
    past, notes = read_past(path, NAMES)
    try:
        kind, step = str(facts["kind"]), int(facts["step"])
    except (LookupError, TypeError, ValueError) as error:
        raise DamagedError(path, "snapshot.json lacks what it must have") from error
    settings, weights = settings_of(path, facts), read_weights(path)
    return Saved(
        path, kind, step, settings, weights, history_table(past), past.marks, facts, (*notes,)
    )


def _of_run(path: Path) -> Saved:
    found = newest(path)
    if found is None:
        raise RunError(f"{str(path)!r} was never saved: there are no weights in it yet.")
    file, checkpoint, refused = found
    past, damaged = read_past(path, NAMES)
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
        history_table(past),
        past.marks,
        facts,
        tuple(notes),
    )


def _of_weights(path: Path) -> Saved:
    found = read_weight_file(path)
    settings = Settings(**run_sizes(path, found))
    nothing = history_table(StoredHistory(NAMES, np.empty((len(NAMES), 0))))
    return Saved(path, "file", 0, settings, found.weights, nothing, (), {})


def run_sizes(path: Path, found: WeightFile) -> dict[str, Any]:
    """The settings that weights in a file have for good. Raises WeightsError where no run has."""
    n_sparse, n_dense = found.weights.n_sparse, found.weights.n_dense
    if n_dense >= n_sparse:
        raise WeightsError(
            f"{path} has {n_dense:,} hidden dimensions for {n_sparse:,} features, and a run has "
            f"fewer dimensions than features; `rugtui predict {path}` gives its losses."
        )
    return {"n_sparse": n_sparse, "n_dense": n_dense, "tied": found.tied}


def history_table(past: StoredHistory) -> Table:
    """A history as columns; nobody reads steps as floating-point numbers."""
    columns = dict(zip(past.columns, past.table, strict=True))
    return Table({**columns, "step": columns["step"].astype(np.int64)})
