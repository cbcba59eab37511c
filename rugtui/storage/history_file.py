"""history.jsonl: a line with a checksum for each result, appended.

A last line that a crash left incomplete is ignored; other damaged lines are skipped and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rugtui.errors import DamagedError
from rugtui.storage.files import append_at, jsonl_line, open_plain, read_jsonl_line, write_whole

NAME = "history.jsonl"
HELDOUT = ("heldout", "heldout_standard_error")
NAMES = ("step", "seconds", "loss", "smoothed", *HELDOUT, "lr", "p", "batch")
"""The columns of a run's history."""
LINE_MOST = 4096
LINES_MOST, FILE_MOST = 200_000, 64 << 20
"""Limits on the lines and bytes that are read; histories are thinned long before."""
STEP_MOST = 1 << 53
"""Above this, steps are not exact as floats."""


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """A history as it is stored: named columns, in which NaN is a gap, and changes of settings."""

    columns: tuple[str, ...]
    table: Float[np.ndarray, "columns results"]
    marks: tuple[tuple[int, str], ...] = ()
    thinned: int = 0
    """The step up to which rows were thinned, or 0. When it changes, rows in the file are
    outdated."""

    def until(self, step: int) -> StoredHistory:
        """The history up to this step."""
        keep = self.table[self.columns.index("step")] <= step
        marks = tuple(mark for mark in self.marks if mark[0] <= step)
        return StoredHistory(self.columns, self.table[:, keep], marks, min(self.thinned, step))


class HistoryFile:
    """Writes the history of a run."""

    def __init__(self, run: Path) -> None:
        self._path = run / NAME
        self._rows, self._marks, self._thinned = 0, 0, -1
        self._length = 0
        self._last: list[float] = []

    def bring_up_to(self, past: StoredHistory) -> None:
        """Append new rows, or rewrite the file if old ones changed, and sync it. Raises OSError."""
        if past.thinned != self._thinned or not self._continued(past) or not self._path.exists():
            content = b"".join([_thinned(past.thinned), *_lines(past, 0, 0)])
            write_whole(self._path, content)
            self._length = len(content)
        else:
            new = b"".join(_lines(past, self._rows, self._marks))
            self._length = append_at(self._path, new, self._length)
        self._rows, self._marks, self._thinned = past.table.shape[1], len(past.marks), past.thinned
        self._last = past.table[:, -1].tolist() if self._rows else []

    def _continued(self, past: StoredHistory) -> bool:
        """Whether this continues what was written. A run that diverged went back to an earlier
        step, and may have reached the same length again."""
        if past.table.shape[1] < self._rows or len(past.marks) < self._marks:
            return False
        return not self._rows or np.array_equal(
            past.table[:, self._rows - 1], self._last, equal_nan=True
        )


def read_past(run: Path, columns: Sequence[str]) -> tuple[StoredHistory, list[str]]:
    """The history of a run in these columns, and messages about damage.

    Damaged parts are left out, because the weights may still be intact. Raises OSError.
    """
    path = run / NAME
    rows: list[list[float]] = []
    marks: list[tuple[int, str]] = []
    damaged: list[int] = []
    thinned = last = 0
    try:
        for number, facts in _facts(path):
            last = number
            if facts is None:
                damaged.append(number)
            elif "mark" in facts:
                marks.append((facts["step"], str(facts["mark"])))
            elif "thinned" in facts:
                thinned = facts["step"]
            else:
                try:
                    rows.append([float(facts.get(name, "nan")) for name in columns])
                except (TypeError, ValueError, OverflowError):
                    damaged.append(number)
        said = _too_long(path, last)
    except FileNotFoundError:
        said = []
    except DamagedError as error:
        said = [str(error)]
    table = np.array(rows, dtype=float).reshape(len(rows), len(columns)).T
    if damaged:
        said = [f"{str(path)!r}: {_which(damaged)} damaged and left out.", *said]
    return StoredHistory(tuple(columns), np.ascontiguousarray(table), tuple(marks), thinned), said


def _lines(past: StoredHistory, first_row: int, first_mark: int) -> Iterator[bytes]:
    for row in past.table[:, first_row:].T.tolist():
        known = zip(past.columns, row, strict=True)
        yield jsonl_line({name: _number(value) for name, value in known if value == value})
    for step, text in past.marks[first_mark:]:
        yield jsonl_line({"step": step, "mark": text})


def _thinned(step: int) -> bytes:
    """The first line: up to which step rows were thinned. Empty for 0."""
    return jsonl_line({"step": step, "thinned": True}) if step else b""


def _number(value: float) -> float | int | str:
    """Whole numbers as integers, and infinity, which JSON lacks, as text."""
    if value in (float("inf"), float("-inf")):
        return str(value)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _facts(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Line numbers and facts up to the limits, None for a damaged line. Skips an incomplete last
    line."""
    with open_plain(path) as file:
        number = length = 0
        while number < LINES_MOST and length < FILE_MOST and (line := file.readline(LINE_MOST)):
            number, length = number + 1, length + len(line)
            facts = _unsealed(line)
            if facts is None and not file.peek(1):
                return
            yield number, facts


def _too_long(path: Path, last: int) -> list[str]:
    """A warning if the file exceeds the limits of `_facts`."""
    if path.stat().st_size <= FILE_MOST and last < LINES_MOST:
        return []
    return [f"{str(path)!r}: lines after {last:,} are left out: a history is never that long."]


def _unsealed(line: bytes) -> dict[str, Any] | None:
    facts = read_jsonl_line(line)
    step = facts.get("step") if facts else None
    return facts if isinstance(step, int) and 0 <= step < STEP_MOST else None


def _which(numbers: list[int]) -> str:
    first = ", ".join(map(str, numbers[:5]))
    return f"line {first} is" if len(numbers) == 1 else f"{len(numbers):,} lines ({first} …) are"
