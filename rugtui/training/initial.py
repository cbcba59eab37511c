"""How weights begin."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rugtui.config import Settings
from rugtui.weights.dense import Dense


def initial(settings: Settings, *, generator: torch.Generator) -> Dense:
    """On the CPU, in float32 or as the generator's default has it."""
    return (
        linear(settings, generator=generator)
        if settings.method == "sgd"
        else aligned(settings, generator=generator)
    )


def linear(settings: Settings, *, generator: torch.Generator) -> Dense:
    """As a PyTorch `Linear` begins, and the paper with it: uniform within ±1/√(inputs)."""
    n_sparse, n_dense = settings.n_sparse, settings.n_dense
    return Dense(
        W_in=_uniform(n_dense, n_sparse, inputs=n_sparse, generator=generator),
        W_out=_uniform(n_sparse, n_dense, inputs=n_dense, generator=generator),
        b=_uniform(n_sparse, inputs=n_dense, generator=generator),
    )


def aligned(settings: Settings, *, generator: torch.Generator) -> Dense:
    """W_out = W_inᵀ and b = 0: every output listens to its own feature from the first step.

    From `linear` outputs whose bias begins below their interference die at small p: with the
    population loss 5 of 36 cells of a grid ended above 1.01 L*, from here none.
    """
    n_sparse, n_dense = settings.n_sparse, settings.n_dense
    W_in = _uniform(n_dense, n_sparse, inputs=n_sparse, generator=generator)
    return Dense(W_in, W_in.T.contiguous(), torch.zeros(n_sparse))


def _uniform(*shape: int, inputs: int, generator: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=generator).mul_(2).sub_(1).div_(math.sqrt(inputs))
