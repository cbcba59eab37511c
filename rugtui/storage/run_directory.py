"""Where runs are: `$XDG_STATE_HOME/rugtui/runs/<time>-<name>/`; and how commands find them."""

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
from rugtui.models.weight_files.archive import split_selectors
from rugtui.runtime.threads import granted_threads
from rugtui.runtime.user_folders import state_folder
from rugtui.settings.fields import fields_of
from rugtui.settings.settings import Settings, no_target_where
from rugtui.storage import history_file
from rugtui.storage.files import folder_mode, make_folder, read_json, write_json
from rugtui.storage.log import last_logged
from rugtui.storage.tensors import FORMAT, read_facts, refuse_newer
from rugtui.training.kernels.plan import threads

ABOUT, SNAPSHOT, LATEST = "run.json", "snapshot.json", "latest"
SNAPSHOTS = "snapshots"
"""The folder of snapshots in a run."""
CHECKPOINT = re.compile(r"checkpoint-(\d{1,18})\.safetensors")
SUFFIXES = (".safetensors", ".npz", ".npy", ".pt", ".pth", ".ckpt", ".bin", ".pkl")
"""Usual suffixes of weight files; an existing file may have any."""


def runs_folder() -> Path:
    """The folder of all runs of this user. Raises UsageError if there is no home directory."""
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
    """Point the link `latest` beside the run to it: clocks do not decide which is the newest.

    In a copy of a state folder `latest` may be a folder, which stays. Raises OSError.
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
    # Names are compared, not joined to the folder's path, so ../ leads nowhere.
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
            continue  # `newest` skips it too, and reports it
    return settings_of(run / ABOUT, read_json(run / ABOUT))


def settings_of(path: Path, facts: dict[str, Any]) -> Settings:
    """The settings among the facts of a file. Raises DamagedError, RunError (newer rugtui)."""
    refuse_newer(path, facts)
    values = facts.get("settings")
    if not isinstance(values, dict) or not values.keys() <= fields_of(Settings).keys():
        raise DamagedError(path, "its settings are not rugtui's")
    known: dict[str, Any] = dict(values)
    if no_target_where(known):  # older versions allowed a target here
        known["until_within"] = None
    try:
        return Settings(**known)
    except SettingError as error:
        raise DamagedError(path, f"its settings are not rugtui's ({error})") from error


def newest_run(folder: Path) -> Path:
    """The run that `latest` points to, otherwise the one written to last: in a copy, `latest` may
    be missing or an outdated folder. Raises RunError if there is no run."""
    latest = folder / LATEST
    if latest.is_symlink() and is_run(latest):
        return latest.resolve()
    runs = all_runs(folder)
    if not runs:
        raise RunError(f"there is no run in {str(folder)!r} yet; `rugtui` starts one.")
    return max(runs, key=lambda run: (last_written(run / ABOUT), run.name != LATEST, run.name))


def last_written(about: Path) -> float:
    """When a run or a sweep was last written to, in seconds since 1970, according to the content
    of its files: copying changes their times. 0 if unknown."""
    said = [last_logged(about.parent)]
    with contextlib.suppress(OSError, RugtuiError, TypeError, ValueError):
        said.append(datetime.fromisoformat(read_json(about)["written"]).timestamp())
    return max(said)


def provenance(device: str, threads: int | None) -> dict[str, Any]:
    """What is needed to repeat the computation: versions, device, machine, threads, time."""
    return {
        "format": FORMAT,
        **versions(),
        "device": device,
        "machine": platform.machine(),
        "threads": threads,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def versions() -> dict[str, str]:
    """Of everything that the numbers depend on."""
    import numpy

    return {
        "rugtui": __version__,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "numpy": numpy.__version__,
        "scipy": metadata.version("scipy"),
    }


def _make_first_free(folder: Path, name: str) -> Path:
    """Make a folder with this name, or the name and a number; safe with several processes."""
    for attempt in itertools.count(1):
        run = folder / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            run.mkdir(mode=folder_mode(run))
        except FileExistsError:
            continue
        return run
    raise AssertionError("count() does not end")


@dataclass(frozen=True, slots=True)
class Target:
    """A path and what is there."""

    path: Path
    """For weights, including selectors after #."""
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
