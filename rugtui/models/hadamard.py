"""The Hadamard matrix in Sylvester's order, and its product with a vector in O(n log n).

H_ij = (−1)^popcount(i & j), so H_ki H_kj = H_k,(i xor j): a row of H turns xor into a product.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.sizes import is_power_of_two

PASS_BITS = 5
"""One pass multiplies by H_32 at most: five butterflies for one sweep over memory."""

CACHED = 1 << 18
"""Numbers that are swept together on a processor, where two megabytes stay in the cache."""

CACHED_ON_DEVICE = 1 << 24
"""The same on an accelerator, where few and large products count."""


def hadamard(
    n: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Float[Tensor, "n n"]:
    """H itself; n is a power of two (WeightsError otherwise) and n² numbers must fit."""
    _require_power(n)
    H = torch.ones(1, 1, dtype=dtype, device=device)
    while len(H) < n:
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    return H


def entries(rows: Int[Tensor, " k"], n: int) -> Float[Tensor, "k n"]:
    """The rows H[rows], from the parity of popcount(row & column): k n numbers, never n²."""
    _require_power(n)
    columns = torch.arange(n, dtype=torch.int32, device=rows.device)
    return (1 - 2 * parity(rows[:, None].int() & columns)).float()


def parity(x: Int[Tensor, "*any"]) -> Int[Tensor, "*any"]:
    """popcount(x) modulo 2, of non-negative numbers."""
    for shift in (32, 16, 8, 4, 2, 1)[x.dtype != torch.int64 :]:
        x = x ^ x >> shift
    return x & 1


def transform(x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """H x over the last axis, whose length is a power of two (WeightsError otherwise).

    In float64, whole numbers are exact while sums of their magnitudes stay below 2^53.
    """
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
    butterflies. Sweeps go to and fro between the result and a scratch array, a few rows at a time:
    the rows stay in the cache, and fresh memory, which costs more than the work, is rare.
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
    """`bits` shared out as evenly as may be among the fewest passes."""
    count = -(-bits // PASS_BITS)
    return [bits * (k + 1) // count - bits * k // count for k in range(count)]


def _require_power(n: int) -> None:
    if not is_power_of_two(n):
        raise WeightsError(
            f"A Hadamard matrix here has a power of two of rows, but {n} were requested."
        )
