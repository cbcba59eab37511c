"""Saves a run in a thread of its own, again and again.

Training hands it copies and never waits for a disk. What cannot be written is told, and tried again
with the next copy: it never stops training.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rugtui.errors import RunError
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import KEPT, Checkpoint, write_checkpoint
from rugtui.storage.files import make_folder, remove_leftovers
from rugtui.storage.history_file import HistoryFile, StoredHistory
from rugtui.storage.lock import Lock
from rugtui.storage.log import log
from rugtui.storage.run_directory import (
    SNAPSHOTS,
    checkpoints,
    create_run,
    describe_run,
    make_latest,
    step_of,
)
from rugtui.training.failure import is_out_of_memory

EVERY = 10.0
"""Seconds between autosaves."""
SHARE = 0.02
"""Part of the time that saving may take: where a save costs more than EVERY bears, it is rarer."""


Topic = Literal["save", "log", "lock"]
"""What may fail to be written."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A consistent copy of a run, which nobody changes any more."""

    checkpoint: Checkpoint
    past: StoredHistory


class CheckpointWriter:
    """Owns a run's directory and its lock, from the first save to `leave`."""

    def __init__(
        self,
        settings: Settings,
        *,
        device: str,
        run: Path | None = None,
        into: Path | None = None,
        screen: bool = False,
        every: float = EVERY,
    ) -> None:
        """A new run in `into`, once it begins, or (`run`) one that is there already.

        Raises RunError where another process holds `run`, OSError where it cannot be held. A new
        directory that cannot be made is told as trouble, and tried again at every save.
        """
        self._settings, self._device, self._into = settings, device, into
        self._screen, self._every = screen, every
        self.run: Path | None = None
        self._lock: Lock | None = None
        self._written: list[Path] = []
        self.kept: int | None = None
        """The newest step that is on disk, None while none is known to be."""
        self._news: list[tuple[str, bool]] = []
        self._troubles: dict[Topic, str] = {}
        """What failed to be written last, and why."""
        self._moment: RunState | None = None
        self._busy = self._leaving = False
        self._changed = threading.Condition()
        self._due, self._cost = time.monotonic() + every, 0.0
        if run is not None:
            self._hold(run)
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Make the new run's directory; without this the first save does."""
        try:
            self._hold(create_run(self._settings, device=self._device, into=self._into))
        except OSError as error:
            self._complain("save", "this run is not saved", error)

    @property
    def trouble(self) -> str:
        """Why the last copy was not written; empty where it was."""
        return self._troubles.get("save", "")

    @property
    def unsaved(self) -> str:
        """That the newest steps are not on disk and why, while something keeps them from it."""
        if not self.trouble:
            return ""
        since = "not saved" if self.kept is None else f"not saved since step {self.kept:,}"
        return f"{since}: {self.trouble}"

    def hold(self, run: Path) -> None:
        """Keep this run from now on. Raises RunError where another process holds it, OSError."""
        self._hold(run)

    def let_go(self) -> None:
        """Keep it no more."""
        self._release()
        self.run = None

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def went_on_from(self, checkpoint: Path) -> None:
        """Keep this checkpoint beside the next; others are passed over and go with it.

        Those that were left by processes killed before they could tidy up go now, or being killed
        again and again would fill the disk. Raises OSError.
        """
        self._written, self.kept = [checkpoint], step_of(checkpoint)
        found = checkpoints(checkpoint.parent)
        for old in found[found.index(checkpoint) + KEPT :]:
            old.unlink(missing_ok=True)

    @property
    def due(self) -> bool:
        """Whether it is time to hand over a copy."""
        return time.monotonic() >= self._due and not self._busy and self._moment is None

    @property
    def busy(self) -> bool:
        """Whether something is being written or waiting to be."""
        return self._busy or self._moment is not None

    def save(self, copy: Callable[[], RunState]) -> None:
        """Have a copy written; one that still waits to be is replaced. Returns at once."""
        started = time.perf_counter()
        try:
            moment = copy()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._due = time.monotonic() + self._every
            self._complain("save", "not saved", f"no copy could be made ({error})")
            return
        with self._changed:
            self._cost = time.perf_counter() - started
            self._moment = moment
            self._changed.notify_all()

    def wait(self, seconds: float | None) -> bool:
        """Wait so long (None: without end) for what was handed over; whether all of it has been
        dealt with."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.busy, seconds)

    def news(self) -> list[tuple[str, bool]]:
        """What there is to tell, once: sentences, and whether each is bad."""
        with self._changed:
            news, self._news = self._news, []
        return news

    def note(self, text: str) -> None:
        """Write a line into the run's log."""
        if self.run is not None:
            try:
                log(self.run, text)
            except OSError as error:
                self._complain("log", "the run's log cannot be written", error)
            else:
                self._troubles.pop("log", None)

    def tell_screen(self, screen: bool) -> None:
        """Say in the lock whether anybody looks on."""
        self._screen = screen
        if self._lock is not None:
            try:
                self._lock.tell(screen=screen)
            except OSError as error:
                self._complain("lock", "the run's lock cannot be written", error)

    def leave(self, within: float | None) -> bool:
        """Write the last copy, then give the run free; wait so long for it (None: without end).

        Whether all was written. What is still being written by then goes on as long as the process
        does (`busy`), and holds the lock.
        """
        done = self.wait(within)
        with self._changed:
            self._leaving = True
            self._changed.notify_all()
        if done:
            self._thread.join()
        return done and not {"save", "log"} & self._troubles.keys()

    def _work(self) -> None:
        """The thread: one copy after another."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._moment is not None or self._leaving)
                moment, self._moment = self._moment, None
                if moment is None:
                    self._release()
                    return
                self._busy, cost = True, self._cost
            started, cpu = time.monotonic(), time.thread_time()
            self._attempt(moment)
            cost += time.thread_time() - cpu
            with self._changed:
                self._busy = False
                self._due = started + max(self._every, cost / SHARE)
                self._changed.notify_all()

    def _attempt(self, moment: RunState) -> None:
        try:
            self._write(moment)
        except (OSError, MemoryError, RunError) as error:
            self._complain("save", f"not saved at step {moment.checkpoint.step:,}", error)
        except Exception as error:  # noqa: BLE001 - the thread's edge: a bug is told, not swallowed
            self._complain("save", "not saved", f"{type(error).__name__}: {error}")
            self.note(f"a bug in rugtui: please report it\n{traceback.format_exc()}")
        else:
            if self._troubles.pop("save", ""):
                self._tell(f"saved again at step {moment.checkpoint.step:,}", False)

    def _write(self, moment: RunState) -> None:
        """History first, then the checkpoint that counts on it, then the old ones go."""
        self._settings, self._device = moment.checkpoint.settings, moment.checkpoint.device
        run = self._ready()
        self._journal.bring_up_to(moment.past)
        path = write_checkpoint(run, moment.checkpoint)
        self._written = [old for old in self._written if old != path] + [path]
        self.kept = moment.checkpoint.step
        for old in checkpoints(run):
            if old not in self._written[-KEPT:]:
                old.unlink(missing_ok=True)

    def _hold(self, run: Path) -> None:
        self._release()
        self._lock = Lock.take(run, screen=self._screen)
        self.run, self._journal = run, HistoryFile(run)
        remove_leftovers(run)
        remove_leftovers(run / SNAPSHOTS)
        try:
            make_latest(run)
        except OSError as error:
            self._tell(f"this run is not marked as the latest: {error}", True)

    def _ready(self) -> Path:
        """The run's directory: made if that failed before, made anew if it was deleted."""
        if self.run is None:
            self._hold(create_run(self._settings, device=self._device, into=self._into))
        elif not self.run.is_dir():
            make_folder(self.run)
            describe_run(self.run, self._settings, device=self._device)
            self._written, self.kept = [], None
            self._tell(f"{str(self.run)!r} was deleted: written anew", True)
        assert self.run is not None
        if self._lock is None or not self._lock.there:
            self._hold(self.run)
        return self.run

    def _complain(self, topic: Topic, text: str, reason: object) -> None:
        """Tell trouble once, not at every try."""
        if self._troubles.get(topic) != str(reason):
            self._tell(f"{text}: {reason}", True)
        self._troubles[topic] = str(reason)

    def _tell(self, text: str, bad: bool) -> None:
        with self._changed:
            self._news.append((text, bad))


Fingerprint = tuple[tuple[str, int, int], ...]


def fingerprint(run: Path) -> Fingerprint:
    """The names and times of a run's checkpoints: they change when a process writes one. Raises
    OSError."""
    known = ((path.name, path.stat()) for path in checkpoints(run))
    return tuple((name, at.st_ino, at.st_mtime_ns) for name, at in known)


@dataclass(frozen=True, slots=True)
class ResumeHandle:
    """A run opened for viewing, and what was in it when it was read: it may be resumed unless
    another process has trained it meanwhile."""

    run: Path
    checkpoint: Path
    """Which one was read."""
    there: Fingerprint

    def take(self, writer: CheckpointWriter) -> None:
        """Have the writer hold the run, from the checkpoint that was read.

        Raises RunError where another process holds it, or wrote to it meanwhile; OSError.
        """
        writer.hold(self.run)
        if fingerprint(self.run) != self.there:
            writer.let_go()
            raise RunError(f"{self.run.name!r} was trained further meanwhile: open it again.")
        writer.went_on_from(self.checkpoint)
