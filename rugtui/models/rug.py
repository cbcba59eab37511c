"""The Persian rug: forward-engineered weights that are one vector long (section 6).

Cowsik, Dolev & Infanger 2024 (arXiv 2410.12101): W_in = H[S], W_out = (a/n_dense) H[S]ᵀ with
n_dense rows S of the Hadamard matrix. Since H_ki H_kj = H_k,(i xor j),

    W_ij = a f(i xor j),   f(t) = (1/n_dense) Σ_{k in S} H_kt

and f is the Walsh–Hadamard transform of the indicator of S. It is kept as whole numbers,
counts = n_dense · f, so that every sum over W below is exact. Rows may also carry weights w_k:
f = Σ_{k in S} w_k H_kt / Σ w_k, and counts are then real numbers (section 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import (
    Corners,
    PerFeature,
    Window,
    block_edges,
    is_power_of_two,
    require_dense,
    require_memory,
)
from rugtui.models.orthogonal_rows import convolve, sequency_order, transform

RowOrder = Literal["random", "natural", "sequency"]

BYTES_PER_FEATURE = 64
"""Peak of building a rug and asking for its rows, sums and picture, per feature."""


@dataclass(frozen=True, eq=False)
class Rug:
    """y = ReLU(W x + b) with W_ij = a · counts[i xor j] / counts[0] and the same b for every row.

    `chosen` are the rows S, on the device where `forward` computes. `b` is what is added to W x:
    the theory's b, which counts the mean of the interference, is b + mean(p) (section 3).
    """

    chosen: Int[Tensor, " n_dense"]
    counts: Int[np.ndarray, " n_sparse"] | Float[np.ndarray, " n_sparse"]
    a: float
    b: float
    row_weights: Float[Tensor, " n_dense"] | None = None
    """w of each chosen row; None where all are 1."""

    @classmethod
    def build(
        cls,
        n_sparse: int,
        n_dense: int,
        a: float,
        b: float,
        *,
        p: float = 0.0,
        rows: RowOrder = "random",
        generator: Generator,
        device: torch.device | str = "cpu",
    ) -> Self:
        """A rug of n_dense rows: drawn by `generator`, or the first in natural or sequency order.

        b is the theory's: the bias is b − mean(p), and b itself without p. Row 0 of H, all ones, is
        left out: it would only add a mean. Raises WeightsError for an n_sparse that is no power of
        two, an n_dense not in 1 … n_sparse − 1, and what does not fit in memory.
        """
        _require_size(n_sparse, n_dense)
        if rows == "natural":
            chosen = torch.arange(1, n_dense + 1)
        elif rows == "sequency":
            chosen = torch.from_numpy(sequency_order(n_sparse)[1 : n_dense + 1])
        else:
            where = generator.device
            order = torch.randperm(n_sparse - 1, generator=generator, device=where)
            chosen = 1 + order[:n_dense].cpu()
        # Σ_t f(t) = 0 without row 0, so that W's off-diagonal cells sum to −a: mean(p) = −a p/2
        return cls.of_rows(chosen, n_sparse, a, b + a * p / 2, device=device)

    @classmethod
    def of_rows(
        cls,
        chosen: Int[Tensor, " n_dense"],
        n_sparse: int,
        a: float,
        b: float,
        *,
        row_weights: Float[Tensor, " n_dense"] | None = None,
        device: torch.device | str = "cpu",
    ) -> Self:
        """The rug of these rows of H (row 0 may be among them). Raises WeightsError."""
        _require_size(n_sparse, len(chosen))
        chosen, order = chosen.sort()
        # In double precision, which no setting for faster matrix products rounds.
        spectrum = torch.zeros(n_sparse, dtype=torch.float64)
        spectrum[chosen] = 1
        if row_weights is not None:
            row_weights = row_weights[order].to(device, torch.float64)
            spectrum[chosen] = row_weights.cpu()
        counts = transform(spectrum)
        counts = (counts.to(torch.int32) if row_weights is None else counts).numpy()
        return cls(chosen.to(device), counts, float(a), float(b), row_weights)

    @property
    def n_sparse(self) -> int:
        return len(self.counts)

    @property
    def n_dense(self) -> int:
        return len(self.chosen)

    @property
    def scale(self) -> float:
        """W_ij of a count of 1."""
        return self.a / float(self.counts[0])

    def mean(self, p: float) -> float:
        """μ = (p/2) Σ_{j≠i} W_ij, the mean of the interference (section 2)."""
        return p / 2 * (self.row_sum - self.a)

    @property
    def row_sum(self) -> float:
        """Σ_j W_ij of every row: 0, unless row 0 of H was chosen."""
        if self.row_weights is None:
            return self.scale * int(self.counts.sum(dtype=np.int64))
        first = int(self.chosen[0]) == 0
        return self.scale * self.n_sparse * float(self.row_weights[0]) if first else 0.0

    @property
    def row_square(self) -> float:
        """Σ_j W_ij² of every row by Parseval: a²/r, the least that rank n_dense allows, if the rows
        of H have no weights."""
        weights = self.row_weights
        square = self.n_dense if weights is None else float(weights.square().sum())
        return self.scale**2 * self.n_sparse * square

    def diagonal(self) -> PerFeature:
        return np.full(self.n_sparse, self.a)

    def biases(self) -> PerFeature:
        return np.full(self.n_sparse, self.b)

    def row_sums(self) -> PerFeature:
        return np.full(self.n_sparse, self.row_sum)

    def row_squares(self) -> PerFeature:
        return np.full(self.n_sparse, self.row_square)

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        return self.cells(np.asarray(index)[:, None], np.arange(self.n_sparse))

    def cells(self, i: Int[np.ndarray, "*grid"], j: Int[np.ndarray, "*grid"]) -> np.ndarray:
        """W_ij for each pair, by look-up; i and j broadcast."""
        return self.scale * self.counts[i ^ j]

    def grouped_row(self) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """The distinct values of a row off its diagonal, and how often each occurs. All rows hold
        the same values in another order, so this one is the law of every ν_i."""
        values, counts = np.unique(self.counts[1:], return_counts=True)
        return self.scale * values, counts

    def pooled(self, window: Window, height: int, width: int) -> Float[np.ndarray, "height width"]:
        rows = block_edges(window.top, window.bottom, height)
        columns = block_edges(window.left, window.right, width)
        area = np.diff(rows)[:, None] * np.diff(columns)
        corners = self._corner_counts(rows, columns)
        return self.scale * np.diff(np.diff(corners, axis=0), axis=1) / area

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        spectrum = x.new_zeros(self.n_sparse)
        spectrum[self.chosen] = self.scale * (
            1 if self.row_weights is None else self.row_weights.to(x.dtype)
        )
        return convolve(x, spectrum)

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return self.product(x).add_(self.b).relu_()

    def corner_sums(self, below: Corners, left_of: Corners) -> Float[np.ndarray, "h w"]:
        return self.scale * self._corner_counts(below, left_of)

    def _corner_counts(self, below: Corners, left_of: Corners) -> np.ndarray:
        return _corner_sums(self._block_sums, below[:, None], left_of)

    @cached_property
    def _block_sums(self) -> list[np.ndarray]:
        return _sums_of_blocks(self.counts)


def _require_size(n_sparse: int, n_dense: int) -> None:
    if not is_power_of_two(n_sparse):
        raise WeightsError(
            f"A rug needs an n_sparse that is a power of two, but it is {n_sparse}; the "
            "constructions dct and orthonormal take any n_sparse."
        )
    require_dense(n_sparse, n_dense)
    require_memory(BYTES_PER_FEATURE * n_sparse, f"A rug of {n_sparse:,} features")


def _sums_of_blocks(f: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " blocks"]]:
    """D_k[m] = Σ f(t) over m 2^k ≤ t < (m + 1) 2^k, for k = 0 … log2(n); n is a power of two.

    Where f is a sum of rows of H, |D_k| ≤ n, because over a dyadic block a row sums to ± its length
    or to 0. So the integer type of f is large enough for the sums.
    """
    sums = [f]
    while len(sums[-1]) > 1:
        sums.append(sums[-1][0::2] + sums[-1][1::2])
    return sums


def _corner_sums(
    sums: list[Int[np.ndarray, " blocks"]],
    below: Int[np.ndarray, "h 1"],
    left_of: Int[np.ndarray, " w"],
) -> Int[np.ndarray, "h w"]:
    """Σ f(i xor j) over i < below, j < left_of: exactly, in O(log n) for each pair.

    [0, m) is one dyadic block for each bit of m: bit k stands for the 2^k numbers whose k-th prefix
    i >> k is (m >> k) − 1. While i runs through such a block and j is fixed, i xor j runs through a
    whole dyadic block too, so a pair of blocks of sizes 2^k ≥ 2^l sums to
    2^l D_k[prefix of i xor prefix of j]. For bit k of i, all smaller blocks of j have the prefix
    left_of >> k, and their sizes add up to left_of mod 2^k; likewise with i and j exchanged; and
    once for equal sizes.
    """
    dtype = np.result_type(sums[0], np.int64)
    total = np.zeros(np.broadcast_shapes(below.shape, left_of.shape), dtype)
    for k, blocks in enumerate(sums):
        i, j = below >> k, left_of >> k
        odd_i, odd_j = i & 1, j & 1
        rest_i, rest_j = below & ((1 << k) - 1), left_of & ((1 << k) - 1)
        last = len(blocks) - 1  # only m = n has a larger prefix, and a factor 0 there
        total += (odd_i & odd_j) * (1 << k) * blocks[np.minimum(i ^ j, last)]
        total += odd_i * rest_j * blocks[np.minimum(i ^ odd_i ^ j, last)]
        total += rest_i * odd_j * blocks[np.minimum(i ^ j ^ odd_j, last)]
    return total
