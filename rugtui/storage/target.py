"""Finds the run, snapshot or weight file that a name or path refers to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rugtui.errors import RunError
from rugtui.models.weight_files.archive import split_selectors
from rugtui.storage.run_directory import CHECKPOINT, find_run, is_run, is_snapshot

SUFFIXES = (".safetensors", ".npz", ".npy", ".pt", ".pth", ".ckpt", ".bin", ".pkl")
"""Usual suffixes of weight files; an existing file may have any."""


@dataclass(frozen=True, slots=True)
class Target:
    """A path and what is there."""

    path: Path
    """For weights, including selectors after #."""
    kind: Literal["run", "snapshot", "weights"]


def kind_of(path: Path) -> str:
    """Whether a folder is a run, a snapshot or a sweep; empty if it is none of them."""
    if path.joinpath("sweep.json").is_file():
        return "sweep"
    return "snapshot" if is_snapshot(path) else "run" if is_run(path) else ""


def find_target(wanted: str | Path | None) -> Target:
    """The folder of a snapshot or run (None: the latest run), or a weight file.

    Raises RunError if there is none.
    """
    if wanted is None:
        return Target(find_run(None), "run")
    path = Path(wanted)
    if is_snapshot(path):
        return Target(path.resolve(), "snapshot")
    if is_run(path):
        return Target(path.resolve(), "run")
    if path.is_dir():
        raise RunError(f"{str(wanted)!r} is a folder, but neither a run nor a snapshot.")
    if CHECKPOINT.fullmatch(path.name) and path.exists():
        raise RunError(
            f"{str(wanted)!r} is part of {str(path.parent)!r}: give that folder instead."
        )
    if split_selectors(path)[0].exists():
        return Target(path.absolute(), "weights")
    if Path(str(wanted).partition("#")[0]).suffix in SUFFIXES:
        raise RunError(f"there is no file {str(wanted)!r}.")
    return Target(find_run(wanted), "run")
