"""The folders of this user in which runs and the config file are kept."""

from __future__ import annotations

import os
from pathlib import Path

from rugtui.errors import UsageError


def state_folder() -> Path:
    """Where runs, sweeps and studies go that nobody names a folder for. Raises UsageError."""
    return _folder("XDG_STATE_HOME")


def config_folder() -> Path:
    """Where the config file is. Raises UsageError."""
    return _folder("XDG_CONFIG_HOME")


def _folder(variable: str) -> Path:
    import platformdirs

    is_state = variable == "XDG_STATE_HOME"
    find = platformdirs.user_state_dir if is_state else platformdirs.user_config_dir
    try:
        return Path(find("rugtui", appauthor=False))
    except RuntimeError as error:  # neither a variable nor the system knows a home
        kept = "runs are kept" if is_state else "the config file is"
        raise UsageError(
            f"This user has no home directory, where {kept}: set HOME or {variable} to an absolute "
            "path" + (", or name a folder (--into, --out)." if is_state else ".")
        ) from error


def ignored_variables() -> list[str]:
    """What is said about XDG variables that are not used, as the standard demands of relative
    paths."""
    return [
        f"{name} is ignored: it must be an absolute path, but it is {value!r}."
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")
        if (value := os.environ.get(name, "").strip()) and not os.path.isabs(value)
    ]


def is_private(path: Path) -> bool:
    """Whether a path is among what is kept for this user alone; elsewhere the umask decides who
    may read."""
    try:
        private = os.path.realpath(state_folder())
    except UsageError:
        return False
    return os.path.commonpath([private, os.path.realpath(path)]) == private
