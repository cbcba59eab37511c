"""A sweep as a process of its own, `rugtui sweep`: it outlives who started it, and is stopped by a
signal upon which it saves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import platformdirs

from rugtui.errors import RunError
from rugtui.storage.files import PRIVATE_FILE, make_folder
from rugtui.storage.lock import holder
from rugtui.sweeps.folder import SweepFolder, is_sweep
from rugtui.sweeps.grid import Grid

SAID = "sweep.log"
"""What the process says, in the sweep's folder."""
LAST_WORDS = 4096
"""Bytes of it that are looked at."""


def sweeps_folder() -> Path:
    """Where sweeps go that nobody names a folder for."""
    return Path(platformdirs.user_state_dir("rugtui", appauthor=False)) / "sweeps"


def new_folder(grid: Grid) -> Path:
    """A free name for a sweep of this grid; nothing is made."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-n{grid.n_sparse}"
    return sweeps_folder() / "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def known_sweeps() -> list[Path]:
    """The sweeps of that folder and of the working directory, newest first. Raises OSError."""
    folders = [
        one
        for place in (sweeps_folder(), Path.cwd())
        if place.is_dir()
        for one in place.iterdir()
        if is_sweep(one)
    ]
    return sorted(folders, key=lambda one: one.stat().st_mtime, reverse=True)


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
    said = os.open(folder / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
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
