"""A checkpoint: everything that a run needs to continue bit for bit, in one file.

A run keeps its last two, and resumes from the newest undamaged one; a damaged one is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from rugtui.errors import DamagedError, RunError
from rugtui.models.dense import Dense
from rugtui.settings.settings import EXTRA, Settings
from rugtui.storage import tensors
from rugtui.storage.files import write_whole
from rugtui.storage.history_file import NAMES, StoredHistory, read_past
from rugtui.storage.kept_steps import kept_steps
from rugtui.storage.run_directory import checkpoint_path, checkpoints, settings_of
from rugtui.training.state import State, Views
from rugtui.training.trainer import Trainer

if TYPE_CHECKING:
    from rugtui.storage.checkpoint_writer import CheckpointWriter

Phase = Literal["training", "paused", "done", "failed"]
KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run at one step."""

    settings: Settings
    state: State
    seconds: float
    """Of training so far."""
    phase: Phase
    device: str
    """The device it was trained on, where the settings may say auto."""
    loss: float | None = None
    """Training loss of the last interval, shown in lists of runs."""
    results: int = 0
    """Rows of the history up to this step."""
    thinned: int = 0
    """The step up to which the history had been thinned by then."""

    @property
    def step(self) -> int:
        return self.state.facts["step"]


def write_checkpoint(run: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into a run and return its path. Raises OSError."""
    path = checkpoint_path(run, checkpoint.step)
    facts = {
        "kind": "checkpoint",
        "settings": checkpoint.settings.as_dict(),
        "state": checkpoint.state.facts,
        "seconds": checkpoint.seconds,
        "phase": checkpoint.phase,
        "device": checkpoint.device,
        "loss": checkpoint.loss,
        "results": checkpoint.results,
        "thinned": checkpoint.thinned,
    }
    write_whole(path, *tensors.pieces(checkpoint.state.tensors, facts))
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises OSError, DamagedError, and RunError if a newer rugtui wrote it."""
    found, facts = tensors.read(path)
    settings = settings_of(path, facts)
    weights = found.get("weights")
    if weights is None or weights.numel() < settings.n_sparse * settings.n_dense:
        raise DamagedError(path, "its weights do not have the sizes in its settings")
    try:
        state = State(found, dict(facts["state"]))
        return Checkpoint(
            settings,
            state,
            float(facts["seconds"]),
            facts["phase"],
            str(facts["device"]),
            facts["loss"],
            int(facts["results"]),
            int(facts.get("thinned", 0)),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise DamagedError(path, "entries are missing in it") from error


def newest(run: Path) -> tuple[Path, Checkpoint, list[str]] | None:
    """The newest undamaged checkpoint, and messages about newer ones that are damaged; None if
    there is no checkpoint.

    Raises OSError, DamagedError if all are damaged, and RunError if a newer rugtui wrote one, whose
    work would be lost by continuing from an older one.
    """
    refused = []
    for path in checkpoints(run):
        try:
            return path, read_checkpoint(path), refused
        except DamagedError as error:
            refused.append(str(error))
    if refused:
        raise DamagedError(run, "all its checkpoints are damaged: " + " ".join(refused).rstrip("."))
    return None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The newest undamaged checkpoint of a run, with its history and kept steps up to then."""

    file: Path
    checkpoint: Checkpoint
    past: StoredHistory
    kept_steps: tuple[int, ...]
    notes: tuple[str, ...]
    """Messages about damage that was skipped."""


def stored_run(folder: Path) -> StoredRun | None:
    """A run or snapshot as it was saved; None if it never was. Raises what `newest` does."""
    found = newest(folder)
    if found is None:
        return None
    file, checkpoint, refused = found
    past, damaged = read_past(folder, NAMES)
    kept = tuple(step for step in kept_steps(folder) if step <= checkpoint.step)
    return StoredRun(file, checkpoint, past.until(checkpoint.step), kept, (*refused, *damaged))


Fingerprint = tuple[tuple[str, int, int], ...]


def fingerprint(run: Path) -> Fingerprint:
    """Names and times of a run's checkpoints; it changes when one is written. Raises OSError."""
    known = ((path.name, path.stat()) for path in checkpoints(run))
    return tuple((name, at.st_ino, at.st_mtime_ns) for name, at in known)


@dataclass(frozen=True, slots=True)
class ResumeHandle:
    """A run that was opened for viewing, and can be resumed unless another process trained it
    since."""

    run: Path
    checkpoint: Path
    """The checkpoint that was read."""
    fingerprint: Fingerprint
    """The run's when that was read."""

    def take(self, writer: CheckpointWriter) -> None:
        """Make the writer lock the run, and continue from the checkpoint that was read.

        Raises RunError if another process holds the run or wrote to it since; OSError.
        """
        writer.hold(self.run)
        if fingerprint(self.run) != self.fingerprint:
            writer.release()
            raise RunError(f"{self.run.name!r} was trained further meanwhile: open it again.")
        writer.continue_from(self.checkpoint)


def restore(
    path: Path, checkpoint: Checkpoint, *, device: str = "", screen: bool = False
) -> Trainer:
    """The training restored from a checkpoint. Raises DamagedError, SettingError (no such device).

    `screen`: reserve memory for a dashboard. `device` overrides the settings. On another kind of
    device a new random stream draws the data: a GPU cannot continue the CPU's.
    """
    settings = checkpoint.settings
    settings = settings.replace(device=device) if device else settings
    # Starts from the saved weights, because the file of the initial ones may no longer exist.
    training = Trainer(settings, weights=weights_of(path, checkpoint), screen=screen)
    state = checkpoint.state
    _require_shapes(path, state.tensors, training.state().tensors)
    if training.device.type != checkpoint.device.partition(":")[0]:
        kept = {n: t for n, t in state.tensors.items() if not n.startswith("generator.")}
        state = State(kept, state.facts)
    try:
        training.restore(state)
    except (KeyError, ValueError) as error:  # a missing name, or a wrong size
        raise DamagedError(path, f"it does not match its own settings ({error})") from error
    return training


def weights_of(path: Path, checkpoint: Checkpoint) -> Dense:
    """Only the weights of a checkpoint, on the CPU. Raises DamagedError."""
    settings, flat = checkpoint.settings, checkpoint.state.tensors["weights"]
    cells, rows = settings.n_sparse * settings.n_dense, len(EXTRA.get(settings.activation, ()))
    size = cells * (1 if settings.tied else 2) + settings.n_sparse * (settings.bias + rows)
    if flat.shape != (size,) or not flat.is_floating_point():
        raise DamagedError(path, "its weights do not match its own settings")
    known = {"tied": settings.tied, "bias": settings.bias, "rows": rows}
    views = Views.of(flat, settings.n_sparse, settings.n_dense, **known)
    return views.dense().mapped(torch.Tensor.contiguous)


def _require_shapes(path: Path, found: dict[str, Tensor], fresh: dict[str, Tensor]) -> None:
    """Raises DamagedError for tensors of a wrong shape, except those of the optimizer, which a
    fresh one does not have yet: `Trainer.restore` checks them."""
    for name, tensor in found.items():
        if name.startswith("generator."):  # its size depends on the device
            fits = tensor.dtype is torch.uint8
        elif name in fresh:
            fits = (tensor.dtype, tensor.shape) == (fresh[name].dtype, fresh[name].shape)
        else:
            fits = name.startswith("method.")
        if not fits:
            raise DamagedError(path, f"{name} in it does not match its own settings")
