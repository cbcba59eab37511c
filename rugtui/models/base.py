"""The protocol of weights: what panes, statistics and theory need from them; checks of sizes.

No method returns all n_sparse × n_sparse cells of W = W_out W_in at once: each needs
O(n_sparse · n_dense) memory, and O(n_sparse) for a rug.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from rugtui.errors import WeightsError
from rugtui.runtime.machine import available_memory

if TYPE_CHECKING:
    from torch import Tensor

PerFeature = Float[np.ndarray, " n_sparse"]
Corners = Int[np.ndarray, " edges"]


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

    def diagonal(self) -> PerFeature:
        """a_i = W_ii."""
        ...

    def biases(self) -> PerFeature:
        """b_i; zeros where the model has no bias."""
        ...

    def row_sums(self) -> PerFeature:
        """Σ_j W_ij, the diagonal included (section 3)."""
        ...

    def row_squares(self) -> PerFeature:
        """Σ_j W_ij², the diagonal included (section 3)."""
        ...

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        """Whole rows W[index]."""
        ...

    def pooled(self, window: Window, height: int, width: int) -> Float[np.ndarray, "height width"]:
        """Means of W over a height × width grid of blocks of `window`, which lie between
        `block_edges`; height and width may not exceed the window's own."""
        ...

    def corner_sums(self, below: Corners, left_of: Corners) -> Float[np.ndarray, "h w"]:
        """Σ W_ij over i < below and j < left_of, for each pair of these."""
        ...

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        """W x: the pre-activation, without the bias."""
        ...

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        """The model's output y = ReLU(W x + b)."""
        ...


def block_edges(start: int, stop: int, blocks: int) -> Corners:
    """Where blocks begin and end: block k of an axis of length n cut in m runs from
    floor(k n / m) to floor((k + 1) n / m), counted from `start`."""
    return start + np.arange(blocks + 1, dtype=np.int64) * (stop - start) // blocks


def on_diagonal(window: Window, height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """Which blocks of a window contain entries of the diagonal of W."""
    rows = block_edges(window.top, window.bottom, height)
    columns = block_edges(window.left, window.right, width)
    return (rows[:-1, None] < columns[None, 1:]) & (columns[None, :-1] < rows[1:, None])


def is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0


def require_dense(n_sparse: int, n_dense: int) -> None:
    """Raise WeightsError unless n_dense orthogonal rows without the constant one exist."""
    if not 1 <= n_dense < n_sparse:
        raise WeightsError(
            f"{n_sparse} features need an n_dense from 1 to {n_sparse - 1}, but it is {n_dense}."
        )


def require_memory(needed: int, what: str) -> None:
    """Raise WeightsError unless `needed` bytes are available; `what` begins the sentence."""
    if needed > (there := available_memory()):
        raise WeightsError(
            f"{what} needs {gib(needed)} of memory, but {gib(there)} are "
            "available; take a smaller size."
        )


def gib(size: int) -> str:
    """So many bytes in GiB: three digits, and large sizes whole."""
    value = size / 2**30
    return f"{value:.3g} GiB" if value < 100 else f"{value:,.0f} GiB"
