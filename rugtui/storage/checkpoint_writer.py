"""Saves a run from time to time, in a thread of its own.

Training hands over copies and never waits for the disk. If one cannot be written, the failure is
reported, training continues, and the next copy is written if possible.
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
from rugtui.storage.kept_steps import FOLDER as KEPT_STEPS
from rugtui.storage.kept_steps import KeptSteps, write_kept
from rugtui.storage.lock import Lock
from rugtui.storage.run_directory import (
    SNAPSHOTS,
    checkpoints,
    create_run,
    describe_run,
    log,
    make_latest,
    step_of,
)
from rugtui.training.failure import is_out_of_memory

EVERY = 10.0
"""Seconds between autosaves."""
SHARE = 0.02
"""Saving takes at most this share of the time: slow saves come less often than EVERY."""
Topic = Literal["save", "kept steps", "log", "lock"]
"""What may fail to be written."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A consistent copy of everything that is saved of a run."""

    checkpoint: Checkpoint
    past: StoredHistory
    kept: KeptSteps | None = None
    """Not a copy: the writer asks it for what is not on disk yet."""


class CheckpointWriter:
    """Owns a run's directory and its lock from the first save until `close`."""

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
        """For an existing `run`, or a new one that `begin` makes in `into`.

        Raises RunError if another process holds `run`, OSError if it cannot be locked.
        """
        self._settings, self._device, self._into = settings, device, into
        self._screen, self._every = screen, every
        self.run: Path | None = None
        self._lock: Lock | None = None
        self._written: list[Path] = []
        self.kept: int | None = None
        """The newest step on disk; None if there is none."""
        self._news: list[tuple[str, bool]] = []
        self._was_unsaved = False
        """Whether a save ever failed."""
        self._troubles: dict[Topic, str] = {}
        """Why the last attempt to write each topic failed."""
        self._pending: RunState | None = None
        self._busy = self._closing = False
        self._changed = threading.Condition()
        self._lock_in_use = threading.Lock()
        self._due, self._cost = time.monotonic() + every, 0.0
        if run is not None:
            self.hold(run)
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Make the new run's directory. A failure is reported, and every save tries again."""
        try:
            self.hold(create_run(self._settings, device=self._device, into=self._into))
        except OSError as error:
            self._report("save", "this run is not saved", error)

    @property
    def trouble(self) -> str:
        """Why the last copy was not written; empty if it was."""
        return self._troubles.get("save", "")

    @property
    def unsaved(self) -> str:
        """Since which step nothing could be saved, and why; empty if the last save succeeded."""
        if not self.trouble:
            return ""
        since = "not saved" if self.kept is None else f"not saved since step {self.kept:,}"
        return f"{since}: {self.trouble}"

    def hold(self, run: Path) -> None:
        """Lock a run, and save to it from now on. Raises RunError if another process holds it,
        OSError."""
        self._unlock()
        self._lock = Lock.take(run, screen=self._screen)
        self.run, self._history = run, HistoryFile(run)
        remove_leftovers(run)
        remove_leftovers(run / SNAPSHOTS)
        remove_leftovers(run / KEPT_STEPS)
        self._kept_steps: tuple[int, ...] = ()
        try:
            make_latest(run)
        except OSError as error:
            self._tell(f"this run is not marked as the latest: {error}", True)

    def release(self) -> None:
        """Unlock the run, and stop saving to it."""
        self._unlock()
        self.run = None

    def _unlock(self) -> None:
        with self._lock_in_use:
            if self._lock is not None:
                self._lock.release()
            self._lock = None

    def continue_from(self, checkpoint: Path) -> None:
        """Keep this checkpoint beside the next one, and remove older ones that killed processes
        left, which would fill the disk. Raises OSError."""
        self._written, self.kept = [checkpoint], step_of(checkpoint)
        found = checkpoints(checkpoint.parent)
        for old in found[found.index(checkpoint) + KEPT :]:
            old.unlink(missing_ok=True)

    @property
    def due(self) -> bool:
        """Whether it is time to hand over a copy."""
        return time.monotonic() >= self._due and not self.busy

    @property
    def busy(self) -> bool:
        """Whether a copy is being written or waiting to be."""
        return self._busy or self._pending is not None

    def save(self, copy: Callable[[], RunState]) -> None:
        """Write a copy in the background, instead of one that is still waiting."""
        started = time.perf_counter()
        try:
            state = copy()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._due = time.monotonic() + self._every
            self._report("save", "not saved", f"no copy could be made ({error})")
            return
        with self._changed:
            self._cost = time.perf_counter() - started
            self._pending = state
            self._changed.notify_all()

    def wait(self, seconds: float | None) -> bool:
        """Wait up to `seconds` (None: without limit) until nothing is being written; returns
        whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.busy, seconds)

    def news(self) -> list[tuple[str, bool]]:
        """Messages since the last call, and whether each is a warning."""
        with self._changed:
            news, self._news = self._news, []
        return news

    def note(self, text: str) -> None:
        """Write a line into the run's log."""
        if self.run is not None:
            try:
                log(self.run, text)
            except OSError as error:
                self._report("log", "the run's log cannot be written", error)
            else:
                self._troubles.pop("log", None)

    def tell(self, **changes: bool) -> None:
        """Record `screen` or `quit` of the Holder in the lock."""
        self._screen = changes.get("screen", self._screen)
        with self._lock_in_use:  # the thread that writes may be unlocking the run
            try:
                if self._lock is not None:
                    self._lock.tell(**changes)
            except OSError as error:
                self._report("lock", "the run's lock cannot be written", error)

    def close(self, within: float | None) -> bool:
        """Wait up to `within` seconds (None: without limit) for the last copy, then unlock the run.

        Returns whether everything was written. A copy that takes longer is still written unless the
        process ends; until then the writer is `busy`, and holds the lock.
        """
        done = self.wait(within)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if done:
            self._thread.join()
        return done and not {"save", "log"} & self._troubles.keys()

    def _work(self) -> None:
        """The body of the thread: write each pending copy."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending is not None or self._closing)
                state, self._pending = self._pending, None
                if state is None:
                    self._unlock()
                    return
                self._busy, cost = True, self._cost
            started, cpu = time.monotonic(), time.thread_time()
            self._attempt(state)
            cost += time.thread_time() - cpu
            with self._changed:
                self._busy = False
                self._due = started + max(self._every, cost / SHARE)
                self._changed.notify_all()

    def _attempt(self, state: RunState) -> None:
        try:
            self._write(state)
        except (OSError, MemoryError, RunError) as error:
            self._report("save", f"not saved at step {state.checkpoint.step:,}", error)
        except Exception as error:  # noqa: BLE001 - a bug is reported, and training goes on
            self._report("save", "not saved", f"{type(error).__name__}: {error}")
            self.note(f"a bug in rugtui: please report it\n{traceback.format_exc()}")
        else:
            if self._troubles.pop("save", ""):
                self._tell(f"saved again at step {state.checkpoint.step:,}", False)

    def _write(self, state: RunState) -> None:
        """Write the history, then the checkpoint that refers to it, then remove old checkpoints."""
        self._settings, self._device = state.checkpoint.settings, state.checkpoint.device
        run = self._ready()
        self._history.bring_up_to(state.past)
        path = write_checkpoint(run, state.checkpoint)
        self._written = [old for old in self._written if old != path] + [path]
        self.kept = state.checkpoint.step
        for old in checkpoints(run):
            if old not in self._written[-KEPT:]:
                old.unlink(missing_ok=True)
        if state.kept is not None:
            self._write_kept(run, state.kept)

    def _write_kept(self, run: Path, kept: KeptSteps) -> None:
        """Write weights for the replay. Only the replay needs them: a failure is reported once,
        unless the disk has kept checkpoints from being written too."""
        change = kept.change()
        if not change.weights and change.steps == self._kept_steps:
            return
        try:
            write_kept(run, change)
        except OSError as error:
            if not self._was_unsaved:
                text = "weights for the replay are not kept"
                self._report("kept steps", text, error.strerror)
        else:
            kept.saved(change)
            self._kept_steps = change.steps

    def _ready(self) -> Path:
        """The run's directory, made if it does not exist, and locked."""
        if self.run is None:
            self.hold(create_run(self._settings, device=self._device, into=self._into))
        elif not self.run.is_dir():
            make_folder(self.run)
            describe_run(self.run, self._settings, device=self._device)
            self._written, self.kept = [], None
            self._tell(f"{str(self.run)!r} was deleted: written anew", True)
        assert self.run is not None
        if self._lock is None or not self._lock.there:
            self.hold(self.run)
        return self.run

    def _report(self, topic: Topic, text: str, reason: object) -> None:
        """Report a failure, but not again at every further attempt."""
        self._was_unsaved = self._was_unsaved or topic == "save"
        if self._troubles.get(topic) != str(reason):
            self._tell(f"{text}: {reason}", True)
        self._troubles[topic] = str(reason)

    def _tell(self, text: str, bad: bool) -> None:
        with self._changed:
            self._news.append((text, bad))
