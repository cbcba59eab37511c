"""A sparse matrix in compressed rows, and its products with dense ones, on a CPU.

Summing weighted rows with `embedding_bag` is two to twenty times as fast as CSR products, scatter
and index_add.
"""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from rugtui.training.kernels import passes


class SparseRows:
    """Row i has `values[k]` in `columns[k]` for starts[i] ≤ k < starts[i + 1]; columns ascend."""

    def __init__(
        self,
        shape: tuple[int, int],
        starts: Int[Tensor, " rows+1"],
        columns: Int[Tensor, " active"],
        values: Float[Tensor, " active"],
    ) -> None:
        """Indices are int32, which is fastest in `embedding_bag`."""
        self.shape, self.starts, self.columns, self.values = shape, starts, columns, values

    @property
    def arrays(self) -> passes.Arrays:
        """The same memory as NumPy arrays."""
        return self.starts.numpy(), self.columns.numpy(), self.values.numpy()

    @cached_property
    def T(self) -> SparseRows:
        height, width = self.shape
        starts = torch.empty(width + 1, dtype=torch.int32)
        turned = SparseRows(
            (width, height), starts, torch.empty_like(self.columns), torch.empty_like(self.values)
        )
        passes.transpose(self.arrays, turned.arrays)
        return turned

    def __matmul__(self, right: Float[Tensor, "columns k"]) -> Float[Tensor, "rows k"]:
        """self · right, in O(active · k)."""
        if not len(self.values):
            return right.new_zeros(self.shape[0], right.shape[1])
        return embedding_bag(
            self.columns,
            right,
            self.starts,
            mode="sum",
            per_sample_weights=self.values,
            include_last_offset=True,
        )

    def add_to(self, out: Float[Tensor, "rows columns"], factor: float = 1.0) -> Tensor:
        """out + factor · self, in `out`."""
        passes.add_sparse(out.numpy(), self.arrays, factor)
        return out

    def dense(self, *, out: Float[Tensor, "rows columns"] | None = None) -> Tensor:
        """All cells, in a new tensor or in `out`."""
        out = self.values.new_empty(self.shape) if out is None else out
        return self.add_to(out.zero_())


Batch = SparseRows | Float[Tensor, "batch n_sparse"]
"""Samples x, as their active cells or with all cells."""
