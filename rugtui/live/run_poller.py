"""How a run fares that another process trains, and what that process saved last.

Nothing is taken, written or asked for: its lock and its folder are looked at a few times a second,
and a save is read when there is a new one, in a thread of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from rugtui.live.background import BackgroundWorker
from rugtui.live.history import NAMES, History
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import Phase, newest, weights_of
from rugtui.storage.checkpoint_writer import Fingerprint, fingerprint
from rugtui.storage.history_file import read_past
from rugtui.storage.kept_steps import kept_steps, read_kept
from rugtui.storage.listing import State, state_of
from rugtui.storage.lock import Holder
from rugtui.storage.run_directory import is_run
from rugtui.training.device import data_type

EVERY = 0.25
"""Seconds between two looks at the folder."""
SHARE = 0.1
"""Reading takes at most this share of one core, which may be the only one."""

Progress = State | Literal["gone"]
"""The state of the run; "gone" if its folder was deleted."""


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run as it was saved: a ShownRun, on the CPU."""

    folder: Path
    settings: Settings
    step: int
    seconds: float
    phase: Phase
    """When it was saved."""
    trained_on: str
    """The device."""
    saved_weights: Dense
    history: History
    written: float
    """When it was saved, on the monotonic clock; for the first one read, according to its file."""
    kept_steps: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    """What is damaged and was skipped."""

    device, plan, source = "cpu", "", ""
    done, waits, dead = True, True, 0
    """It is not trained here."""

    def weights(self) -> Dense:
        return self.saved_weights

    @property
    def files(self) -> Path:
        return self.folder

    def kept_weights(self, step: int) -> Dense:
        return read_kept(self.folder, step)


class RunPoller:
    """Polls one run for new saves. For one thread, which calls `close` in the end."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.progress: Progress = "live"
        self.holder: Holder | None = None
        """The process that trains it, if any."""
        self._reader = BackgroundWorker[SavedRun]("reader")
        self._there: Fingerprint = ()
        self._appeared: float | None = None
        """When the newest save was first seen; None for the first one."""
        self._read: Fingerprint = ()
        self._look_at = self._rest_until = 0.0

    @property
    def caught_up(self) -> bool:
        """Whether everything that was saved has been returned."""
        return not self._reader.busy and self._read == self._there

    def poll(self) -> SavedRun | None:
        """The newest save, once. Raises RugtuiError or OSError, once for each save that cannot be
        read."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + EVERY
            self._look()
        rested = now >= self._rest_until or self.progress != "live"
        if rested and not self._reader.busy and self._there not in ((), self._read):
            self._read = self._there
            self._reader.start(partial(read_saved, self.run))
        return self._collect()

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._reader.close()

    def _look(self) -> None:
        """Check the state, then the saves: after the end nothing more is saved."""
        try:
            self.progress, self.holder = state_of(self.run)
            there = fingerprint(self.run)
        except (FileNotFoundError, NotADirectoryError):
            if not is_run(self.run):
                self.progress, self.holder, self._there = "gone", None, self._read
            return  # otherwise a file was replaced just now
        if there:  # a folder that is being deleted loses its files one by one
            if self._there not in ((), there):
                self._appeared = time.monotonic()
            self._there = there

    def _collect(self) -> SavedRun | None:
        try:
            saved = self._reader.collect()
        except FileNotFoundError:
            self._read = ()  # replaced or deleted while it was read
            return None
        if saved is None:
            return None
        self._rest_until = time.monotonic() + self._reader.cost / SHARE
        return saved if self._appeared is None else replace(saved, written=self._appeared)


def read_saved(run: Path) -> SavedRun:
    """The newest undamaged save of a run.

    Raises FileNotFoundError if there is none, OSError, DamagedError, RunError (written by a newer
    rugtui).
    """
    found = newest(run)
    if found is None:
        raise FileNotFoundError(run)
    path, checkpoint, refused = found
    past, damaged = read_past(run, NAMES)
    age = max(0.0, time.time() - path.stat().st_mtime)
    settings, read = checkpoint.settings, weights_of(path, checkpoint)
    # The tensors may be memory-mapped: that would keep a deleted file's space on the disk, and
    # crash this process if another machine deletes a file on a network disk.
    dtype = data_type(settings, read.b.device)
    return SavedRun(
        run,
        settings,
        checkpoint.step,
        checkpoint.seconds,
        checkpoint.phase,
        checkpoint.device,
        read.mapped(lambda part: part.clone().to(dtype)),
        History.of(past.until(checkpoint.step)),
        time.monotonic() - age,
        tuple(step for step in kept_steps(run) if step <= checkpoint.step),
        (*refused, *damaged),
    )
