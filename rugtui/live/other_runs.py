"""Other runs beside the live one: earlier ones of this session, and saved ones."""

from __future__ import annotations

import dataclasses
import string
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rugtui.errors import DamagedError, RugtuiError
from rugtui.live.commands import Forget, ListSaved, Load, Preview
from rugtui.live.frame import OtherRun
from rugtui.live.history import NAMES, History
from rugtui.runtime.terminal import printable
from rugtui.runtime.threads import BackgroundWorker
from rugtui.settings.settings import Settings
from rugtui.storage.history_file import read_past
from rugtui.storage.listing import Listed, State, listed
from rugtui.storage.run_directory import ABOUT, all_runs, last_written
from rugtui.theory.levels import levels

if TYPE_CHECKING:
    from rugtui.live.frame import Frame
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase

MOST = len(string.ascii_uppercase)
"""Runs in the list: each has a letter, and a history of at most 2 MB."""

STATES: dict[Phase, State] = {
    "training": "paused",
    "paused": "paused",
    "done": "finished",
    "failed": "failed",
}
"""The state of a run that ended in this phase, as lists show it."""
Found = tuple[OtherRun, list[str]] | OtherRun | tuple[Listed, ...]
"""A run, with messages about its files; a run to preview; or the runs on disk."""


class OtherRuns:
    """The other runs of one session. A thread reads their files."""

    def __init__(self) -> None:
        self.runs: tuple[OtherRun, ...] = ()
        self.saved: tuple[Listed, ...] | None = None
        """The runs on disk, newest first; None before they were listed."""
        self.preview: OtherRun | None = None
        """The saved run whose curve the list of runs shows; it has no letter."""
        self._reader = BackgroundWorker[Found]("other runs")
        self._nameless = 0

    def carry_out(self, command: ListSaved | Load | Preview | Forget) -> None:
        """Start a command; `collect` takes in its result."""
        match command:
            case ListSaved():
                self.saved = None
                self._reader.start(saved_runs)
            case Load():
                self._reader.start(lambda: read_run(Path(command.path)))
            case Preview():
                self._reader.start(lambda: read_run(Path(command.path))[0])
            case Forget():
                self._forget(command.key)

    def describe(self, frame: Frame) -> Frame:
        """The frame with these runs in it, without the live one."""
        others = tuple(run for run in self.runs if run.key != frame.run)
        return dataclasses.replace(frame, others=others, saved=self.saved, preview=self.preview)

    def keep(self, run_session: RunSession, phase: Phase) -> None:
        """Add a run of this session that ended; if the list is full, the oldest is removed."""
        history = run_session.history
        if not len(history.view()):
            return
        run = run_session.writer.run
        self._nameless += run is None
        key = str(run) if run else f"unsaved-{self._nameless}"
        self._forget(key)
        if len(self.runs) == MOST:
            self._forget(self.runs[0].key)
        name = run.name if run else key
        state = STATES[phase]
        self._add(
            other_run(key, name, state, run_session.settings, run_session.trainer.step, history)
        )

    def collect(self) -> list[str]:
        """Take in what was read; returns messages about damage and errors."""
        told: list[str] = []
        while self._reader.busy:
            try:
                found = self._reader.collect()
            except (OSError, RugtuiError) as error:
                told.append(f"not read: {error}")
                continue
            if found is None:  # not yet
                break
            match found:
                case (OtherRun() as run, list() as notes):
                    told += self._take(run, notes)
                case OtherRun():
                    self.preview = found
                case _:
                    self.saved = found
        return told

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._reader.close()

    def _take(self, run: OtherRun, notes: list[str]) -> list[str]:
        old = next((one for one in self.runs if one.key == run.key), None)
        if old is None and len(self.runs) == MOST:
            return [f"{MOST} runs are listed already: remove one before another is loaded."]
        if not len(run.history):
            notes = [*notes, f"{run.name}: its history is empty"]
        self._forget(run.key)
        self._add(run, old.letter if old else "")
        return notes

    def _add(self, run: OtherRun, letter: str = "") -> None:
        taken = {one.letter for one in self.runs}
        free = letter or next(one for one in string.ascii_uppercase if one not in taken)
        self.runs = (*self.runs, dataclasses.replace(run, letter=free))

    def _forget(self, key: str) -> None:
        self.runs = tuple(run for run in self.runs if run.key != key)


def saved_runs() -> tuple[Listed, ...]:
    """The runs on disk, the last written first."""
    when = {run: (last_written(run / ABOUT), run.stat().st_mtime_ns) for run in all_runs()}
    found = sorted(when, key=when.__getitem__, reverse=True)
    return tuple(with_optimum(listed(run)) for run in found)


def with_optimum(run: Listed) -> Listed:
    """With L* at its (r, p), if its settings can be read."""
    if run.settings is None:
        return run
    best = levels(run.settings.ratio, run.settings.p_on).loss
    return dataclasses.replace(run, optimum=best)


def read_run(run: Path) -> tuple[OtherRun, list[str]]:
    """A saved run, and messages about damage. Raises OSError, RugtuiError."""
    known = listed(run)
    if known.settings is None:
        raise DamagedError(run / ABOUT, known.trouble)
    past, notes = read_past(run, NAMES)
    history = History.of(past)
    step = max(known.step, int(history.view().last("step"))) if past.table.size else known.step
    made = other_run(str(run), run.name, known.state, known.settings, step, history)
    return made, [*notes, *([known.trouble] if known.trouble else [])]


def other_run(
    key: str, name: str, state: State, settings: Settings, step: int, history: History
) -> OtherRun:
    """What is kept of a run that is not the live one."""
    view = history.view()
    loss, error = view.heldout_at(settings.p_on)
    if not np.isfinite(loss):
        loss, error = history.recent_loss(settings)
    best = levels(settings.ratio, settings.p_on, settings.magnitude).loss
    return OtherRun(key, "", printable(name), state, settings, step, loss, error, best, view)
