"""Finds what a name or path refers to: a run, a snapshot or a weight file."""

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
class Place:
    """A path and what is there."""

    path: Path
    """Of weights, with what stands behind the file's name after #."""
    kind: Literal["run", "snapshot", "weights"]


def kind_of(path: Path) -> str:
    """Whether a folder is a run, a snapshot or a sweep; empty where it is none of them."""
    if path.joinpath("sweep.json").is_file():
        return "sweep"
    return "snapshot" if is_snapshot(path) else "run" if is_run(path) else ""


def place(wanted: str | Path | None) -> Place:
    """The folder of a snapshot, a run (the latest where nothing is named), or a file of weights.

    Raises RunError where there is no such thing.
    """
    if wanted is None:
        return Place(find_run(None), "run")
    path = Path(wanted)
    if is_snapshot(path):
        return Place(path.resolve(), "snapshot")
    if is_run(path):
        return Place(path.resolve(), "run")
    if path.is_dir():
        raise RunError(f"{str(wanted)!r} is a folder, but neither a run nor a snapshot.")
    if CHECKPOINT.fullmatch(path.name) and path.exists():
        raise RunError(
            f"{str(wanted)!r} is part of {str(path.parent)!r}: give that folder instead."
        )
    if split_selectors(path)[0].exists():
        return Place(path.absolute(), "weights")
    if Path(str(wanted).partition("#")[0]).suffix in SUFFIXES:
        raise RunError(f"there is no file {str(wanted)!r}.")
    return Place(find_run(wanted), "run")
