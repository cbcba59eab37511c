"""What prints figures is an extra: only this module knows whether it is there."""

from __future__ import annotations

from importlib.util import find_spec

from rugtui.errors import UsageError


def require_matplotlib() -> None:
    """Raises UsageError, which says how to have it."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "figures in files need matplotlib, which is not installed: pip install "
            "'rugtui[figures]', or draw them in the terminal with --terminal."
        )
