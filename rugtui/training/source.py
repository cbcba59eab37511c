"""Draws the samples of a run from the data distribution of its settings, on its device, with random
streams that all derive from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from rugtui.settings.settings import GROUPED, Settings
from rugtui.training import data
from rugtui.training.kernels import plan
from rugtui.training.kernels.sparse_rows import Batch, SparseRows


class Source:
    """Draws batches: on a CPU as lists of active entries if the step is sparse, otherwise dense;
    on CUDA on the device, without synchronizing."""

    def __init__(self, generator: Generator, device: torch.device, dtype: torch.dtype):
        self.generator, self.device, self.dtype = generator, device, dtype

    def draw(self, settings: Settings, batch: int) -> Batch:
        return data.with_magnitudes(self._draw(settings, batch), settings.law)

    def _draw(self, settings: Settings, batch: int) -> Batch:
        """With magnitudes uniform on [0, 1)."""
        n_sparse, p, on_cuda = settings.n_sparse, settings.p, self.device.type == "cuda"
        like: Any = {"generator": self.generator, "dtype": self.dtype}
        if settings.p_decay:
            each = data.decayed(n_sparse, p, settings.p_decay).to(self.generator.device)
            x = data.sample_features(each, batch, **like)
        elif settings.data in GROUPED:
            exclusive = settings.data == "anticorrelated"
            x = data.sample_groups(n_sparse, p, batch, settings.group, exclusive=exclusive, **like)
        elif settings.data == "one" and on_cuda:
            x = data.sample_one_dense(n_sparse, batch, device=self.device, **like)
        elif settings.data == "one":
            x = data.sample_one(n_sparse, batch, **like)
        elif on_cuda:
            x = data.sample_dense(n_sparse, p, batch, device=self.device, **like)
        elif plan.sparse_data(settings):
            x = data.sample_sparse(n_sparse, p, batch, **like)
        else:
            x = data.sample_filled(n_sparse, p, batch, **like)
        if on_cuda:
            return x
        if isinstance(x, SparseRows):
            return x if self.device.type == "cpu" else x.dense().to(self.device)
        return x.to(self.device)

    def draw_many(self, settings: Settings, samples: int) -> Iterator[Batch]:
        """`samples` samples in batches of at most the settings' size."""
        while samples > 0:
            yield self.draw(settings, min(settings.batch, samples))
            samples -= settings.batch

    @contextmanager
    def restored_on_error(self) -> Iterator[None]:
        """Restores the random stream if an error or a cancellation ends the block."""
        before = self.generator.get_state()
        try:
            yield
        except BaseException:
            self.generator.set_state(before)
            raise


def importance(settings: Settings, like: Tensor) -> Float[Tensor, " n_sparse"] | None:
    """The weight i^−α of the squared error of feature i = 1, 2, …; None if all are 1. Elhage et al.
    2022 use weights such as 0.9^i; the power law is from the code of arXiv 2410.12101."""
    if settings.importance == 0:
        return None
    i = torch.arange(1, settings.n_sparse + 1, dtype=like.dtype, device=like.device)
    return i.pow_(-settings.importance)


NAMES = ("weights", "data", "heldout")


def generators(seed: int, device: torch.device) -> dict[str, Generator]:
    """Independent generators: for the weights, always on the CPU, for the data that training sees,
    and for the held-out data."""
    found = {}
    for name, sequence in zip(NAMES, np.random.SeedSequence(seed).spawn(len(NAMES)), strict=True):
        word = int(sequence.generate_state(1, np.uint64)[0]) >> 1
        on_device = device.type == "cuda" and name != "weights"
        found[name] = Generator(device if on_device else "cpu").manual_seed(word)
    return found
