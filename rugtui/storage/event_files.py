"""A run's history as TensorBoard event files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rugtui.errors import UsageError
from rugtui.storage.load import Saved
from rugtui.vocabulary import NAMES

TAGS = {
    "loss": "loss/train",
    "smoothed": "loss/smoothed",
    "heldout": "loss/heldout",
    "lr": "settings/lr",
    "p": "settings/p",
    "batch": "settings/batch",
}
"""Columns of the history, and what TensorBoard calls them."""


def write_event_files(saved: Saved, folder: Path) -> None:
    """One scalar curve for each column, against steps and training time.

    Raises UsageError if tensorboardX is not installed, OSError.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--format tensorboard needs tensorboardX; `pip install 'rugtui[tensorboard]'`."
        ) from error
    history = saved.history
    with SummaryWriter(str(folder)) as writer:
        for name, tag in TAGS.items():
            for step, seconds, value in zip(
                history["step"], history["seconds"], history[name], strict=True
            ):
                if np.isfinite(value):
                    writer.add_scalar(
                        tag,
                        float(value),
                        int(step),
                        walltime=float(seconds),
                        summary_description=NAMES[name].meaning,
                    )
        settings = "\n".join(
            f"    {name}: {value}" for name, value in saved.settings.as_dict().items()
        )
        writer.add_text("settings", settings, saved.step)
