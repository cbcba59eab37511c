"""The folder of a sweep, and the computation that fills it.

sweep.json        the grid, and the versions that compute it
rows.jsonl        the results, a line for each unit, appended and synced: a sweep resumes from them
weights/          weights of cells, if they are to be saved
results.parquet   the table, written when the sweep ends
results.csv       the same
lock              the process that computes it
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rugtui.errors import DamagedError, RugtuiError, RunError, UsageError
from rugtui.settings.fields import fields_of, numbers
from rugtui.storage.files import (
    append_at,
    jsonl_line,
    make_folder,
    open_plain,
    read_json,
    read_jsonl_line,
    remove_leftovers,
    write_json,
    write_whole,
)
from rugtui.storage.lock import Lock
from rugtui.storage.run_directory import provenance
from rugtui.storage.tensors import refuse_newer
from rugtui.sweeps.estimate import seconds_of
from rugtui.sweeps.grid import AXES, Axes, Grid
from rugtui.sweeps.plan import RANDOM, Unit, left, units
from rugtui.sweeps.table import Key, Row, row_of, write_tables

ABOUT, ROWS, WEIGHTS = "sweep.json", "rows.jsonl", "weights"
MAY_CHANGE = ("device",)
"""Settings that may change when a sweep continues, because each row contains its own."""


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Rows of a sweep."""

    latest: dict[Key, Row]
    """The latest row of each cell."""
    end: int
    """Bytes of rows.jsonl that were read."""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[Row]:
        return list(self.latest.values())


def is_sweep(path: Path) -> bool:
    return path.joinpath(ABOUT).is_file()


def grid_of(folder: Path) -> Grid:
    """The grid of a sweep. Raises OSError, DamagedError, RunError (written by a newer rugtui)."""
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


def read_rows(folder: Path, after: int = 0) -> StoredRows:
    """The rows appended after byte `after`, perhaps while another process computes: a last line
    that is still being written is left out. Raises OSError."""
    path = folder / ROWS
    latest: dict[Key, Row] = {}
    damaged, end = 0, after
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return StoredRows({}, after)
    with file:
        file.seek(after)
        for line in file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            facts = read_jsonl_line(line)
            if facts is None:
                damaged += 1
                continue
            for one in facts["rows"]:
                row = row_of(one, path)
                latest[row.key] = row
    lines = "a line is" if damaged == 1 else f"{damaged} lines are"
    notes = (f"{str(path)!r}: {lines} damaged and ignored.",) if damaged else ()
    return StoredRows(latest, end, notes)


class SweepFolder:
    """The folder, locked by the process that computes the sweep; `found` is what was in it
    before."""

    def __init__(self, path: Path, grid: Grid, lock: Lock) -> None:
        self.path, self.grid, self._lock = path, grid, lock
        self.units: tuple[Unit, ...] = units(grid)
        self.found = read_rows(path)
        self._rows = dict(self.found.latest)
        self._end = self.found.end

    @classmethod
    def begin(cls, path: Path, grid: Grid, *, retry_failed: bool = False) -> SweepFolder:
        """Make a sweep's folder, or continue one whose grid is the same, or part of this one; with
        `retry_failed`, settings other than the axes may differ.

        Raises UsageError if another sweep is there, RunError if the folder is in use or contains
        something else, OSError, DamagedError.
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
        """The cells that need not be computed."""
        return {key for key, row in self._rows.items() if row.status == "done" or not retry_failed}

    def keep(self, rows: Iterable[Row], weights: dict[str, bytes] | None = None) -> None:
        """Write a unit's weights, then its rows, synced. Raises OSError."""
        rows = list(rows)
        for name, content in (weights or {}).items():
            write_whole(make_folder(self.path / WEIGHTS) / name, content)
        content = jsonl_line({"rows": [row.as_dict() for row in rows]})
        self._end = append_at(self.path / ROWS, content, self._end)
        self._rows |= {row.key: row for row in rows}

    def write_tables(self) -> None:
        """Write results.parquet and results.csv, in the order of the grid."""
        order = {key: place for place, key in enumerate(k for u in self.units for k in u.keys)}
        rows = sorted(self._rows.values(), key=lambda row: order.get(row.key, len(order)))
        write_tables(self.path, rows, self.grid.as_dict())

    def close(self, *, tables: bool = True) -> None:
        """Write the tables, unless `tables` is False, and release the lock. Raises OSError."""
        try:
            if tables:
                self.write_tables()
        finally:
            self._lock.release()


def require_same(path: Path, grid: Grid, *, retry_failed: bool = False) -> None:
    """Raises UsageError, with the differences, unless `begin` may continue the sweep in this
    folder."""
    stored = grid_of(path)
    without_topk = "topk" not in _values("activation", stored)
    may_change = (*MAY_CHANGE, "k") if without_topk else MAY_CHANGE
    differ = [
        f"{name} is {_shown(name, stored)} there and {_shown(name, grid)} here"
        for name in fields_of(Grid)
        if name not in may_change
        and not (name in AXES and _values(name, stored) <= _values(name, grid))
        and not (
            name not in AXES and (retry_failed or getattr(stored, name) == getattr(grid, name))
        )
    ]
    if differ:
        raise UsageError(
            f"{str(path)!r} holds another sweep: {'; '.join(differ)}; continue it with its own "
            "settings (leave them out), extend its axes by naming all old values too, or name "
            "another folder."
        )


def _shown(name: str, grid: Grid) -> str:
    return fields_of(Grid)[name].write(getattr(grid, name))


def _values(name: str, grid: Grid) -> set[Any]:
    """The values of an axis, which may be written in several ways."""
    axes = Axes.of(grid)
    known = {"p": axes.p, "seed": axes.seeds, "kinds": axes.kinds}
    text = getattr(grid, name)
    if name in ("n_sparse", "ratio"):
        return set(numbers(name, text))
    return set(known[name]) if name in known else {word.strip() for word in text.split(",")}


def _require_free(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UsageError(f"{str(path)!r} is not a folder: name one for the sweep.")
    if path.is_dir() and any(name != "lock" for name in os.listdir(path)):
        raise RunError(
            f"{str(path)!r} is not empty and holds no sweep: name a new folder, or that of a sweep."
        )


Outcomes = Callable[..., Iterator[Any]]
"""(units, grid, cancelled) → an Outcome of each unit, in any order: here or on a cluster."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a sweep."""

    done: int
    """Cells, including those that were done before."""
    total: int
    failed: int
    rows: tuple[Row, ...]
    """The new ones."""
    rate: float
    """Cells per second since this process began."""
    left: float | None
    """Estimated seconds for the rest; None until the first unit that takes time is done."""


def run(
    folder: SweepFolder,
    outcomes: Outcomes,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    retry_failed: bool = False,
) -> Iterator[Progress]:
    """Compute what is not done yet, save each unit, and yield after it.

    Ends early once `cancelled`. Raises OSError and what `outcomes` raises.
    """
    before = folder.done(retry_failed=retry_failed)
    # formulas take no time; then the longest units first, so that no core is idle at the end
    todo = sorted(
        left(folder.units, before),
        key=lambda unit: (unit.kind in RANDOM, -_cost(unit, folder.grid)),
    )
    total, begun, computing, new = Axes.of(folder.grid).cells, time.monotonic(), None, 0
    costs = {key: _cost(unit, folder.grid) / len(unit.cells) for unit in todo for key in unit.keys}
    spent, to_spend = 0.0, sum(costs.values())
    for outcome in outcomes(todo, folder.grid, cancelled):
        rows = [row for row in outcome.rows if row.key not in before]
        folder.keep(rows, outcome.weights)
        new += len(rows)
        now, done = time.monotonic(), len(folder.done())
        spent += sum(costs[row.key] for row in outcome.rows)
        if spent and computing is None:  # from here on, without the time to start processes
            computing = now - sum(row.seconds or 0.0 for row in outcome.rows)
        left_for = (now - computing) * (to_spend - spent) / spent if computing is not None else None
        failed = sum(row.status == "failed" for row in folder.rows)
        rate = new / max(now - begun, 1e-9)
        yield Progress(done, total, failed, tuple(rows), rate, left_for and max(left_for, 0.0))


def _cost(unit: Unit, grid: Grid) -> float:
    """Estimated seconds; 0 for formulas."""
    return seconds_of(unit, grid) if unit.kind in RANDOM else 0.0
