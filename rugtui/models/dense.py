"""Weights stored as W_in, W_out and b: what training produces and files contain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import Corners, PerFeature, Window


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dense:
    """y = ReLU(W_out W_in x + b). Tied weights are a `Dense` whose W_out is W_in's transpose."""

    W_in: Float[Tensor, "n_dense n_sparse"]
    W_out: Float[Tensor, "n_sparse n_dense"]
    b: Float[Tensor, " n_sparse"]
    extra: Float[Tensor, "rows n_sparse"] | None = None
    """The parameters of a learned activation (`rugtui.models.activations`), a row each."""

    def __post_init__(self) -> None:
        shapes = tuple(self.W_in.shape), tuple(self.W_out.shape), tuple(self.b.shape)
        if self.W_in.ndim != 2 or shapes[1:] != (shapes[0][::-1], shapes[0][1:]):
            raise WeightsError(
                "W_in, W_out and b must have the shapes (n_dense, n_sparse), (n_sparse, n_dense) "
                f"and (n_sparse,), but they are {shapes[0]}, {shapes[1]} and {shapes[2]}."
            )
        if self.extra is not None and self.extra.shape[1:] != self.b.shape:
            raise WeightsError(
                f"Parameters of the activation must have the shape (rows, {self.n_sparse}), but "
                f"theirs is {tuple(self.extra.shape)}."
            )

    def __eq__(self, other: object) -> bool:
        """Whether all numbers are the same, wherever they are stored."""
        if not isinstance(other, Dense):
            return NotImplemented
        mine, theirs = self.arrays(), other.arrays()
        return len(mine) == len(theirs) and all(
            torch.equal(one.cpu(), two.cpu()) for one, two in zip(mine, theirs, strict=True)
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        kind = str(self.W_in.dtype).removeprefix("torch.")
        return f"Dense(n_sparse={self.n_sparse}, n_dense={self.n_dense}, {kind})"

    def arrays(self) -> tuple[Tensor, ...]:
        """W_in, W_out, b and, where there is one, extra."""
        return (self.W_in, self.W_out, self.b, *([] if self.extra is None else [self.extra]))

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Dense:
        """The same with each array changed: moved, cast, or copied."""
        return Dense(*map(change, self.arrays()))

    @classmethod
    def of_rows(
        cls,
        rows: Float[Tensor, "n_dense n_sparse"],
        p: float,
        a: float,
        b: float,
        device: torch.device | str,
    ) -> Dense:
        """W = (a/n_dense) rowsᵀ rows in single precision; the bias of each row is b − its own μ."""
        scale = a / len(rows)
        interference = scale * (rows.T @ rows.sum(1) - rows.square().sum(0))
        bias = b - p / 2 * interference
        W_in = rows.to(device, torch.float32)
        return cls(W_in, scale * W_in.T, bias.to(device, torch.float32))

    @property
    def n_sparse(self) -> int:
        return self.W_in.shape[1]

    @property
    def n_dense(self) -> int:
        return self.W_in.shape[0]

    @property
    def tied(self) -> bool:
        """Whether W_out is W_in's transpose because both are the same memory."""
        return self.W_in.data_ptr() == self.W_out.data_ptr()

    def halved(self) -> Dense:
        """A copy in half precision on the CPU: in float16, or bfloat16 if numbers exceed its
        range."""
        largest = max(float(part.abs().max()) for part in self.arrays())
        dtype = torch.float16 if largest < torch.finfo(torch.float16).max else torch.bfloat16
        half = self.mapped(lambda part: part.to("cpu", dtype, copy=True))
        return dataclasses.replace(half, W_out=half.W_in.T) if self.tied else half

    def diagonal(self) -> PerFeature:
        return _float64((self.W_out * self.W_in.T).sum(1))

    def biases(self) -> PerFeature:
        return _float64(self.b)

    def row_sums(self) -> PerFeature:
        return _float64(self.W_out @ self.W_in.sum(1))

    def row_squares(self) -> PerFeature:
        # W_out[i] (W_in W_inᵀ) W_out[i]ᵀ: n_dense² numbers stand for n_sparse² (section 3)
        gram = self.W_in @ self.W_in.T
        return _float64(((self.W_out @ gram) * self.W_out).sum(1))

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        chosen = torch.as_tensor(index, device=self.W_out.device)
        return _float64(self.W_out[chosen] @ self.W_in)

    def pooled(self, window: Window, height: int, width: int) -> Float[np.ndarray, "height width"]:
        # The mean of a block of W is the product of the means of its W_out rows and W_in columns.
        out = _block_means(self.W_out[window.top : window.bottom], height)
        into = _block_means(self.W_in[:, window.left : window.right].T, width)
        return _float64(out @ into.T)

    def corner_sums(self, below: Corners, left_of: Corners) -> Float[np.ndarray, "h w"]:
        return _running_sums(self.W_out)[below] @ _running_sums(self.W_in.T)[left_of].T

    def product(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return x @ self.W_in.T @ self.W_out.T

    def forward(self, x: Float[Tensor, "batch n_sparse"]) -> Float[Tensor, "batch n_sparse"]:
        return torch.relu(torch.addmm(self.b, x @ self.W_in.T, self.W_out.T))


def _float64(tensor: Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float64).numpy()


def _block_means(
    vectors: Float[Tensor, "n n_dense"], blocks: int
) -> Float[Tensor, "blocks n_dense"]:
    edges = torch.arange(blocks + 1, device=vectors.device) * len(vectors) // blocks
    lengths = edges.diff()
    numbers = torch.arange(blocks, device=vectors.device)
    owner = numbers.repeat_interleave(lengths, output_size=len(vectors))
    sums = vectors.new_zeros(blocks, vectors.shape[1]).index_add_(0, owner, vectors)
    return sums / lengths[:, None]


def _running_sums(vectors: Float[Tensor, "n n_dense"]) -> Float[np.ndarray, "n+1 n_dense"]:
    return np.pad(_float64(vectors), ((1, 0), (0, 0))).cumsum(0)
