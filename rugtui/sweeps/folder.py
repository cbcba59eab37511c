"""A sweep on disk.

sweep.json        what was asked for, and which versions computed it
rows.jsonl        what was found: a line a unit, appended and synced; what makes it resumable
weights/          weights of cells, where they were asked for
results.parquet   the table, written when the sweep is left
results.csv       the same
lock              who is at it
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rugtui.errors import DamagedError, RugtuiError, RunError, UsageError
from rugtui.settings.fields import fields_of
from rugtui.settings.ranges import numbers
from rugtui.storage import checksummed_jsonl as sealed
from rugtui.storage.files import (
    make_folder,
    open_plain,
    read_json,
    remove_leftovers,
    write_json,
    write_whole,
)
from rugtui.storage.lock import Lock
from rugtui.storage.run_directory import provenance
from rugtui.storage.tensors import refuse_newer
from rugtui.sweeps.grid import AXES, Axes, Grid
from rugtui.sweeps.plan import Unit, units
from rugtui.sweeps.table import Key, Row, row_of, write_tables

ABOUT, ROWS, WEIGHTS = "sweep.json", "rows.jsonl", "weights"
ANYWHERE = ("device",)
"""Settings in which a sweep may differ from how it was begun: rows say their own."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a sweep so far, the latest of each cell, and where its file went on."""

    rows: tuple[Row, ...]
    end: int
    """Bytes of rows.jsonl that are behind them."""
    notes: tuple[str, ...] = ()

    @property
    def keys(self) -> dict[Key, Row]:
        return {row.key: row for row in self.rows}


def is_sweep(path: Path) -> bool:
    return path.joinpath(ABOUT).is_file()


def grid_of(folder: Path) -> Grid:
    """What a sweep was asked for. Raises OSError, DamagedError, RunError (a newer rugtui)."""
    facts = about(folder)
    try:
        return Grid.read(facts["grid"])
    except (LookupError, TypeError, RugtuiError) as error:
        raise DamagedError(folder / ABOUT, f"its grid is not rugtui's ({error})") from error


def about(folder: Path) -> dict[str, Any]:
    """sweep.json. Raises OSError, DamagedError, RunError."""
    facts = read_json(folder / ABOUT)
    refuse_newer(folder / ABOUT, facts)
    return facts


def find(folder: Path, after: int = 0) -> Found:
    """The rows that were appended behind byte `after`; a line that is not whole yet waits for the
    next look. For whoever watches, also while another process computes. Raises OSError."""
    path = folder / ROWS
    latest: dict[Key, Row] = {}
    damaged = 0
    end = after
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return Found((), after)
    with file:
        file.seek(after)
        for line in file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            facts = sealed.opened(line)
            if facts is None:
                damaged += 1
                continue
            for one in facts["rows"]:
                row = row_of(one, path)
                latest[row.key] = row
    lines = "a line is" if damaged == 1 else f"{damaged} lines are"
    notes = (f"{str(path)!r}: {lines} damaged and left out.",) if damaged else ()
    return Found(tuple(latest.values()), end, notes)


class SweepFolder:
    """The one process that computes a sweep; `found` is what was there when it came."""

    def __init__(self, path: Path, grid: Grid, lock: Lock) -> None:
        self.path, self.grid, self._lock = path, grid, lock
        self.units: tuple[Unit, ...] = units(grid)
        self.found = find(path)
        self._rows = self.found.keys
        self._end = self.found.end

    @classmethod
    def begin(cls, path: Path, grid: Grid, *, retry_failed: bool = False) -> SweepFolder:
        """Make a sweep's folder, or take one up that was begun with the same grid, or with one
        that this extends; where failed cells are computed again, they may be so in another way.

        Raises UsageError where something else is there, RunError where somebody is at it, OSError,
        DamagedError.
        """
        fresh = not is_sweep(path)
        if fresh:
            _require_free(path)
            make_folder(path)
        else:
            require_same(path, grid, retry_failed=retry_failed)
        lock = Lock.take(path, screen=False)
        try:
            remove_leftovers(path)
            facts = provenance(grid.device, threads=1) if fresh else about(path)
            if facts.get("grid") != grid.as_dict():
                write_json(path / ABOUT, {**facts, "grid": grid.as_dict()})
            return cls(path, grid, lock)
        except BaseException:
            lock.release()
            raise

    @property
    def rows(self) -> Sequence[Row]:
        """The latest row of each cell."""
        return list(self._rows.values())

    def done(self, *, retry_failed: bool = False) -> set[Key]:
        """The cells that need nothing more."""
        return {key for key, row in self._rows.items() if row.status == "done" or not retry_failed}

    def keep(self, rows: Iterable[Row], weights: dict[str, bytes] | None = None) -> None:
        """Put down a unit's rows, after the weights that they name; synced. Raises OSError."""
        rows = list(rows)
        for name, content in (weights or {}).items():
            write_whole(make_folder(self.path / WEIGHTS) / name, content)
        content = sealed.line({"rows": [row.as_dict() for row in rows]})
        self._end = sealed.append(self.path / ROWS, content, self._end)
        self._rows |= {row.key: row for row in rows}

    def write_tables(self) -> None:
        """results.parquet and results.csv of what there is, in the order of the grid."""
        order = {key: place for place, key in enumerate(k for u in self.units for k in u.keys)}
        rows = sorted(self._rows.values(), key=lambda row: order.get(row.key, len(order)))
        write_tables(self.path, rows, self.grid.as_dict())

    def leave(self) -> None:
        """Write the tables and give the folder free. Raises OSError."""
        try:
            self.write_tables()
        finally:
            self._lock.release()

    def give_free(self) -> None:
        """Let another process have it; the tables stay as they are."""
        self._lock.release()


def require_same(path: Path, grid: Grid, *, retry_failed: bool = False) -> None:
    """Raises UsageError that says in what the sweep of this folder is another: axes may say more
    than they did, and other settings may change for cells that are computed again."""
    there = grid_of(path)
    differ = [
        f"{name} is {_shown(name, there)} there and {_shown(name, grid)} here"
        for name in fields_of(Grid)
        if name not in ANYWHERE
        and not (name in AXES and _values(name, there) <= _values(name, grid))
        and not (name not in AXES and (retry_failed or _same(name, there, grid)))
    ]
    if differ:
        raise UsageError(
            f"{str(path)!r} holds another sweep: {'; '.join(differ)}; continue it with its own "
            "settings (leave them out), extend its axes by naming all old values too, or name "
            "another folder."
        )


def _shown(name: str, grid: Grid) -> str:
    return fields_of(Grid)[name].write(getattr(grid, name))


def _same(name: str, one: Grid, other: Grid) -> bool:
    return getattr(one, name) == getattr(other, name)


def _values(name: str, grid: Grid) -> set[Any]:
    """What an axis says, however it is written."""
    axes = Axes.of(grid)
    known = {"p": axes.p, "seed": axes.seeds, "kinds": axes.kinds}
    text = getattr(grid, name)
    if name in ("n_sparse", "ratio"):
        return set(numbers(name, text))
    return set(known[name]) if name in known else {word.strip() for word in text.split(",")}


def _require_free(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UsageError(f"{str(path)!r} is no folder: name one for the sweep.")
    if path.is_dir() and any(name != "lock" for name in os.listdir(path)):
        raise RunError(
            f"{str(path)!r} is not empty and holds no sweep: name a new folder, or that of a sweep."
        )
