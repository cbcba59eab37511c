"""Summaries of runs for lists and for pruning, made without reading weights."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rugtui.errors import DamagedError, RugtuiError, RunError
from rugtui.settings.settings import Settings
from rugtui.storage.files import read_json
from rugtui.storage.lock import Holder, Lock, holder
from rugtui.storage.run_directory import (
    ABOUT,
    checkpoints,
    last_written,
    newest_run,
    settings_of,
    snapshots,
)
from rugtui.storage.tensors import read_facts

State = Literal["live", "paused", "finished", "crashed", "failed", "damaged"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list of runs."""

    path: Path
    state: State
    size: int
    """Bytes on disk."""
    snapshots: int
    settings: Settings | None = None
    step: int = 0
    """Of the last save."""
    seconds: float = 0.0
    loss: float | None = None
    optimum: float = math.nan
    """L* at its (r, p), if it was computed."""
    holder: Holder | None = None
    """The process that trains a live run."""
    trouble: str = ""

    @property
    def name(self) -> str:
        return self.path.name


def listed(run: Path) -> Listed:
    """The summary of a run, in which errors are reported instead of raised."""
    count, size = len(snapshots(run)), sum(_sizes(run))
    try:
        facts, trouble = _facts(run)
        settings = settings_of(run / ABOUT, facts)
        live, other = holder(run)
        state = _state(facts, live, other)
        step, seconds, loss = _progress(run, facts)
        return Listed(
            run,
            state,
            size,
            count,
            settings,
            step=step,
            seconds=seconds,
            loss=loss,
            holder=other if live else None,
            trouble=trouble,
        )
    except (OSError, RugtuiError) as error:
        return Listed(run, "damaged", size, count, trouble=str(error))


def state_of(run: Path) -> tuple[State, Holder | None]:
    """The state of a run, and the process that trains it, if any. Raises OSError."""
    live, other = holder(run)
    if live:
        return "live", other
    try:
        facts, _ = _facts(run)
    except RugtuiError:
        return "damaged", None
    return _state(facts, live, other), None


def removable(runs: list[Listed], keep: int, *, with_snapshots: bool = False) -> list[Listed]:
    """Runs that may be removed: all but the newest `keep`, those in training and, unless
    `with_snapshots`, those with snapshots. The run that `latest` points to counts as the newest."""
    newest = {newest_run(folder).resolve() for folder in {one.path.parent for one in runs}}
    by_time = sorted(runs, key=lambda one: last_written(one.path / ABOUT))
    old = sorted(by_time, key=lambda one: one.path.resolve() in newest)[: max(0, len(runs) - keep)]
    return [one for one in old if one.state != "live" and (with_snapshots or not one.snapshots)]


def remove(run: Path, *, with_snapshots: bool = False) -> None:
    """Delete a run.

    Raises RunError if a process uses it or, unless `with_snapshots`, it has snapshots; OSError.
    """
    if run.is_symlink():
        raise RunError(f"{str(run)!r} is a link to a run.")
    lock = Lock.take(run, screen=False)
    try:
        if not with_snapshots and snapshots(run):
            raise RunError(f"{str(run)!r} has snapshots and was not removed.")
        shutil.rmtree(run)
    finally:
        lock.release()


def _facts(run: Path) -> tuple[dict[str, Any], str]:
    """The facts of the newest readable checkpoint, or else of run.json; and what is damaged."""
    trouble = ""
    for path in checkpoints(run):
        try:
            return read_facts(path), trouble
        except DamagedError as error:
            trouble = trouble or str(error)
    return read_json(run / ABOUT), trouble


def _progress(run: Path, facts: dict[str, Any]) -> tuple[int, float, float | None]:
    """Step, seconds in training, and loss. Raises DamagedError."""
    state = facts.get("state", {})
    step = state.get("step", 0) if isinstance(state, dict) else None
    seconds, loss = facts.get("seconds", 0), facts.get("loss")
    if not isinstance(step, int) or not isinstance(seconds, int | float):
        raise DamagedError(run, "its step or seconds are not numbers")
    if not isinstance(loss, int | float | None):
        raise DamagedError(run, "its loss is not a number")
    return step, seconds, loss


def _state(facts: dict[str, Any], live: bool, last: Holder | None) -> State:
    """The state of a run. If it is not live, `last` is the process that left a stale lock."""
    if live:
        return "live"
    if last is not None and not last.quit:
        return "crashed"
    known: dict[str, State] = {"paused": "paused", "done": "finished", "failed": "failed"}
    return known.get(str(facts.get("phase")), "paused" if last else "crashed")


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            yield path.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # a checkpoint that was just replaced
