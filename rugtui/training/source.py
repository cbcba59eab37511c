"""Draws the samples of a run from the data distribution of its settings, on its device, with random
streams that all come from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.settings.settings import GROUPED, Settings
from rugtui.training import data
from rugtui.training.kernels import plan
from rugtui.training.kernels.sparse_rows import Batch


class Source:
    """Draws batches: on a CPU as lists of active entries if the step is sparse, otherwise dense.

    On CUDA batches are drawn on the device, without synchronizing.
    """

    def __init__(self, generator: torch.Generator, device: torch.device, dtype: torch.dtype):
        self.generator, self.device, self.dtype = generator, device, dtype

    def draw(self, settings: Settings, batch: int) -> Batch:
        return data.with_magnitudes(self._draw(settings, batch), settings.law)

    def _draw(self, settings: Settings, batch: int) -> Batch:
        """With magnitudes uniform on [0, 1)."""
        n_sparse, p, like = settings.n_sparse, settings.p, {"dtype": self.dtype}
        if settings.data in GROUPED or settings.p_decay:
            like = {"generator": self.generator, **like}
            if settings.p_decay:
                each = data.decayed(n_sparse, p, settings.p_decay).to(self.generator.device)
                return data.sample_features(each, batch, **like).to(self.device)
            exclusive = settings.data == "anticorrelated"
            size = settings.group
            x = data.sample_groups(n_sparse, p, batch, size, exclusive=exclusive, **like)
            return x.to(self.device)
        if self.device.type == "cuda":
            like = {"generator": self.generator, "device": self.device, **like}
            if settings.data == "one":
                return one_dense(n_sparse, batch, **like)
            return data.sample_dense(n_sparse, p, batch, **like)
        if settings.data == "one":
            cells = data.sample_one(n_sparse, batch, generator=self.generator, **like)
        elif plan.sparse_data(settings):
            cells = data.sample_sparse(n_sparse, p, batch, generator=self.generator, **like)
        else:
            x = data.sample_filled(n_sparse, p, batch, generator=self.generator, **like)
            return x.to(self.device)
        return cells if self.device.type == "cpu" else cells.dense().to(self.device)

    def draw_many(self, settings: Settings, samples: int) -> Iterator[Batch]:
        """`samples` samples in batches of at most the settings' size."""
        while samples > 0:
            yield self.draw(settings, min(settings.batch, samples))
            samples -= settings.batch

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Restores the random streams if an error or a cancellation ends the block."""
        before = self.generator.get_state()
        try:
            yield
        except BaseException:
            self.generator.set_state(before)
            raise


def one_dense(
    n_sparse: int,
    batch: int,
    *,
    generator: torch.Generator,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """Samples with exactly one active feature, drawn on the generator's device."""
    like = {"generator": generator, "device": device or generator.device}
    columns = torch.randint(n_sparse, (batch, 1), **like)
    values = torch.rand((batch, 1), dtype=dtype, **like)
    return values.new_zeros(batch, n_sparse).scatter_(1, columns, values)


def importance(settings: Settings, like: Tensor) -> Float[Tensor, " n_sparse"] | None:
    """i^−α for feature i = 1 …: outputs and targets are weighed i^(−α/2), and squared. None for 1.

    Elhage et al. 2022 weigh the squares by 0.9^i and the like; the power law is that of the code
    of arXiv 2410.12101.
    """
    if settings.importance == 0:
        return None
    i = torch.arange(1, settings.n_sparse + 1, dtype=like.dtype, device=like.device)
    return i.pow_(-settings.importance)


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
