"""A sweep in a process of its own, `rugtui sweep`: start it, stop it, and follow its folder.

The process outlives the one that started it, and saves when a signal stops it. A sweep that any
other process computes, here or on another machine, can be followed too.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rugtui.errors import RunError, UsageError
from rugtui.storage.files import file_mode, last_lines, make_folder, state_folder
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import last_written
from rugtui.sweeps.folder import ABOUT, ROWS, SweepFolder, grid_of, is_sweep, read_rows
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.table import Key, Row

Doing = Literal["starting", "computing", "stopped", "done", "failed"]
STOPPED_BY_SIGNAL = (-15, -2, 130, 143)
"""Exit codes."""
ERRORS = "sweep.log"
"""The process's standard error, in the sweep's folder."""
LAST_WORDS = 4096
"""Bytes at the end of that file in which its last line is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """The state of a sweep."""

    folder: Path
    grid: Grid
    axes: Axes
    rows: tuple[Row, ...]
    """The latest of each cell."""
    doing: Doing
    who: str = ""
    """The process that computes it."""
    notes: tuple[str, ...] = ()
    """Messages about its files, and the last line of a process that failed."""

    @property
    def failed(self) -> int:
        return sum(row.status == "failed" for row in self.rows)


class Watch:
    """Follows a sweep through its folder."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        """`process`: that which this program started, if it did. Raises OSError, RugtuiError."""
        self.folder, self._process = folder, process
        self._grid = grid_of(folder)
        self._axes = Axes.of(self._grid)
        self._rows: dict[Key, Row] = {}
        self._end = 0
        self._notes: tuple[str, ...] = ()
        self._told: tuple[object, ...] = ()

    def poll(self) -> Watched | None:
        """The sweep's state, or None if nothing changed. Raises OSError, RugtuiError."""
        doing, who, said = self._doing()
        found = read_rows(self.folder, self._from())
        self._rows |= found.latest
        self._end, self._notes = found.end, (*self._notes, *found.notes)
        if doing in ("stopped", "failed") and len(self._rows) >= self._axes.cells:
            doing, said = "done", ""  # rows of failed cells say why
        notes = (*self._notes, *([said] if said else []))
        told = (doing, who, notes, self._end)
        if told == self._told:
            return None
        self._told = told
        rows = tuple(self._rows.values())
        return Watched(self.folder, self._grid, self._axes, rows, doing, who, notes)

    def _from(self) -> int:
        """The byte from which to read on: 0 if the file became shorter, as after a crash."""
        path = self.folder / ROWS
        if path.is_file() and path.stat().st_size < self._end:
            self._end, self._notes = 0, ()
        return self._end

    def _doing(self) -> tuple[Doing, str, str]:
        """The state of the sweep, its process, and the last line of a process that failed."""
        # First the process, then the lock: until it ends, our process may still take the lock.
        code = self._process.poll() if self._process else None
        busy, who = holder(self.folder)
        if busy:
            return "computing", str(who or "another process"), ""
        if self._process is None:
            return "stopped", "", ""
        if code is None:
            return "starting", f"process {self._process.pid}", ""
        if code == 0 or code in STOPPED_BY_SIGNAL:
            return "stopped", "", ""
        return "failed", "", last_words(self.folder) or f"the process ended with code {code}"


def sweeps_folder() -> Path:
    """Where sweeps are saved by default."""
    return state_folder() / "sweeps"


def new_folder(grid: Grid) -> Path:
    """The path of a new sweep of this grid."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-n{grid.n_sparse}"
    return sweeps_folder() / "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def known_sweeps() -> list[Path]:
    """The sweeps in `sweeps_folder` and the working directory, newest first. Raises OSError."""
    places = [Path.cwd()]
    with contextlib.suppress(UsageError):  # there is no home directory
        places.insert(0, sweeps_folder())
    folders = [
        one for place in places if place.is_dir() for one in place.iterdir() if is_sweep(one)
    ]
    return sorted(folders, key=lambda one: last_written(one / ABOUT), reverse=True)


def prepare(folder: Path, grid: Grid) -> None:
    """Make the folder of a sweep. Raises what SweepFolder.begin does."""
    make_folder(folder.parent)
    SweepFolder.begin(folder, grid).close(tables=False)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Compute the rest of a sweep in a process that does not depend on this terminal. Raises
    RunError if another process computes it, OSError."""
    busy, who = holder(folder)
    if busy:
        raise RunError(f"{who or 'another process'} is already computing {str(folder)!r}.")
    said = os.open(folder / ERRORS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file_mode(folder))
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
    """Ask the process that computes a sweep to save and end. Raises RunError if it cannot be
    signalled from here, OSError."""
    busy, who = holder(folder)
    if not busy:
        return
    if who is None or not who.alive:
        raise RunError(f"{who or 'the other process'} cannot be stopped from this machine.")
    who.ask_to_exit()


def last_words(folder: Path) -> str:
    """The last line that the process wrote; empty if there is none. Raises OSError,
    DamagedError."""
    try:
        lines = last_lines(folder / ERRORS, LAST_WORDS)
    except FileNotFoundError:
        return ""
    return next((one.strip() for one in reversed(lines) if one.strip()), "")
