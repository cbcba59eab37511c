"""Copies of one small model side by side: features of different blocks do not meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.models.base import Weights, Window, block_edges


class Block(Weights, Protocol):
    """Weights that can also sum W over any corner."""

    def corner_sums(
        self, below: Int[np.ndarray, " h"], left_of: Int[np.ndarray, " w"]
    ) -> Float[np.ndarray, "h w"]:
        """Σ W_ij over i < below and j < left_of, for each pair."""
        ...


@dataclass(frozen=True, slots=True)
class BlockDiagonal:
    """W is block diagonal with `copies` times the W of `block`."""

    block: Block
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

    def pooled(self, window: Window, height: int, width: int) -> Float[np.ndarray, "height width"]:
        rows = block_edges(window.top, window.bottom, height)
        columns = block_edges(window.left, window.right, width)
        sums = np.diff(np.diff(self.corner_sums(rows, columns), axis=0), axis=1)
        return sums / np.outer(np.diff(rows), np.diff(columns))

    def corner_sums(
        self, below: Int[np.ndarray, " h"], left_of: Int[np.ndarray, " w"]
    ) -> Float[np.ndarray, "h w"]:
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
