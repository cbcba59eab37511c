"""Where runs live: `$XDG_STATE_HOME/rugtui/runs/<time>-<name>/`."""

from __future__ import annotations

import itertools
import platform
import time
from pathlib import Path
from typing import Any

import platformdirs

from rugtui import __version__
from rugtui.config import Settings
from rugtui.runs.files import make_folder, write_json

FORMAT = 1
"""Version of what run.json, history.jsonl, checkpoints and snapshots hold."""


def runs_folder() -> Path:
    """The folder of all runs of this user."""
    return Path(platformdirs.user_state_dir("rugtui", appauthor=False)) / "runs"


def create_run(settings: Settings, *, device: str, into: Path | None = None) -> Path:
    """Make a new run directory with its run.json, in `into` or the user's own. Raises OSError."""
    folder = make_folder(into or runs_folder())
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = f"{stamp}-{settings.n_sparse}x{settings.n_dense}-p{settings.p:g}-{settings.method}"
    run = _make_first_free(folder, name)
    write_json(run / "run.json", {**provenance(device), "settings": settings.as_dict()})
    return run


def provenance(device: str) -> dict[str, Any]:
    """What a reader needs to know to repeat it: versions, device, machine, time."""
    import numpy
    import torch

    return {
        "format": FORMAT,
        "rugtui": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "device": device,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _make_first_free(folder: Path, name: str) -> Path:
    """Two runs of one second get different names; mkdir decides, so that two processes do too."""
    for attempt in itertools.count(1):
        run = folder / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            run.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return run
    raise AssertionError("count() does not end")
