"""A checkpoint: everything that a run needs to continue bit for bit, in one file.

A run keeps its last two. The newest undamaged one is used; a damaged one is skipped and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from rugtui.errors import DamagedError
from rugtui.models.dense import Dense
from rugtui.settings.settings import EXTRA, Settings
from rugtui.storage import tensors
from rugtui.storage.files import write_whole
from rugtui.storage.run_directory import checkpoint_path, checkpoints, settings_of
from rugtui.training.state import State, Views
from rugtui.training.trainer import Trainer

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
    """The device it ran on; the settings may say auto."""
    loss: float | None = None
    """Training loss of the last interval, for lists of runs."""
    results: int = 0
    """Rows of the history up to this step."""
    thinned: int = 0
    """The step up to which the history was thinned when these rows were counted."""

    @property
    def step(self) -> int:
        return self.state.facts["step"]


def write_checkpoint(run: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into a run and return its path. Raises OSError."""
    path = checkpoint_path(run, checkpoint.step)
    write_whole(path, *_pieces(checkpoint))
    return path


def _pieces(checkpoint: Checkpoint) -> Iterator[Any]:
    """The file's content."""
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
    return tensors.pieces(checkpoint.state.tensors, facts)


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
    """The newest undamaged checkpoint, and what is wrong with newer ones; None if there is none.

    Raises OSError, DamagedError if all are damaged, and RunError if a newer rugtui wrote one:
    continuing from an older one would discard that work.
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


def restore(
    path: Path, checkpoint: Checkpoint, *, device: str = "", screen: bool = False
) -> Trainer:
    """The training restored from a checkpoint. Raises DamagedError, SettingError (no such device).

    `screen`: reserve memory for a dashboard. `device` overrides the settings. On another kind of
    device the data come from a new random stream: a GPU cannot continue the CPU's.
    """
    settings = checkpoint.settings
    settings = settings.replace(device=device) if device else settings
    # With the saved weights: the file of the initial weights may no longer exist.
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
    """Raises DamagedError for tensors of wrong shape. `restore` checks those of the optimizer,
    which a fresh one does not have yet."""
    for name, tensor in found.items():
        if name.startswith("generator."):  # of another device it has another size
            fits = tensor.dtype is torch.uint8
        elif name in fresh:
            fits = (tensor.dtype, tensor.shape) == (fresh[name].dtype, fresh[name].shape)
        else:
            fits = name.startswith("method.")
        if not fits:
            raise DamagedError(path, f"{name} in it does not match its own settings")
