"""Sums of f(i xor j) over rectangles: blocks of a rug's picture without their cells (section 6)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def dyadic_sums(f: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " blocks"]]:
    """D_k[m] = Σ f(t) over m 2^k ≤ t < (m + 1) 2^k, for k = 0 … log2(n); n is a power of two.

    Where f is a sum of rows of H, |D_k| ≤ n: over a dyadic block a row sums to ± its length or to
    nothing. The integers of f need no more room for the sums.
    """
    sums = [f]
    while len(sums[-1]) > 1:
        sums.append(sums[-1][0::2] + sums[-1][1::2])
    return sums


def corner_sums(
    sums: list[Int[np.ndarray, " blocks"]],
    below: Int[np.ndarray, "h 1"],
    left_of: Int[np.ndarray, " w"],
) -> Int[np.ndarray, "h w"]:
    """Σ f(i xor j) over i < below, j < left_of: exactly, in O(log n) for each pair.

    [0, m) is one dyadic block for each bit of m: bit k stands for the 2^k numbers whose k-th prefix
    i >> k is (m >> k) − 1. While i runs through such a block and j is held, i xor j runs through a
    whole dyadic block too, so a pair of blocks of sizes 2^k ≥ 2^l sums to
    2^l D_k[prefix of i xor prefix of j]. Beside bit k of i, the smaller blocks of j all have the
    prefix left_of >> k, and their sizes add up to left_of mod 2^k; likewise with i and j exchanged;
    and once for equal sizes.
    """
    dtype = np.result_type(sums[0], np.int64)
    total = np.zeros(np.broadcast_shapes(below.shape, left_of.shape), dtype)
    for k, blocks in enumerate(sums):
        i, j = below >> k, left_of >> k
        odd_i, odd_j = i & 1, j & 1
        rest_i, rest_j = below & ((1 << k) - 1), left_of & ((1 << k) - 1)
        last = len(blocks) - 1  # only m = n has a larger prefix, and no weight where it has
        total += (odd_i & odd_j) * (1 << k) * blocks[np.minimum(i ^ j, last)]
        total += odd_i * rest_j * blocks[np.minimum(i ^ odd_i ^ j, last)]
        total += rest_i * odd_j * blocks[np.minimum(i ^ j ^ odd_j, last)]
    return total
