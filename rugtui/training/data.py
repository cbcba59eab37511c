"""Sparse data: x_i = c_i u_i with c_i ~ Bernoulli(p) and u_i ~ Uniform[0, 1] (section 1).

The cells that are on are found by the gaps between them, which are geometric (section 10): the work
is that of the active cells, not of all batch · n_sparse. Where most cells are on, one random number
for each is less work than to find them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike
from torch import Tensor

from rugtui.training.kernels.cells import Cells


def sample(
    n_sparse: int,
    p: float,
    batch: int,
    *,
    generator: torch.Generator,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """`batch` samples x with all their cells, on `device` (the generator's where none is named)."""
    cells = sample_cells(n_sparse, p, batch, generator=generator, dtype=dtype)
    return cells.dense().to(device or generator.device)


def sample_cells(
    n_sparse: int,
    p: float,
    batch: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Cells:
    """`batch` samples as the active cells of x[batch, n_sparse], on the CPU.

    0 < p ≤ 1. Values lie in [0, 1). The generator is one of the CPU.
    """
    bits = np.random.Generator(_stream(generator))
    places = _places(n_sparse * batch, p, bits)
    values = torch.from_numpy(bits.random(len(places), np.dtype(str(dtype).removeprefix("torch."))))
    return Cells.at((batch, n_sparse), torch.from_numpy(places), values)


def sample_filled(
    n_sparse: int,
    p: float,
    batch: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """`batch` samples with all their cells, on the CPU, from 32 random bits a cell: for large p.

    With u uniform on [0, 1), max(0, (u − (1 − p)) / p) is c · uniform: u is above 1 − p with
    probability p, and then uniform between 1 − p and 1. In float32 the 2³² values of u are 2⁻²⁵
    apart near 1, so p is kept to 2⁻²⁵, and x comes in steps of 2⁻²⁵/p; at most it is 1.
    """
    count = batch * n_sparse
    words = _stream(generator).random_raw((count + 1) // 2)
    u = torch.from_numpy(words.view(np.int32)[:count]).to(dtype)  # from −2³¹ to 2³¹
    x = u.sub_(2**31 - 2**32 * p).relu_().mul_(1 / (2**32 * p))
    return x.view(batch, n_sparse)


def sample_dense(
    n_sparse: int,
    p: float,
    batch: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch n_sparse"]:
    """`batch` samples on the generator's device, in O(batch · n_sparse), without waiting for it.

    For GPUs, where two random numbers a cell cost less than to learn how many cells are on.
    """
    shape, device = (batch, n_sparse), generator.device
    coin = torch.rand(shape, generator=generator, dtype=torch.float64, device=device)
    values = torch.rand(shape, generator=generator, dtype=dtype, device=device)
    return values.mul_(coin < p)


def sample_one(
    n_sparse: int,
    batch: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Cells:
    """Samples with exactly one feature on: the limit p → 0, given that anything is on."""
    columns = torch.randint(n_sparse, (batch,), generator=generator, dtype=torch.int32)
    values = torch.rand(batch, generator=generator, dtype=dtype)
    return Cells((batch, n_sparse), torch.arange(batch + 1, dtype=torch.int32), columns, values)


def chunks(
    n_sparse: int,
    p: float,
    samples: int,
    *,
    generator: torch.Generator,
    cells: int = 1 << 24,
    dtype: torch.dtype = torch.float32,
) -> Iterator[Cells]:
    """`samples` samples in pieces of at most `cells` cells of x (one sample at least)."""
    most = max(1, cells // n_sparse)
    while samples > 0:
        yield sample_cells(n_sparse, p, min(most, samples), generator=generator, dtype=dtype)
        samples -= most


class Words(ISeedSequence):
    """Seeds a stream of bits with just these words.

    NumPy's own SeedSequence stirs entropy into words, which takes as long as half a batch.
    """

    def __init__(self, words: Int[np.ndarray, " words"]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> np.ndarray:
        return self.words[:n_words].astype(dtype, copy=False)


def _stream(generator: torch.Generator) -> np.random.SFC64:
    """Bits for one batch, at a third of what the generator's own cost: SFC64, begun by 192 bits of
    the generator, whose state remains all that a run has to keep."""
    words = torch.empty(3, dtype=torch.int64).random_(generator=generator).numpy()
    seed = Words(words.view(np.uint64))
    return np.random.SFC64(cast(np.random.SeedSequence, seed))  # the stubs know no other


def _places(cells: int, p: float, bits: np.random.Generator) -> Int[np.ndarray, " active"]:
    """Which of `cells` cells are on, ascending."""
    if p == 1:
        return np.arange(cells)
    pieces, last = [], -1
    while last < cells:
        # six standard deviations more than are wanted: a second piece is needed once in 10⁹ batches
        wanted = (cells - last) * p
        count = int(wanted + 6 * math.sqrt(wanted)) + 10
        gaps = _gaps(count, p, bits)
        np.minimum(gaps, cells + 1, out=gaps)
        steps = gaps.astype(np.int64)
        steps[0] += last
        pieces.append(np.cumsum(steps, out=steps))
        last = int(steps[-1])
    places = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return places[: np.searchsorted(places, cells)]


def _gaps(count: int, p: float, bits: np.random.Generator) -> Float[np.ndarray, " count"]:
    """Distances from one active cell to the next, P(gap = k) = p (1 − p)^(k − 1), as float64.

    The 24 bits of float32 would make the shortest gaps of p = 1e-6 come 6 % too often. u = 0 gives
    an infinite gap, which is no harm: it ends the batch.
    """
    u = bits.random(count)
    with np.errstate(divide="ignore", over="ignore"):
        np.log(u, out=u)
        u /= math.log1p(-p)
    return np.ceil(u, out=u)
