"""Initial weights, on the CPU; training moves them to its device and precision."""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch
from torch import Generator, Tensor

from rugtui.errors import SettingError, UsageError
from rugtui.models.constructions import checked_name, default_construction, dense, engineered
from rugtui.models.dense import Dense
from rugtui.models.weight_files.weight_file import read_weights
from rugtui.settings.settings import Settings
from rugtui.theory.moments import variance


def initial(settings: Settings, *, generator: Generator) -> Dense:
    """The weights that `settings.init` names. Raises SettingError, WeightsError."""
    if settings.init in ("default", "linear"):
        return (aligned if settings.init == "default" else linear)(settings, generator=generator)
    if settings.init == "rug":
        return constructed(default_construction(settings.n_sparse), settings, generator=generator)
    try:
        name = checked_name(settings.init)
    except UsageError:
        return from_file(settings)
    return constructed(name, settings, generator=generator)


def aligned(settings: Settings, *, generator: Generator) -> Dense:
    """W_out uniform within ±1/√n_dense, W_in = W_outᵀ, b two standard deviations below 0.

    W is then random, with a diagonal of 1/3: each output responds to its own feature from the first
    step, and rarely to others. Compared with `linear` at (1024, 256, p 0.01): no output is dead at
    the start, training is 500 steps ahead, and at most an eighth of the outputs are active instead
    of half, which makes sparse steps cheaper.
    """
    n_sparse, n_dense, p = settings.n_sparse, settings.n_dense, settings.p_on
    W_out = _uniform(n_sparse, n_dense, inputs=n_dense, generator=generator)
    # Σ_{j≠i} W_ij² ≈ a²/r with a = 1/3 for random W
    law = settings.law
    spread = variance(p) if law.is_usual else law.variance(p)
    sigma = math.sqrt(spread / settings.ratio) / 3
    return Dense(W_out.T.contiguous(), W_out, torch.full((n_sparse,), -2 * sigma))


def linear(settings: Settings, *, generator: Generator) -> Dense:
    """The default of PyTorch's `Linear`, which the paper uses: uniform within ±1/√(inputs)."""
    n_sparse, n_dense = settings.n_sparse, settings.n_dense
    return Dense(
        W_in=_uniform(n_dense, n_sparse, inputs=n_sparse, generator=generator),
        W_out=_uniform(n_sparse, n_dense, inputs=n_dense, generator=generator),
        b=_uniform(n_sparse, inputs=n_dense, generator=generator),
    )


def constructed(name: str, settings: Settings, *, generator: Generator) -> Dense:
    """Engineered weights, with W_in and W_out scaled to equal norm in each dimension, so that a
    step changes both equally. Raises SettingError, WeightsError."""
    n_sparse, n_dense, p = settings.n_sparse, settings.n_dense, settings.p_on
    made = dense(engineered(name, n_sparse, n_dense, p, generator=generator))
    if made.n_dense < n_dense:  # dimensions that the construction does not use
        spare = n_dense - made.n_dense
        made = Dense(
            torch.cat([made.W_in, made.W_in.new_zeros(spare, n_sparse)]),
            torch.cat([made.W_out, made.W_out.new_zeros(n_sparse, spare)], 1),
            made.b,
        )
    scale = (made.W_out.norm(dim=0) / made.W_in.norm(dim=1)).sqrt().nan_to_num(1.0)
    made = Dense(made.W_in * scale[:, None], made.W_out / scale, made.b)
    _require_tied(settings, made, f"init {name}")
    return made


def from_file(settings: Settings) -> Dense:
    """The weights in a file, which must have the run's sizes; tied weights need W_out = W_inᵀ."""
    read = read_weights(Path(os.path.expanduser(settings.init)))
    for name, wanted, got in (
        ("n_sparse", read.n_sparse, settings.n_sparse),
        ("n_dense", read.n_dense, settings.n_dense),
    ):
        if wanted != got:
            raise SettingError(name, f"{wanted}, as in {settings.init}", got)
    of_file = f"the weights of {settings.init}"
    _require_tied(settings, read, of_file)
    if not settings.bias and bool(read.b.any()):
        raise SettingError("bias", f"yes with {of_file}", "no", "they have one")
    return read


def _require_tied(settings: Settings, weights: Dense, what: str) -> None:
    """Raises SettingError if weights are to be tied and their W_out is not W_in's transpose."""
    same = torch.allclose(weights.W_out, weights.W_in.T, rtol=1e-4, atol=1e-6)
    if settings.tied and not same:
        raise SettingError("tied", f"no with {what}", "yes", "its W_out is not W_in's transpose")


def _uniform(*shape: int, inputs: int, generator: Generator) -> Tensor:
    return torch.rand(*shape, generator=generator).mul_(2).sub_(1).div_(math.sqrt(inputs))
