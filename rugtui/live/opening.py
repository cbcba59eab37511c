"""What was saved, or comes from elsewhere, as a course that waits: it is looked at, and may go on.

Nothing is written before it does. A run goes on as itself, anything else as a new run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from rugtui.errors import RunError
from rugtui.live.commands import Kind
from rugtui.live.run_session import RunSession
from rugtui.models.weight_files.archive import split_selectors
from rugtui.models.weight_files.weight_file import read_weight_file
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import newest
from rugtui.storage.checkpoint_writer import EVERY, CheckpointWriter, ResumeHandle, fingerprint
from rugtui.storage.load import run_sizes
from rugtui.storage.lock import holder
from rugtui.storage.snapshot import read_snapshot
from rugtui.training.trainer import Trainer


def open_run(run: Path, *, device: str = "", every: float = EVERY) -> RunSession:
    """A run as it was saved last.

    Raises RunError where nothing was saved, or by a newer rugtui; DamagedError, SettingError (no
    such device), OSError.
    """
    there = fingerprint(run)
    course, checkpoint = _saved_in(run, device=device, every=every)
    course.reserve = ResumeHandle(run, checkpoint, there)
    course.source = f"run {run.name}"
    live, other = holder(run)
    if live:
        who = other or "another process"
        course.notes.append(f"{who} trains it: `rugtui watch {run.name}` follows what comes of it.")
    return course


def open_snapshot(folder: Path, *, device: str = "", every: float = EVERY) -> RunSession:
    """A snapshot, all its files as they were written. Raises as `open_run` does."""
    facts = read_snapshot(folder)
    course, _ = _saved_in(folder, device=device, every=every)
    course.shown = cast(Kind, "rug" if facts.get("kind") == "rug" else "trained")
    course.construction = str(facts.get("frame", ""))
    course.source = f"snapshot {folder.name}"
    course.origin = f"from snapshot {folder}"
    return course


def open_weights(path: Path, given: dict[str, Any], *, every: float = EVERY) -> RunSession:
    """Weights of a file, at the settings given, which need not say what the file does.

    Raises WeightsError for a file that has none, or of sizes that no run has; SettingError.
    """
    found = read_weight_file(path)
    if "activation" not in given:
        found.said.require_known()
    settings = Settings(**{**run_sizes(found), **given, "init": str(path)})
    training = Trainer(settings, screen=True)
    keeper = CheckpointWriter(settings, device=str(training.device), screen=True, every=every)
    course = RunSession(training, keeper)
    course.waits = True
    file, selectors = split_selectors(path)
    course.source = "#".join([file.name, *selectors])
    course.origin = f"from weights in {path}: {found.report}"
    if not found.all_read:
        course.notes.append(found.report)
    return course


def _saved_in(folder: Path, *, device: str, every: float) -> tuple[RunSession, Path]:
    """The newest checkpoint in a folder, with the history beside it, as a course that waits."""
    found = newest(folder)
    if found is None:
        raise RunError(f"{str(folder)!r} was never saved: there are no weights in it yet.")
    path, checkpoint, _ = found
    settings = checkpoint.settings.replace(device=device or checkpoint.settings.device)
    keeper = CheckpointWriter(settings, device=settings.device, screen=True, every=every)
    try:
        course = RunSession.restored(folder, found, keeper, device=device, screen=True)
    except BaseException:
        keeper.leave(0)
        raise
    course.waits = True
    return course, path
