"""The folders of runs, `$XDG_STATE_HOME/rugtui/runs/<time>-<name>/`: made, described, found,
logged."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import re
import time
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from rugtui import __version__
from rugtui.errors import DamagedError, RugtuiError, RunError, SettingError
from rugtui.models.weight_files import SUFFIXES
from rugtui.models.weight_files.archive import split_selectors
from rugtui.runtime.threads import granted_threads
from rugtui.settings.fields import fields_of
from rugtui.settings.settings import Settings, no_target_where
from rugtui.storage import history_file
from rugtui.storage.files import (
    file_mode,
    folder_mode,
    last_lines,
    make_folder,
    naming,
    read_json,
    state_folder,
    write_json,
)
from rugtui.storage.tensors import FORMAT, read_facts, refuse_newer
from rugtui.training.kernels.plan import threads

ABOUT, SNAPSHOT, LATEST = "run.json", "snapshot.json", "latest"
SNAPSHOTS = "snapshots"
"""The folder of snapshots in a run."""
LOG, STAMP = "log.txt", "%Y-%m-%d %H:%M:%S"
"""The events of a run, as sentences, and how each line begins."""
TAIL = 4096
"""Bytes at the end of a log in which its last line is looked for; a result in JSON takes 600."""
CHECKPOINT = re.compile(r"checkpoint-(\d{1,18})\.safetensors")


def runs_folder() -> Path:
    """The folder of this user's runs. Raises UsageError if there is no home directory."""
    return state_folder() / "runs"


def create_run(settings: Settings, *, device: str, into: Path | None = None) -> Path:
    """Make a new run directory with its run.json, in `into` or the user's own. Raises OSError."""
    folder = make_folder(into or runs_folder())
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = f"{stamp}-{settings.n_sparse}x{settings.n_dense}-p{settings.p_on:.6g}-{settings.method}"
    if settings.activation != "relu":
        name += f"-{settings.activation}"
    run = _make_first_free(folder, name)
    describe_run(run, settings, device=device)
    return run


def describe_run(run: Path, settings: Settings, *, device: str) -> None:
    """Write run.json. Raises OSError."""
    computes = threads(settings, granted_threads())
    write_json(run / ABOUT, {**provenance(device, computes), "settings": settings.as_dict()})


def make_latest(run: Path) -> None:
    """Point the link `latest` beside the run to it: the clock may be wrong about the newest run.

    In a copied state folder `latest` may be a folder; then it stays as it is. Raises OSError.
    """
    if (run.parent / LATEST).is_dir() and not (run.parent / LATEST).is_symlink():
        return
    aside = run.parent / f".{LATEST}.{os.getpid()}"
    aside.unlink(missing_ok=True)
    aside.symlink_to(run.name)
    aside.rename(run.parent / LATEST)


def is_run(path: Path) -> bool:
    """Whether a directory is a run, even an incomplete one."""
    return path.is_dir() and any(
        path.joinpath(name).exists() for name in (ABOUT, history_file.NAME)
    )


def is_snapshot(path: Path) -> bool:
    """Whether a directory is a complete snapshot: snapshot.json is written last."""
    return path.joinpath(SNAPSHOT).is_file()


def snapshots(run: Path) -> list[Path]:
    """The complete snapshots of a run, oldest step first."""
    found = (run / SNAPSHOTS).glob("[!.]*")
    return sorted(path for path in found if is_snapshot(path))


def name_for_commands(run: Path) -> str:
    """The name or path by which commands such as `rugtui resume` find a run."""
    return run.name if run.parent == runs_folder() else str(run)


def find_run(wanted: str | Path | None, folder: Path | None = None) -> Path:
    """The run at a path, or with this name or prefix of a name; None is the latest. Raises
    RunError."""
    folder = folder or runs_folder()
    if wanted is None:
        return newest_run(folder)
    path = Path(wanted)
    if is_run(path):
        return path.resolve()
    # Names are compared, not joined to a path, so that ../ cannot leave the folder.
    runs = all_runs(folder)
    named = [run for run in runs if run.name == str(wanted)]
    named = named or [run for run in runs if run.name.startswith(str(wanted)) and str(wanted)]
    if len(named) == 1:
        return named[0]
    if named:
        raise RunError(f"{len(named)} runs begin with {str(wanted)!r}: give more of the name.")
    raise RunError(f"there is no run {str(wanted)!r}; `rugtui runs` lists them.")


def all_runs(folder: Path | None = None) -> list[Path]:
    """Every run in a folder, by name."""
    folder = folder or runs_folder()
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.is_symlink() and is_run(path))


def checkpoint_path(run: Path, step: int) -> Path:
    return run / f"checkpoint-{step:08d}.safetensors"


def step_of(checkpoint: Path) -> int:
    """The step in the name of a checkpoint."""
    match = CHECKPOINT.fullmatch(checkpoint.name)
    assert match is not None
    return int(match[1])


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, newest first. Raises OSError."""
    found = {path: CHECKPOINT.fullmatch(path.name) for path in run.iterdir()}
    steps = {path: int(match[1]) for path, match in found.items() if match}
    return sorted(steps, key=steps.__getitem__, reverse=True)


def settings_of_run(run: Path) -> Settings:
    """The latest settings of a run, read without torch. Raises OSError, RugtuiError."""
    for path in checkpoints(run):
        try:
            return settings_of(path, read_facts(path))
        except DamagedError:
            continue  # `newest` skips and reports it
    return settings_of(run / ABOUT, read_json(run / ABOUT))


def settings_of(path: Path, facts: dict[str, Any]) -> Settings:
    """The settings among the facts of a file. Raises DamagedError, RunError (newer rugtui)."""
    refuse_newer(path, facts)
    values = facts.get("settings")
    if not isinstance(values, dict) or not values.keys() <= fields_of(Settings).keys():
        raise DamagedError(path, "its settings are not rugtui's")
    known: dict[str, Any] = dict(values)
    if no_target_where(known):  # older versions accepted a target here
        known["until_within"] = None
    try:
        return Settings(**known)
    except SettingError as error:
        raise DamagedError(path, f"its settings are not rugtui's ({error})") from error


def newest_run(folder: Path) -> Path:
    """The run that `latest` points to; without that link, as in a copy, the run written to last.
    Raises RunError if there is none."""
    latest = folder / LATEST
    if latest.is_symlink() and is_run(latest):
        return latest.resolve()
    runs = all_runs(folder)
    if not runs:
        raise RunError(f"there is no run in {str(folder)!r} yet; `rugtui` starts one.")
    return max(runs, key=lambda run: (last_written(run / ABOUT), run.name != LATEST, run.name))


def last_written(about: Path) -> float:
    """When a run or a sweep was last written to, in seconds since 1970; 0 if unknown. From the
    content of its files, because copying changes their times."""
    said = [last_logged(about.parent)]
    with contextlib.suppress(OSError, RugtuiError, TypeError, ValueError):
        said.append(datetime.fromisoformat(read_json(about)["written"]).timestamp())
    return max(said)


def log(run: Path, text: str) -> None:
    """Add a line to the log. Raises OSError."""
    # Non-blocking: opening a pipe of this name would wait for a reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(run / LOG, flags, file_mode(run))
    try:
        line = f"{time.strftime(STAMP)} [{os.getpid()}] {text}\n"
        left = line.encode(errors="backslashreplace")
        with naming(run / LOG):
            while left:  # an almost full disk may take only a part
                left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def last_logged(run: Path) -> float:
    """The time of the last line of the log, in seconds since 1970; 0 if there is none."""
    try:
        lines = last_lines(run / LOG, TAIL)
    except (OSError, DamagedError):
        return 0.0
    for line in reversed(lines):
        with contextlib.suppress(ValueError, OverflowError):
            return time.mktime(time.strptime(" ".join(line.split(" ")[:2]), STAMP))
    return 0.0


def provenance(device: str, threads: int | None) -> dict[str, Any]:
    """What determines the numbers, for repeating a computation: versions, device, threads, …"""
    return {
        "format": FORMAT,
        **versions(),
        "device": device,
        "machine": platform.machine(),
        "threads": threads,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def versions() -> dict[str, str]:
    """The versions of rugtui and of the libraries that compute."""
    import numpy

    return {
        "rugtui": __version__,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "numpy": numpy.__version__,
        "scipy": metadata.version("scipy"),
    }


def _make_first_free(folder: Path, name: str) -> Path:
    """Make a folder of this name, with a number appended if it exists, even if other processes do
    the same."""
    run, numbers = folder / name, itertools.count(2)
    while True:
        try:
            run.mkdir(mode=folder_mode(run))
            return run
        except FileExistsError:
            run = folder / f"{name}-{next(numbers)}"


@dataclass(frozen=True, slots=True)
class Target:
    """A path that a user named, and what it is."""

    path: Path
    """For weights with the selectors after #."""
    kind: Literal["run", "snapshot", "weights"]


def kind_of(path: Path) -> str:
    """Whether a folder is a run, a snapshot or a sweep; empty if it is none of them."""
    if path.joinpath("sweep.json").is_file():
        return "sweep"
    return "snapshot" if is_snapshot(path) else "run" if is_run(path) else ""


def find_target(wanted: str | Path | None) -> Target:
    """The folder of a snapshot or run (None: the latest run), or a weight file.

    Raises RunError if there is none.
    """
    if wanted is None:
        return Target(find_run(None), "run")
    path = Path(wanted)
    if is_snapshot(path):
        return Target(path.resolve(), "snapshot")
    if is_run(path):
        return Target(path.resolve(), "run")
    if path.is_dir():
        raise RunError(f"{str(wanted)!r} is a folder, but neither a run nor a snapshot.")
    if CHECKPOINT.fullmatch(path.name) and path.exists():
        raise RunError(
            f"{str(wanted)!r} is part of {str(path.parent)!r}: give that folder instead."
        )
    if split_selectors(path)[0].exists():
        return Target(path.absolute(), "weights")
    if Path(str(wanted).partition("#")[0]).suffix in SUFFIXES:
        raise RunError(f"there is no file {str(wanted)!r}.")
    return Target(find_run(wanted), "run")
