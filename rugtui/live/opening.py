"""Opens a saved run, a snapshot or a weight file for viewing.

Nothing is written before training resumes: a run resumes in its own folder, others in a new one.
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
from rugtui.storage.checkpoint import ResumeHandle, fingerprint, stored_run
from rugtui.storage.checkpoint_writer import EVERY, CheckpointWriter
from rugtui.storage.load import run_sizes
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import all_runs, settings_of_run
from rugtui.storage.snapshot import read_snapshot
from rugtui.training.trainer import Trainer


def open_run(run: Path, *, device: str = "", every: float = EVERY) -> RunSession:
    """A run as it was last saved.

    Raises RunError if nothing was saved, or a newer rugtui saved it; DamagedError, SettingError (no
    such device), OSError.
    """
    there = fingerprint(run)
    session, checkpoint = _saved_in(run, device=device, every=every)
    session.resume_handle = ResumeHandle(run, checkpoint, there)
    session.source = f"run {run.name}"
    live, other = holder(run)
    if live:
        who = other or "another process"
        session.notes.append(f"{who} trains it: `rugtui watch {run.name}` follows its progress.")
    return session


def open_snapshot(folder: Path, *, device: str = "", every: float = EVERY) -> RunSession:
    """A snapshot. Raises what `open_run` does."""
    facts = read_snapshot(folder)
    session, _ = _saved_in(folder, device=device, every=every)
    session.shown = cast(Kind, "rug" if facts.get("kind") == "rug" else "trained")
    session.construction = str(facts.get("frame", ""))
    session.source = f"snapshot {folder.name}"
    session.origin = f"from snapshot {folder}"
    return session


def open_weights(path: Path, given: dict[str, Any], *, every: float = EVERY) -> RunSession:
    """The weights in a file; `given` settings take precedence over those in the file.

    Raises WeightsError for a file without weights or with impossible sizes, SettingError.
    """
    found = read_weight_file(path)
    if "activation" not in given:
        found.said.require_known()
    settings = Settings(**{**run_sizes(found), **given, "init": str(path)})
    training = Trainer(settings, screen=True)
    writer = CheckpointWriter(settings, device=str(training.device), screen=True, every=every)
    session = RunSession(training, writer)
    session.waits = True
    file, selectors = split_selectors(path)
    session.source = "#".join([file.name, *selectors])
    session.origin = f"from weights in {path}: {found.report}"
    if not found.all_read:
        session.notes.append(found.report)
    return session


def continued_or_new(settings: Settings, folder: Path) -> RunSession:
    """The run in the folder with these settings, whatever its steps, to be continued; or a new one.

    Raises RunError if another process trains it, DamagedError, SettingError, OSError.
    """
    for run in all_runs(folder):
        known = settings_of_run(run)
        if known == settings.replace(steps=known.steps):
            session = RunSession.resumed(run)
            session.change(settings)
            return session
    return RunSession.new(settings, into=folder)


def _saved_in(folder: Path, *, device: str, every: float) -> tuple[RunSession, Path]:
    """The newest checkpoint in a folder, to be viewed, and its path."""
    found = stored_run(folder)
    if found is None:
        raise RunError(f"{str(folder)!r} was never saved: there are no weights in it yet.")
    settings = found.checkpoint.settings
    settings = settings.replace(device=device or settings.device)
    writer = CheckpointWriter(settings, device=settings.device, screen=True, every=every)
    try:
        session = RunSession.restored(found, writer, device=device, screen=True)
    except BaseException:
        writer.close(0)
        raise
    session.waits = True
    return session, found.file
