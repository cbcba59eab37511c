"""Small runs for the tests of this room, and damage done to files."""

from __future__ import annotations

import numpy as np

from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import Checkpoint
from rugtui.storage.history_file import StoredHistory
from rugtui.training.trainer import Trainer

SETTINGS = Settings(n_sparse=8, n_dense=2, p=0.2, batch=4, steps=0, device="cpu")
COLUMNS = ("step", "loss", "smoothed")


def some_training(steps: int = 3) -> Trainer:
    training = Trainer(SETTINGS.replace(steps=steps))
    while not training.done:
        training.advance()
    return training


def some_checkpoint(steps: int = 3, **changes) -> Checkpoint:
    training = some_training(steps)
    facts = {
        "settings": training.settings,
        "state": training.state(),
        "seconds": 0.25,
        "phase": "training",
        "device": "cpu",
        "loss": 0.0125,
        "results": 0,
    }
    return Checkpoint(**(facts | changes))


def some_past(rows: int = 5, marks=((2, "p 0.1"),)) -> StoredHistory:
    rng = np.random.default_rng(rows)
    table = rng.normal(size=(len(COLUMNS), rows))
    table[0] = np.arange(1, rows + 1)
    table[2, ::2] = np.nan
    return StoredHistory(COLUMNS, table, marks)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """One bit flipped, or (one in five) the end cut off."""
    place = int(rng.integers(len(content)))
    if rng.random() < 0.2:
        return content[:place]
    flipped = bytearray(content)
    flipped[place] ^= 1 << int(rng.integers(8))
    return bytes(flipped)
