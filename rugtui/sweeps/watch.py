"""A sweep looked at from outside, whichever process computes it, on this machine or another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rugtui.storage.lock import holder
from rugtui.sweeps.folder import ROWS, about, find, grid_of
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.process import last_words
from rugtui.sweeps.table import Key, Row

if TYPE_CHECKING:
    import subprocess

Doing = Literal["starting", "computing", "stopped", "done", "failed"]
STOPPED_BY_SIGNAL = (-15, -2, 130, 143)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A sweep as it is now."""

    folder: Path
    grid: Grid
    axes: Axes
    rows: tuple[Row, ...]
    """The latest of each cell."""
    doing: Doing
    who: str = ""
    """The process that computes it."""
    notes: tuple[str, ...] = ()
    """What is wrong with its files, or what its process said last before it failed."""

    @property
    def failed(self) -> int:
        return sum(row.status == "failed" for row in self.rows)


class Watch:
    """Reads of a sweep's folder what is new in it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        """`process`: the one that was started for it here. Raises OSError, RugtuiError."""
        about(folder)
        self.folder, self._process = folder, process
        self._grid = grid_of(folder)
        self._axes = Axes.of(self._grid)
        self._rows: dict[Key, Row] = {}
        self._end = 0
        self._notes: tuple[str, ...] = ()
        self._told: tuple[object, ...] = ()

    def look(self) -> Watched | None:
        """The sweep as it is, None where nothing changed since. Raises OSError, RugtuiError."""
        doing, who, said = self._doing()
        found = find(self.folder, self._from())
        self._rows |= found.keys
        self._end, self._notes = found.end, (*self._notes, *found.notes)
        if doing in ("stopped", "failed") and len(self._rows) >= self._axes.cells:
            doing, said = "done", ""  # cells that failed are rows, which say why
        notes = (*self._notes, *([said] if said else []))
        told = (doing, who, notes, self._end)
        if told == self._told:
            return None
        self._told = told
        rows = tuple(self._rows.values())
        return Watched(self.folder, self._grid, self._axes, rows, doing, who, notes)

    def _from(self) -> int:
        """The byte to read on from: a file that became shorter was torn, and is read anew."""
        path = self.folder / ROWS
        if path.is_file() and path.stat().st_size < self._end:
            self._end, self._notes = 0, ()
        return self._end

    def _doing(self) -> tuple[Doing, str, str]:
        """What happens to it, by whom, and the last words of a process that failed."""
        # Whether our own process ended is asked first: it may take the lock until then.
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
