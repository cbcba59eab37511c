"""Runs, snapshots and weight files as plain values, for scripts and export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rugtui.errors import DamagedError, RunError, UsageError
from rugtui.models.dense import Dense
from rugtui.models.weight_files.archive import split_selectors
from rugtui.models.weight_files.weight_file import WeightFile, read_weight_file
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import stored_run, weights_of
from rugtui.storage.files import read_json
from rugtui.storage.history_file import NAMES, StoredHistory, read_past
from rugtui.storage.run_directory import ABOUT, find_target, settings_of
from rugtui.storage.snapshot import read_snapshot, read_weights
from rugtui.tables import Table
from rugtui.vocabulary import NAMES as VOCABULARY

UNKNOWN = ("p", "activation")
"""Settings that determine the loss and that few weight files contain."""
TAGS = {
    "loss": "loss/train",
    "smoothed": "loss/smoothed",
    "heldout": "loss/heldout",
    "lr": "settings/lr",
    "p": "settings/p",
    "batch": "settings/batch",
}
"""Columns of the history, and what TensorBoard calls them."""


@dataclass(frozen=True, slots=True, repr=False)
class Saved:
    """A run or a snapshot as it was last saved, or the weights of a file."""

    path: Path
    kind: str
    """Of the weights: trained, rug or file."""
    step: int
    settings: Settings
    """Of a weight file: sizes from the file, p and activation None unless it contains them,
    otherwise defaults; `settings.replace(p=0.1, activation="relu")` makes them complete."""
    weights: Dense
    """W_in (n_dense, n_sparse), W_out (n_sparse, n_dense) and b (n_sparse,), on the CPU."""
    history: Table
    """Columns by name (NAMES); NaN is a gap, and step is whole numbers."""
    marks: tuple[tuple[int, str], ...]
    """Changes of settings: the step, and what changed."""
    facts: dict[str, Any]
    """Versions, machine, and the measurements of a snapshot."""
    notes: tuple[str, ...] = ()
    """What is damaged and was skipped; of a weight file, what each array was read as."""

    def __repr__(self) -> str:
        s = self.settings
        p = "unknown" if s.p_on is None else f"{s.p_on:g}"
        sizes = f"n_sparse={s.n_sparse}, n_dense={s.n_dense}, p={p}"
        return f"Saved({str(self.path)!r}, kind={self.kind!r}, step={self.step:,}, {sizes})"

    @property
    def past(self) -> StoredHistory:
        return StoredHistory(NAMES, np.array([self.history[name] for name in NAMES]), self.marks)


def load(what: str | Path) -> Saved:
    """The run or snapshot in a directory, the run of a name, or the weights in a file.

    Raises RunError (not found, or written by a newer rugtui), DamagedError, WeightsError, OSError.
    """
    found = find_target(what)
    readers = {"run": _of_run, "snapshot": _of_snapshot, "weights": _of_weights}
    return readers[found.kind](found.path)


def _of_snapshot(path: Path) -> Saved:
    facts = read_snapshot(path)
    past, notes = read_past(path, NAMES)
    try:
        kind, step = str(facts["kind"]), int(facts["step"])
    except (LookupError, TypeError, ValueError) as error:
        raise DamagedError(path, "entries are missing in snapshot.json") from error
    settings, weights = settings_of(path, facts), read_weights(path)
    return Saved(
        path, kind, step, settings, weights, history_table(past), past.marks, facts, (*notes,)
    )


def _of_run(path: Path) -> Saved:
    found = stored_run(path)
    if found is None:
        raise RunError(f"{str(path)!r} was never saved: it contains no weights yet.")
    checkpoint, notes = found.checkpoint, found.notes
    try:
        facts = read_json(path / ABOUT)
    except (OSError, DamagedError) as error:
        facts, notes = {}, (*notes, str(error))
    return Saved(
        path,
        "trained",
        checkpoint.step,
        checkpoint.settings,
        weights_of(found.file, checkpoint),
        history_table(found.past),
        found.past.marks,
        facts,
        notes,
    )


def _of_weights(path: Path) -> Saved:
    found = read_weight_file(path)
    settings = file_settings(found)
    nothing = history_table(StoredHistory(NAMES, np.empty((len(NAMES), 0))))
    file, _ = split_selectors(path)
    return Saved(file, "file", 0, settings, found.weights, nothing, (), {}, (found.report,))


def file_settings(found: WeightFile) -> Settings:
    """The settings of weights in a file: p and activation are None if the file does not contain
    them."""
    known = run_sizes(found)
    return _without(Settings(**known), [name for name in UNKNOWN if name not in known])


def with_unknown(settings: Settings, changes: dict[str, Any]) -> Settings:
    """A validated copy with changes; other None settings stay None. Raises SettingError."""
    unknown = [name for name in UNKNOWN if getattr(settings, name) is None]
    complete = settings.replace(**{name: getattr(Settings(), name) for name in unknown} | changes)
    return _without(complete, [name for name in unknown if name not in changes])


def _without(settings: Settings, names: list[str]) -> Settings:
    for name in names:  # a frozen class, but a copy that nobody else has seen
        object.__setattr__(settings, name, None)
    return settings


def run_sizes(found: WeightFile) -> dict[str, Any]:
    """The settings of a run that a file contains."""
    sizes = {"n_sparse": found.weights.n_sparse, "n_dense": found.weights.n_dense}
    return {**sizes, "tied": found.tied, **found.said.settings()}


def history_table(past: StoredHistory) -> Table:
    """A history as columns, with steps as integers."""
    columns = dict(zip(past.columns, past.table, strict=True))
    return Table({**columns, "step": columns["step"].astype(np.int64)})


def write_event_files(saved: Saved, folder: Path) -> None:
    """Write a run's history for TensorBoard: a scalar for each column, by step and training time.

    Raises UsageError if tensorboardX is not installed, OSError.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--format tensorboard needs tensorboardX; `pip install 'rugtui[tensorboard]'`."
        ) from error
    history = saved.history
    with SummaryWriter(str(folder)) as writer:
        for name, tag in TAGS.items():
            for step, seconds, value in zip(
                history["step"], history["seconds"], history[name], strict=True
            ):
                if np.isfinite(value):
                    writer.add_scalar(
                        tag,
                        float(value),
                        int(step),
                        walltime=float(seconds),
                        summary_description=VOCABULARY[name].meaning,
                    )
        settings = "\n".join(
            f"    {name}: {value}" for name, value in saved.settings.as_dict().items()
        )
        writer.add_text("settings", settings, saved.step)
