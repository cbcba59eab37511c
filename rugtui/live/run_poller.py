"""Where a run stands that another process trains, and what that process saved last.

Nothing is taken, written or asked for: its lock and its folder are looked at a few times a second,
and a save is read when there is a new one, in a thread of its own.
"""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rugtui.live.history import NAMES
from rugtui.models.dense import Dense
from rugtui.storage.checkpoint import Checkpoint, newest, weights_of
from rugtui.storage.history_file import StoredHistory, read_past
from rugtui.storage.listing import State, state_of
from rugtui.storage.lock import Holder
from rugtui.storage.resume_handle import Fingerprint, fingerprint
from rugtui.storage.run_directory import is_run

EVERY = 0.25
"""Seconds between two looks at the folder."""
SHARE = 0.1
"""Part of one core that reading may take: the trainer may have no other."""

Standing = State | Literal["gone"]
"""What has become of the run; gone is one whose folder was deleted."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedState:
    """A run as it was saved once."""

    checkpoint: Checkpoint
    weights: Dense
    past: StoredHistory
    age: float = 0.0
    """Seconds from when it was written to when it was read: for the first, as far as this machine's
    clock and that of the files agree."""
    notes: tuple[str, ...] = ()
    """What is damaged and was passed over."""


class RunPoller:
    """Looks at one run. One thread asks it, and calls `leave` in the end."""

    def __init__(self, run: Path) -> None:
        """Raises OSError."""
        self.run = run
        self.standing: Standing = "live"
        self.holder: Holder | None = None
        """The process that trains it, while one does."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lookout")
        self._pending: Future[tuple[SavedState, float]] | None = None
        self._there: Fingerprint = ()
        self._appeared: float | None = None
        """When the newest save was first seen, if after the first look."""
        self._read: Fingerprint = ()
        self._look_at = self._rest_until = 0.0

    @property
    def caught_up(self) -> bool:
        """Whether there is nothing in it that has not been handed over."""
        return self._pending is None and self._read == self._there

    def poll(self) -> SavedState | None:
        """What was saved since the last one, once. Raises RugtuiError, OSError for what cannot be
        read of it, once for each save."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + EVERY
            self._look()
        rested = now >= self._rest_until or self.standing != "live"
        if rested and self._pending is None and self._there not in ((), self._read):
            self._read = self._there
            self._pending = self._thread.submit(_timed_sight, self.run)
        return self._collect()

    def leave(self) -> None:
        """Go home; what is being read is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        """How it stands, and only then what there is: after the end nothing more is saved."""
        try:
            self.standing, self.holder = state_of(self.run)
            there = fingerprint(self.run)
        except (FileNotFoundError, NotADirectoryError):
            if not is_run(self.run):
                self.standing, self.holder, self._there = "gone", None, self._read
            return  # else a file that was replaced meanwhile
        if there:  # a folder that is being deleted loses its files one by one
            if self._there not in ((), there):
                self._appeared = time.monotonic()
            self._there = there

    def _collect(self) -> SavedState | None:
        if self._pending is None or not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        try:
            sight, took = pending.result()
        except FileNotFoundError:
            self._read = ()  # replaced, or deleted, while it was read
            return None
        self._rest_until = time.monotonic() + took / SHARE
        if self._appeared is not None:
            sight = dataclasses.replace(sight, age=time.monotonic() - self._appeared)
        return sight


def sight_of(run: Path) -> SavedState | None:
    """The newest save of a run that is whole, None where there is none.

    Raises OSError, DamagedError, RunError (of a newer rugtui).
    """
    found = newest(run)
    if found is None:
        return None
    path, checkpoint, refused = found
    past, damaged = read_past(run, NAMES)
    past = past.until(checkpoint.step)
    age = max(0.0, time.time() - path.stat().st_mtime)
    read = weights_of(path, checkpoint)
    # What is read may be a map of the file: it would keep a deleted one's space on the disk, and a
    # network's file that another machine deletes would take this process with it.
    weights = Dense(read.W_in.clone(), read.W_out.clone(), read.b.clone())
    return SavedState(checkpoint, weights, past, age, (*refused, *damaged))


def _timed_sight(run: Path) -> tuple[SavedState, float]:
    begun = time.thread_time()
    sight = sight_of(run)
    if sight is None:
        raise FileNotFoundError(run)
    return sight, time.thread_time() - begun
