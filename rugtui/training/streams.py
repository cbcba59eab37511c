"""The random streams of a run, all from one seed."""

from __future__ import annotations

import numpy as np
import torch

NAMES = ("weights", "data", "heldout")


def generators(seed: int, device: torch.device) -> dict[str, torch.Generator]:
    """Independent generators: one for the weights, always drawn on the CPU, one for the data that
    training sees, and one for those it does not."""
    sequences = np.random.SeedSequence(seed).spawn(len(NAMES))
    return {
        name: _generator(sequence, torch.device("cpu") if name == "weights" else device)
        for name, sequence in zip(NAMES, sequences, strict=True)
    }


def _generator(sequence: np.random.SeedSequence, device: torch.device) -> torch.Generator:
    word = int(sequence.generate_state(1, np.uint64)[0]) >> 1
    return torch.Generator(device if device.type == "cuda" else "cpu").manual_seed(word)
