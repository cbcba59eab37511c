"""The weights of many cells of one shape in one tensor, so that one product serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.models.dense import Dense


@dataclass(frozen=True, slots=True)
class BatchedWeights:
    """W_inᵀ, W_out and b of each cell, views of one tensor with a row a cell."""

    flat: Float[Tensor, "cells size"]
    W_in_T: Float[Tensor, "cells n_sparse n_dense"]
    W_out: Float[Tensor, "cells n_sparse n_dense"]
    b: Float[Tensor, "cells n_sparse"]

    @classmethod
    def of(cls, weights: Sequence[Dense], device: torch.device) -> BatchedWeights:
        """A copy, in float32."""
        rows = [torch.cat([w.W_in.T.flatten(), w.W_out.flatten(), w.b]) for w in weights]
        return cls.view(torch.stack(rows).to(device, torch.float32), weights[0].n_sparse)

    @classmethod
    def view(cls, flat: Float[Tensor, "cells size"], n_sparse: int) -> BatchedWeights:
        cells, size = flat.shape
        n_dense = (size // n_sparse - 1) // 2
        half = n_sparse * n_dense
        shape = cells, n_sparse, n_dense
        W_in_T, W_out = flat[:, :half].view(shape), flat[:, half : 2 * half].view(shape)
        return cls(flat, W_in_T, W_out, flat[:, 2 * half :])

    def like(self) -> BatchedWeights:
        """The same views of another tensor, zeros: of a gradient, say."""
        return BatchedWeights.view(torch.zeros_like(self.flat), self.n_sparse)

    def copy(self) -> BatchedWeights:
        return BatchedWeights.view(self.flat.clone(), self.n_sparse)

    def some(self, cells: Tensor) -> BatchedWeights:
        """A copy of these cells alone."""
        return BatchedWeights.view(self.flat[cells], self.n_sparse)

    @property
    def cells(self) -> int:
        return self.W_out.shape[0]

    @property
    def n_sparse(self) -> int:
        return self.W_out.shape[1]

    @property
    def n_dense(self) -> int:
        return self.W_out.shape[2]

    def dense(self, cell: int) -> Dense:
        """A copy of one cell's weights, on the CPU."""
        parts = self.W_in_T[cell].T, self.W_out[cell], self.b[cell]
        contiguous = torch.contiguous_format
        return Dense(*(part.cpu().clone(memory_format=contiguous) for part in parts))
