"""Matrices with orthogonal rows: Hadamard's, with its fast transform; cosines; random ones.

The Hadamard matrix in Sylvester's order is H_ij = (−1)^popcount(i & j), so H_ki H_kj = H_k,(i xor
j): a row of H turns xor into a product. Its product with a vector takes O(n log n).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import is_power_of_two

PASS_BITS = 5
"""One pass multiplies by H_32 at most: five butterflies for one sweep over memory."""
CACHED = 1 << 18
"""Numbers that are processed together on a CPU, where two megabytes stay in the cache."""
CACHED_ON_DEVICE = 1 << 24
"""The same on an accelerator, which needs few and large products."""


def hadamard(
    n: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Float[Tensor, "n n"]:
    """H itself; n is a power of two (WeightsError otherwise), and n² numbers must fit in memory."""
    _require_power(n)
    H = torch.ones(1, 1, dtype=dtype, device=device)
    while len(H) < n:
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    return H


def entries(rows: Int[Tensor, " k"], n: int) -> Float[Tensor, "k n"]:
    """The rows H[rows], from the parity of popcount(row & column), without making H."""
    _require_power(n)
    columns = torch.arange(n, dtype=torch.int32, device=rows.device)
    return (1 - 2 * parity(rows[:, None].int() & columns)).float()


def parity(x: Int[Tensor, "*any"]) -> Int[Tensor, "*any"]:
    """popcount(x) modulo 2, of non-negative numbers."""
    for shift in (32, 16, 8, 4, 2, 1)[x.dtype != torch.int64 :]:
        x = x ^ x >> shift
    return x & 1


def transform(x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """H x over the last axis, whose length is a power of two (WeightsError otherwise). In float64,
    whole numbers are exact while sums of their magnitudes stay below 2^53."""
    return _swept(x, [None])


def convolve(
    x: Float[Tensor, "*batch n"], spectrum: Float[Tensor, " n"]
) -> Float[Tensor, "*batch n"]:
    """H (spectrum ∘ H x): the sum over j of f(i xor j) x_j, where f = H spectrum."""
    return _swept(x, [spectrum, None])


def _swept(
    x: Float[Tensor, "*batch n"], spectra: list[Float[Tensor, " n"] | None]
) -> Float[Tensor, "*batch n"]:
    """H x, times the spectrum that follows, for each of `spectra` in turn.

    H_n is the Kronecker product of small H's, and the product with one of them is a matrix product
    over one axis of the reshaped array: log2(n) / 5 sweeps over memory instead of the log2(n) of
    butterflies. Sweeps alternate between the result and a scratch array, a few rows at a time: the
    rows stay in the cache, and little memory, which costs more than the work, is allocated.
    """
    n = x.shape[-1]
    _require_power(n)
    source = x.reshape(-1, n).contiguous()
    result = torch.empty_like(source, memory_format=torch.contiguous_format)
    at_once = max(1, (CACHED if x.device.type == "cpu" else CACHED_ON_DEVICE) // n)
    scratch = torch.empty_like(result[:at_once])
    passes = _passes(n.bit_length() - 1)
    for rows, target in zip(source.split(at_once), result.split(at_once), strict=True):
        ping, pong = scratch[: len(rows)], target
        if len(passes) * len(spectra) % 2:
            ping, pong = pong, ping
        y = rows
        for spectrum in spectra:
            inner = 1
            for bits in passes:
                _multiply_axis(y, bits, inner, out=ping)
                y, ping, pong = ping, pong, ping
                inner <<= bits
            if spectrum is not None:
                y = y.mul_(spectrum) if passes else y * spectrum
        if not passes:
            target.copy_(y)
    return result.view(x.shape)


def _multiply_axis(
    x: Float[Tensor, "rows n"], bits: int, inner: int, *, out: Float[Tensor, "rows n"]
) -> None:
    """The product with H_(2^bits) over the axis of that length with `inner` cells behind it."""
    H = _small(bits, x.dtype, x.device)
    if inner == 1:
        torch.mm(x.reshape(-1, len(H)), H, out=out.view(-1, len(H)))
    else:
        blocks = x.view(-1, len(H), inner)
        torch.bmm(H.expand(len(blocks), -1, -1), blocks, out=out.view(blocks.shape))


@lru_cache(maxsize=64)
def _small(bits: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "m m"]:
    return hadamard(1 << bits, dtype=dtype, device=device)


def sequency_order(n: int) -> Int[np.ndarray, " n"]:
    """The row of H that has s changes of sign, for s = 0 … n − 1: bit reversal of s's Gray code."""
    _require_power(n)
    gray = np.arange(n, dtype=np.int64)
    gray ^= gray >> 1
    order = np.zeros_like(gray)
    for _ in range(n.bit_length() - 1):
        order = order << 1 | gray & 1
        gray >>= 1
    return order


def _passes(bits: int) -> list[int]:
    """`bits` divided as evenly as possible among the fewest passes."""
    count = -(-bits // PASS_BITS)
    return [bits * (k + 1) // count - bits * k // count for k in range(count)]


def _require_power(n: int) -> None:
    if not is_power_of_two(n):
        raise WeightsError(
            f"A Hadamard matrix here has a power of two of rows, but {n} were requested."
        )


def orthonormal_rows(
    n_sparse: int, n_dense: int, *, generator: Generator
) -> Float[Tensor, "n_dense n_sparse"]:
    """Rows that span a random subspace, uniform among those of n_dense dimensions; float64."""
    like = {"generator": generator, "dtype": torch.float64, "device": generator.device}
    gaussian = torch.randn(n_sparse, n_dense, **like)
    return math.sqrt(n_sparse) * torch.linalg.qr(gaussian.cpu()).Q.T


def cosine_rows(
    n_sparse: int, n_dense: int, *, generator: Generator
) -> Float[Tensor, "n_dense n_sparse"]:
    """Random rows √2 cos(π (2j + 1) k / (2 n_sparse)) of the discrete cosine transform; float64.

    Row 0, all ones, is left out. Rows come in pairs k, n_sparse − k: their squares add up to a
    constant, so that every feature has the same a (except for one row if n_dense and n_sparse are
    odd; if only n_dense is odd, the unpaired row n_sparse/2 has constant squares by itself).
    """
    k = _paired(n_sparse, n_dense, generator)
    # In whole numbers, modulo a turn of 4 n_sparse, so that no digits are lost at large k (2j + 1)
    turns = k[:, None] * (2 * torch.arange(n_sparse) + 1) % (4 * n_sparse)
    return math.sqrt(2) * torch.cos(turns.double() * (math.pi / (2 * n_sparse)))


def _paired(n_sparse: int, n_dense: int, generator: Generator) -> Int[Tensor, " n_dense"]:
    """n_dense numbers from 1 … n_sparse − 1, k next to n_sparse − k, with n_sparse/2 if needed."""
    pairs = (n_sparse - 1) // 2
    order = torch.randperm(pairs, generator=generator, device=generator.device).cpu() + 1
    both = torch.stack([order, n_sparse - order], 1).flatten()
    middle = torch.tensor([n_sparse // 2] if n_sparse % 2 == 0 else [], dtype=torch.long)
    chosen = torch.cat([middle, both] if n_dense % 2 else [both, middle])
    return chosen[:n_dense]
