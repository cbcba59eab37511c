"""A sweep as a process of its own, `rugtui sweep`: it outlives who started it, and is stopped by a
signal upon which it saves."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from rugtui.errors import RunError, UsageError
from rugtui.runtime.user_folders import state_folder
from rugtui.storage.files import file_mode, make_folder
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import last_written
from rugtui.sweeps.folder import ABOUT, SweepFolder, is_sweep
from rugtui.sweeps.grid import Grid

SAID = "sweep.log"
"""What the process says, in the sweep's folder."""
LAST_WORDS = 4096
"""Bytes of it that are looked at."""


def sweeps_folder() -> Path:
    """Where sweeps go that nobody names a folder for."""
    return state_folder() / "sweeps"


def new_folder(grid: Grid) -> Path:
    """A free name for a sweep of this grid; nothing is made."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-n{grid.n_sparse}"
    return sweeps_folder() / "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def known_sweeps() -> list[Path]:
    """The sweeps of that folder and of the working directory, newest first. Raises OSError."""
    places = [Path.cwd()]
    with contextlib.suppress(UsageError):  # no home: then no sweep is kept there
        places.insert(0, sweeps_folder())
    folders = [
        one for place in places if place.is_dir() for one in place.iterdir() if is_sweep(one)
    ]
    return sorted(folders, key=lambda one: last_written(one / ABOUT), reverse=True)


def prepare(folder: Path, grid: Grid) -> None:
    """Put down what a sweep is to compute. Raises what SweepFolder.begin does."""
    make_folder(folder.parent)
    SweepFolder.begin(folder, grid).give_free()


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Compute what is left of a sweep, in a process that no terminal's end reaches. Raises OSError,
    RunError where somebody is at it."""
    busy, who = holder(folder)
    if busy:
        raise RunError(f"{who or 'another process'} computes {str(folder)!r} already.")
    said = os.open(folder / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file_mode(folder))
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "rugtui", "sweep", "--out", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
    finally:
        os.close(said)


def stop(folder: Path) -> None:
    """Have whoever computes a sweep save and end. Raises RunError where that cannot be asked from
    here, OSError."""
    busy, who = holder(folder)
    if not busy:
        return
    if who is None or not who.alive:
        raise RunError(f"{who or 'who computes it'} cannot be stopped from this machine.")
    who.ask_to_leave()


def last_words(folder: Path) -> str:
    """The last line that the process said; empty where there is none. Raises OSError."""
    try:
        with (folder / SAID).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - LAST_WORDS, 0))
            lines = file.read().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    return next((one.strip() for one in reversed(lines) if one.strip()), "")
