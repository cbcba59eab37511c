"""rugtui: a terminal dashboard for a toy model of superposition."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rugtui.storage.load import Saved

__version__ = "0.2.0"


def load(path: str | Path) -> Saved:
    """A run or a snapshot as it was saved last, or a file of weights: weights, settings, history.

    Raises rugtui.errors.RugtuiError, OSError.
    """
    from rugtui.storage.load import load

    return load(path)
