"""The protocol of weights: what panes, statistics and theory need from them.

No method returns all n_sparse × n_sparse cells of W = W_out W_in at once: each needs
O(n_sparse · n_dense) memory, of a rug O(n_sparse).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Window:
    """The cells of W with top ≤ i < bottom and left ≤ j < right."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, n_sparse: int) -> Window:
        return cls(0, 0, n_sparse, n_sparse)


class Weights(Protocol):
    """A model y = ReLU(W x + b), W = W_out W_in, however it is stored. Results are float64."""

    @property
    def n_sparse(self) -> int: ...

    @property
    def n_dense(self) -> int: ...

    def diagonal(self) -> Float[np.ndarray, " n_sparse"]:
        """a_i = W_ii."""
        ...

    def biases(self) -> Float[np.ndarray, " n_sparse"]:
        """b_i; zeros where the model has no bias."""
        ...

    def row_sums(self) -> Float[np.ndarray, " n_sparse"]:
        """Σ_j W_ij, the diagonal included (section 3)."""
        ...

    def row_squares(self) -> Float[np.ndarray, " n_sparse"]:
        """Σ_j W_ij², the diagonal included (section 3)."""
        ...

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        """Whole rows W[index]."""
        ...

    def pooled(self, window: Window, height: int, width: int) -> Float[np.ndarray, "height width"]:
        """Means of W over a height × width grid of blocks of `window`.

        Blocks lie between `block_edges`, so height and width may not exceed the window's own.
        """
        ...

    def corner_sums(
        self, below: Int[np.ndarray, " h"], left_of: Int[np.ndarray, " w"]
    ) -> Float[np.ndarray, "h w"]:
        """Σ W_ij over i < below and j < left_of, for each pair."""
        ...

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        """W x: the pre-activation, without the bias."""
        ...

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        """The model's output y = ReLU(W x + b)."""
        ...


def block_edges(start: int, stop: int, blocks: int) -> Int[np.ndarray, " edges"]:
    """Where blocks begin and end: block k of an axis of length n cut in m runs from
    floor(k n / m) to floor((k + 1) n / m), counted from `start`."""
    return start + np.arange(blocks + 1, dtype=np.int64) * (stop - start) // blocks


def on_diagonal(window: Window, height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """Which blocks of a window contain entries of the diagonal of W."""
    rows = block_edges(window.top, window.bottom, height)
    columns = block_edges(window.left, window.right, width)
    return (rows[:-1, None] < columns[None, 1:]) & (columns[None, :-1] < rows[1:, None])
