"""Polls a run that another process trains: its state, and what that process saved last.

Nothing is written or locked: the run's lock and folder are checked a few times a second, and a new
save is read in a thread of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from rugtui.live.history import History
from rugtui.live.past import FrozenRun
from rugtui.runtime.threads import BackgroundWorker
from rugtui.storage.checkpoint import Fingerprint, Phase, fingerprint, stored_run, weights_of
from rugtui.storage.listing import State, state_of
from rugtui.storage.lock import Holder
from rugtui.storage.run_directory import is_run
from rugtui.training.device import data_type

EVERY = 0.25
"""Seconds between checks of the folder."""
SHARE = 0.1
"""Reading takes at most this share of a core, which may be the only one."""

Progress = State | Literal["gone"]
"""The state of the run; "gone" if its folder was deleted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SavedRun(FrozenRun):
    """A run as it was saved by the process that trains it."""

    phase: Phase
    """When it was saved."""
    trained_on: str
    """The device."""
    written: float
    """When it was saved, on the monotonic clock; for the first one read, according to its file."""
    notes: tuple[str, ...] = ()
    """Messages about damage that was skipped."""


class RunPoller:
    """Polls one run for new saves, for one thread, which calls `close` in the end."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.progress: Progress = "live"
        self.holder: Holder | None = None
        """The process that trains it, if any."""
        self._reader = BackgroundWorker[SavedRun]("reader")
        self._on_disk: Fingerprint = ()
        self._appeared: float | None = None
        """When the newest save was first seen; None for the very first one."""
        self._read: Fingerprint = ()
        self._check_at = self._rest_until = 0.0

    @property
    def caught_up(self) -> bool:
        """Whether everything that was saved has been returned."""
        return not self._reader.busy and self._read == self._on_disk

    def poll(self) -> SavedRun | None:
        """The newest save, once. Raises RugtuiError or OSError, once, for one that cannot be
        read."""
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + EVERY
            self._check()
        rested = now >= self._rest_until or self.progress != "live"
        if rested and not self._reader.busy and self._on_disk not in ((), self._read):
            self._read = self._on_disk
            self._reader.start(partial(read_saved, self.run))
        return self._collect()

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._reader.close()

    def _check(self) -> None:
        """Check the state, then the saves, so that the last save is seen once the state is
        final."""
        try:
            self.progress, self.holder = state_of(self.run)
            there = fingerprint(self.run)
        except (FileNotFoundError, NotADirectoryError):
            if not is_run(self.run):
                self.progress, self.holder, self._on_disk = "gone", None, self._read
            return  # otherwise a file was just being replaced
        if there:  # empty while the folder is being deleted
            if self._on_disk not in ((), there):
                self._appeared = time.monotonic()
            self._on_disk = there

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
    found = stored_run(run)
    if found is None:
        raise FileNotFoundError(run)
    checkpoint, settings = found.checkpoint, found.checkpoint.settings
    age = max(0.0, time.time() - found.file.stat().st_mtime)
    read = weights_of(found.file, checkpoint)
    # Copied, because the tensors may be memory-mapped: that would keep a deleted file on the disk,
    # and crash this process if another machine deletes the file on a network disk.
    dtype = data_type(settings, read.b.device)
    return SavedRun(
        folder=run,
        files=run,
        settings=settings,
        step=checkpoint.step,
        seconds=checkpoint.seconds,
        saved_weights=read.mapped(lambda part: part.clone().to(dtype)),
        history=History.of(found.past),
        kept_steps=found.kept_steps,
        phase=checkpoint.phase,
        trained_on=checkpoint.device,
        written=time.monotonic() - age,
        notes=found.notes,
    )
