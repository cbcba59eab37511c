"""The Hadamard matrix in Sylvester's order, and its product with a vector in O(n log n).

H_ij = (−1)^popcount(i & j), so H_ki H_kj = H_k,(i xor j): a row of H turns xor into a product.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.errors import WeightsError

PASS_BITS = 5
"""One pass multiplies by H_32: five butterflies for one sweep over memory."""


def is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0


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
    parity = rows[:, None].int() & torch.arange(n, dtype=torch.int32, device=rows.device)
    for shift in (16, 8, 4, 2, 1):
        parity ^= parity >> shift
    return (1 - 2 * (parity & 1)).float()


def transform(x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """H x over the last axis, whose length is a power of two (WeightsError otherwise).

    H_n is the Kronecker product of small H's, and the product with one of them is a matrix product
    over one axis of the reshaped array: log2(n) / 5 sweeps over memory instead of the log2(n) of
    butterflies. Whole numbers stay exact while their sums of magnitudes are below 2^24 in float32.
    """
    n = x.shape[-1]
    _require_power(n)
    y, inner = x, 1
    for bits in _passes(n.bit_length() - 1):
        H = hadamard(1 << bits, dtype=x.dtype, device=x.device)
        y = H @ y.reshape(-1, 1 << bits, inner) if inner > 1 else y.reshape(-1, 1 << bits) @ H
        inner <<= bits
    return y.reshape(x.shape)


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
            f"A Hadamard matrix here has a power of two of rows, but {n} were asked."
        )
