"""Sparse data: x_i = c_i u_i with c_i ~ Bernoulli(p) and u_i ~ Uniform[0, 1] (section 1), and data
with other magnitudes, other probabilities, or groups.

On a CPU the active entries are found from the geometric gaps between them (section 10): the work
grows with the number of active entries, not with batch · n_sparse. If many entries are active, one
random number for each entry is less work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from rugtui.settings.law import MagnitudeLaw
from rugtui.training.kernels import passes
from rugtui.training.kernels.sparse_rows import Batch, SparseRows


def sample_sparse(
    n_sparse: int, p: float, batch: int, *, generator: Generator, dtype: torch.dtype = torch.float32
) -> SparseRows:
    """`batch` samples as the active cells of x[batch, n_sparse], on the CPU. 0 < p ≤ 1. Values lie
    in [0, 1). The generator must be on the CPU."""
    seeds, expected = _seeds(generator), batch * n_sparse * p
    starts = torch.empty(batch + 1, dtype=torch.int32)
    # six standard deviations above the mean: too small for one batch in 10⁹
    room = math.ceil(expected + 6 * math.sqrt(expected)) + 10
    while True:
        columns, values = torch.empty(room, dtype=torch.int32), torch.empty(room, dtype=dtype)
        x = starts.numpy(), columns.numpy(), values.numpy()
        count = passes.sample_sparse(*seeds, p, n_sparse, x)
        if count >= 0:
            return SparseRows((batch, n_sparse), starts, columns[:count], values[:count])
        room *= 2


def sample_filled(
    n_sparse: int, p: float, batch: int, *, generator: Generator, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "batch n_sparse"]:
    """`batch` dense samples on the CPU, from 32 random bits per entry: for large p. p is accurate
    to 2⁻³², and x is a multiple of 2⁻³²/p."""
    x = torch.empty(batch, n_sparse, dtype=dtype)
    passes.sample_filled(*_seeds(generator), p, x.view(-1).numpy())
    return x


def sample_dense(
    n_sparse: int,
    p: float,
    batch: int,
    *,
    generator: Generator,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """`batch` samples on the generator's device, in O(batch · n_sparse), without synchronizing.

    For GPUs, where two random numbers per entry cost less than finding out how many entries are
    active. p is accurate to 2⁻³¹.
    """
    shape, device = (batch, n_sparse), device or generator.device
    coin = torch.empty(shape, dtype=torch.int32, device=device).random_(generator=generator)
    values = torch.rand(shape, generator=generator, dtype=dtype, device=device)
    return values.mul_(coin <= round(p * 2**31) - 1)


def sample_one(
    n_sparse: int, batch: int, *, generator: Generator, dtype: torch.dtype = torch.float32
) -> SparseRows:
    """Samples with exactly one active feature, on the CPU: as p → 0, all samples that are not empty
    are like this."""
    columns = torch.randint(n_sparse, (batch,), generator=generator, dtype=torch.int32)
    values = torch.rand(batch, generator=generator, dtype=dtype)
    starts = torch.arange(batch + 1, dtype=torch.int32)
    return SparseRows((batch, n_sparse), starts, columns, values)


def sample_one_dense(
    n_sparse: int,
    batch: int,
    *,
    generator: Generator,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """Samples with exactly one active feature, on the generator's device, without synchronizing."""
    like = {"generator": generator, "device": device or generator.device}
    columns = torch.randint(n_sparse, (batch, 1), **like)
    values = torch.rand((batch, 1), dtype=dtype, **like)
    return values.new_zeros(batch, n_sparse).scatter_(1, columns, values)


def sample_features(
    p: Float[Tensor, " n_sparse"],
    batch: int,
    *,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """Dense samples in which feature i is on with probability p[i], on the generator's device."""
    like = {"generator": generator, "device": generator.device}
    on = torch.rand(batch, len(p), **like) < p
    return torch.rand(batch, len(p), dtype=dtype, **like).mul_(on)


def sample_groups(
    n_sparse: int,
    p: float,
    batch: int,
    size: int,
    *,
    exclusive: bool,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """Dense samples in groups of `size` neighbors (Elhage et al. 2022, "correlated features").

    The features of a group are on together, with probability p; or, `exclusive`, at most one of
    them is, each with probability p. Their magnitudes are independent either way.
    """
    like = {"generator": generator, "device": generator.device}
    groups = batch, n_sparse // size
    on = torch.rand(groups, **like) < (size * p if exclusive else p)
    on = on[..., None].expand(*groups, size)
    if exclusive:
        chosen = torch.randint(size, (*groups, 1), **like)
        on = on & (torch.arange(size, device=on.device) == chosen)
    values = torch.rand(batch, n_sparse, dtype=dtype, **like)
    return values.mul_(on.reshape(batch, n_sparse))


def decayed(n_sparse: int, p: float, decay: float) -> Float[Tensor, " n_sparse"]:
    """p_i = min(1, c i^−decay), i = 1 …, with the c that makes their mean p."""
    i = torch.arange(1, n_sparse + 1, dtype=torch.float64)
    weight = i**-decay
    at_1 = 0  # the number of p_i that are capped at 1
    while at_1 < n_sparse:
        c = (p * n_sparse - at_1) / float(weight[at_1:].sum())
        over = int((c * weight[at_1:] > 1).sum())
        if not over:
            return torch.cat([torch.ones(at_1, dtype=torch.float64), c * weight[at_1:]])
        at_1 += over
    return torch.ones(n_sparse, dtype=torch.float64)


def with_magnitudes(x: Batch, law: MagnitudeLaw) -> Batch:
    """`x`, in which active features are uniform on [0, 1), with the quantiles of this law in their
    place. In place."""
    if law.is_usual:
        return x
    if isinstance(x, SparseRows):
        _quantiles(x.values, law)
        return x
    on = x > 0
    return _quantiles(x, law).mul_(on)


def _quantiles(u: Tensor, law: MagnitudeLaw) -> Tensor:
    """The quantiles of `law` at each of `u`, in place."""
    match law.kind, law.values:
        case "uniform", (low, high):
            return u.mul_(high - low).add_(low)
        case "normal", (mean, deviation):  # u has 24 bits: the tails end at 5.4 deviations
            u.clamp_(2.0**-25, 1 - 2.0**-24)
            return torch.special.ndtri(u, out=u).mul_(deviation).add_(mean)
        case "exponential", (mean,):
            return u.neg_().log1p_().mul_(-mean)
        case "fixed", (value,):
            return u.fill_(value)
        case _:
            return u.mul_(2).sub_(1)


def chunks(
    n_sparse: int,
    p: float,
    samples: int,
    *,
    generator: Generator,
    cells: int = 1 << 24,
    dtype: torch.dtype = torch.float32,
    law: MagnitudeLaw | None = None,
) -> Iterator[SparseRows]:
    """`samples` samples in pieces of at most `cells` cells of x (one sample at least)."""
    most = max(1, cells // n_sparse)
    while samples > 0:
        x = sample_sparse(n_sparse, p, min(most, samples), generator=generator, dtype=dtype)
        if law is not None:
            with_magnitudes(x, law)
        yield x
        samples -= most


def _seeds(generator: Generator) -> tuple[np.uint64, np.uint64]:
    """The first counter of a batch's random stream, and its odd increment, drawn from the
    generator, whose state is all that a run has to save."""
    start, step = torch.empty(2, dtype=torch.int64).random_(generator=generator).tolist()
    return np.uint64(start), np.uint64(2 * step + 1)
