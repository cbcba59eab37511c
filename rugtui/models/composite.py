"""Weights made of smaller ones: copies side by side, a direct sum of several, a simplex of one.

Features in different blocks of a direct sum do not interfere. Each distinct block is stored once
for all its copies, so a mixture of millions of features takes one or two vectors.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.models.base import Weights, Window, block_edges
from rugtui.models.dense import Dense

Corner = Int[np.ndarray, " k"]


class _Pooled:
    """Block means from sums over corners."""

    def pooled(
        self: Weights, window: Window, height: int, width: int
    ) -> Float[np.ndarray, "height width"]:
        rows = block_edges(window.top, window.bottom, height)
        columns = block_edges(window.left, window.right, width)
        sums = np.diff(np.diff(self.corner_sums(rows, columns), axis=0), axis=1)
        return sums / np.outer(np.diff(rows), np.diff(columns))


@dataclass(frozen=True)
class BlockDiagonal(_Pooled):
    """W is block diagonal with `copies` times the W of `block`."""

    block: Weights
    copies: int

    @property
    def n_sparse(self) -> int:
        return self.copies * self.block.n_sparse

    @property
    def n_dense(self) -> int:
        return self.copies * self.block.n_dense

    def diagonal(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.diagonal(), self.copies)

    def biases(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.biases(), self.copies)

    def row_sums(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.row_sums(), self.copies)

    def row_squares(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.row_squares(), self.copies)

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        copy, inside = np.divmod(np.asarray(index), self.block.n_sparse)
        whole = np.zeros((len(copy), self.copies, self.block.n_sparse))
        whole[np.arange(len(copy)), copy] = self.block.rows(inside)
        return whole.reshape(len(copy), self.n_sparse)

    def corner_sums(self, below: Corner, left_of: Corner) -> Float[np.ndarray, "h w"]:
        """Σ W_ij over i < below and j < left_of, for each pair.

        The corner holds whole copies up to the lesser of its two sides, and of the next copy what
        either side cuts off.
        """
        size = np.array([self.block.n_sparse])
        row, i = np.divmod(below[:, None], size)
        column, j = np.divmod(left_of, size)
        i = i[:, 0]
        cut = np.where(
            row == column,
            self.block.corner_sums(i, j),
            np.where(
                row < column,
                self.block.corner_sums(i, size),
                self.block.corner_sums(size, j),
            ),
        )
        return np.minimum(row, column) * self.block.corner_sums(size, size) + cut

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return self.block.product(x.reshape(-1, self.block.n_sparse)).reshape(x.shape)

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return self.block.forward(x.reshape(-1, self.block.n_sparse)).reshape(x.shape)


@dataclass(frozen=True)
class DirectSum(_Pooled):
    """W is block diagonal with the W of each part, in this order."""

    parts: tuple[Weights, ...]

    @cached_property
    def edges(self) -> Int[np.ndarray, " edges"]:
        """Where parts begin, and the last ends."""
        return np.cumsum([0, *(part.n_sparse for part in self.parts)])

    @property
    def n_sparse(self) -> int:
        return int(self.edges[-1])

    @property
    def n_dense(self) -> int:
        return sum(part.n_dense for part in self.parts)

    def diagonal(self) -> Float[np.ndarray, " n_sparse"]:
        return np.concatenate([part.diagonal() for part in self.parts])

    def biases(self) -> Float[np.ndarray, " n_sparse"]:
        return np.concatenate([part.biases() for part in self.parts])

    def row_sums(self) -> Float[np.ndarray, " n_sparse"]:
        return np.concatenate([part.row_sums() for part in self.parts])

    def row_squares(self) -> Float[np.ndarray, " n_sparse"]:
        return np.concatenate([part.row_squares() for part in self.parts])

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        index = np.asarray(index)
        whole = np.zeros((len(index), self.n_sparse))
        for part, (start, stop) in zip(self.parts, pairwise(self.edges), strict=True):
            own = np.flatnonzero((index >= start) & (index < stop))
            if len(own):
                whole[own, start:stop] = part.rows(index[own] - start)
        return whole

    def corner_sums(self, below: Corner, left_of: Corner) -> Float[np.ndarray, "h w"]:
        """Σ W_ij over i < below and j < left_of, for each pair."""
        total = np.zeros((len(below), len(left_of)))
        for part, start in zip(self.parts, self.edges[:-1], strict=True):
            size = part.n_sparse
            total += part.corner_sums(
                (below - start).clip(0, size), (left_of - start).clip(0, size)
            )
        return total

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return self._each("product", x)

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return self._each("forward", x)

    def _each(
        self, name: str, x: Float[Tensor, "batch n_sparse"]
    ) -> Float[Tensor, "batch n_sparse"]:
        own = x.split([part.n_sparse for part in self.parts], dim=-1)
        answers = [
            getattr(part, name)(some.contiguous())
            for part, some in zip(self.parts, own, strict=True)
        ]
        return torch.cat(answers, -1)


@dataclass(frozen=True)
class Simplex(_Pooled):
    """W = C ⊗ V, V the W of `block` and C the k × k matrix of 1 and −1/(k − 1): the features at the
    same place of each copy stand on the corners of a simplex, in k − 1 times the dimensions."""

    block: Weights
    k: int

    @cached_property
    def outer(self) -> Float[np.ndarray, "k k"]:
        """C."""
        return np.eye(self.k) * self.k / (self.k - 1) - 1 / (self.k - 1)

    @property
    def n_sparse(self) -> int:
        return self.k * self.block.n_sparse

    @property
    def n_dense(self) -> int:
        return (self.k - 1) * self.block.n_dense

    def diagonal(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.diagonal(), self.k)

    def biases(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.biases(), self.k)

    def row_sums(self) -> Float[np.ndarray, " n_sparse"]:
        return np.zeros(self.n_sparse)

    def row_squares(self) -> Float[np.ndarray, " n_sparse"]:
        return np.tile(self.block.row_squares() * self.k / (self.k - 1), self.k)

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        copy, inside = np.divmod(np.asarray(index), self.block.n_sparse)
        rows = self.outer[copy][:, :, None] * self.block.rows(inside)[:, None]
        return rows.reshape(len(copy), self.n_sparse)

    def corner_sums(self, below: Corner, left_of: Corner) -> Float[np.ndarray, "h w"]:
        """Σ W_ij over i < below and j < left_of, for each pair: of each side, whole copies and what
        it cuts off the next."""
        size = np.array([self.block.n_sparse])
        (row, i), (column, j) = np.divmod(below, size), np.divmod(left_of, size)
        whole = np.pad(self.outer, ((0, 1), (0, 1)))  # nothing beyond the last copy
        above = np.pad(self.outer, ((1, 1), (0, 1))).cumsum(0)[:-1]
        both = np.pad(above, ((0, 0), (1, 0))).cumsum(1)[:, :-1]
        beside = np.pad(self.outer, ((0, 1), (1, 1))).cumsum(1)[:, :-1]
        at = np.ix_(row, column)
        corner = self.block.corner_sums
        return (
            both[at] * corner(size, size)
            + above[at] * corner(size, j)
            + beside[at] * corner(i, size)
            + whole[at] * corner(i, j)
        )

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        # C x = [k x − Σ over copies]/(k − 1)
        copies = x.reshape(-1, self.k, self.block.n_sparse)
        mixed = (self.k * copies - copies.sum(1, keepdim=True)) / (self.k - 1)
        return self.block.product(mixed.reshape(-1, self.block.n_sparse)).reshape(x.shape)

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        bias = torch.as_tensor(self.block.biases(), dtype=x.dtype, device=x.device).repeat(self.k)
        return self.product(x).add_(bias).relu_()


def transposed(weights: Weights) -> Weights:
    """Weights whose W is the transpose; biases stay as they are."""
    match weights:
        case Dense():
            return Dense(weights.W_out.T, weights.W_in.T, weights.b)
        case BlockDiagonal() | Simplex():
            return dataclasses.replace(weights, block=transposed(weights.block))
        case DirectSum():
            return DirectSum(tuple(transposed(part) for part in weights.parts))
        case _:  # symmetric
            return weights
