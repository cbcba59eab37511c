"""A sparse matrix held by its active cells, and its products with dense ones, on a CPU.

Of all ways tried, summing weighted rows with `embedding_bag` is the fastest product by a factor of
two to twenty over CSR products, scatter and index_add; and turning rows into columns by the
counting sort of SciPy's `tocsc` three times as fast as any argsort.

What passes over the active cells alone is NumPy's, which does it in the calling thread. PyTorch
would share it out from 32,768 cells on, and to wake a second thread, which sleeps soon (see
runtime.threads), takes longer than the pass. NumPy's also looks for them: one thread of it compares
all cells of (1,024, 512) in 0.07 ms and of (1,024, 2,048) in 0.45, two of PyTorch in 0.33 and 1.1.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import embedding_bag

from rugtui.models.sizes import is_power_of_two


class Cells:
    """A matrix in compressed rows: row i has `values[k]` in `columns[k]` for starts[i] ≤ k <
    starts[i + 1]."""

    def __init__(
        self,
        shape: tuple[int, int],
        starts: Int[Tensor, " rows+1"],
        columns: Int[Tensor, " active"],
        values: Float[Tensor, " active"],
    ) -> None:
        self.shape, self.starts, self.columns, self.values = shape, starts, columns, values

    @classmethod
    def at(
        cls,
        shape: tuple[int, int],
        places: Int[Tensor, " active"],
        values: Float[Tensor, " active"] | None = None,
    ) -> Cells:
        """Of ascending places row · width + column; values of float32 0 where none are given."""
        height, width = shape
        values = torch.zeros(len(places)) if values is None else values
        edges = np.arange(0, height * width + 1, width)
        starts = np.searchsorted(places.numpy(), edges).astype(np.int32)
        columns = _columns(places.numpy(), width)
        cells = cls(shape, torch.from_numpy(starts), torch.from_numpy(columns), values)
        cells.places = places
        return cells

    @cached_property
    def places(self) -> Int[Tensor, " active"]:
        """row · width + column of each cell."""
        rows = torch.repeat_interleave(torch.arange(self.shape[0]), self.starts.diff().long())
        return rows * self.shape[1] + self.columns

    @cached_property
    def T(self) -> Cells:
        height, width = self.shape
        arrays = self.values.numpy(), self.columns.numpy(), self.starts.numpy()
        turned = csr_array(arrays, shape=self.shape).tocsc()
        starts, rows, values = map(torch.from_numpy, (turned.indptr, turned.indices, turned.data))
        return Cells((width, height), starts, rows, values)

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

    def dense(self, *, out: Float[Tensor, "rows columns"] | None = None) -> Tensor:
        """All cells, in a new tensor or in `out`."""
        out = self.values.new_empty(self.shape) if out is None else out
        out.zero_().view(-1).scatter_(0, self.places, self.values)
        return out


def positives(
    y: Float[Tensor, "rows columns"], marks: Bool[np.ndarray, " padded"], *, most: float
) -> Cells | None:
    """Where y is positive, with values 0; None where that is more than the fraction `most`."""
    shape = (y.shape[0], y.shape[1])
    np.greater(y.view(-1).numpy(), 0, out=marks[: y.numel()])
    count = int(np.count_nonzero(marks))
    if count > most * y.numel():
        return None
    return Cells.at(shape, torch.from_numpy(marked(marks, count)))


WORD = 8
"""Marks that are looked at together."""


def marks(count: int) -> Bool[np.ndarray, " padded"]:
    """`count` marks, none set, and as many more as fill the last word."""
    return np.zeros(-(-count // WORD) * WORD, bool)


def marked(marks: Bool[np.ndarray, " padded"], count: int) -> Int[np.ndarray, " on"]:
    """Where the marks are set, ascending; `count` of them are.

    NumPy's search branches at every mark as long as fewer than a tenth are set: with eight at a
    glance, and then only the words with something in them, 0.25 ms instead of 0.57 for 2¹⁹ marks of
    which 8 % are set, and half the time from 0.3 % on. From a tenth on NumPy's has no branches.
    """
    if 10 * count > marks.size:
        return np.flatnonzero(marks)
    words = marks.view(np.uint64)
    some = np.flatnonzero(words != 0)
    inner = np.flatnonzero(words[some].view(bool))
    places = some[inner >> 3]  # // and % take three times as long
    places <<= 3
    inner &= 7
    places |= inner
    return places


def _columns(places: np.ndarray, width: int) -> np.ndarray:
    """places mod width; six times as fast where width is a power of two."""
    if is_power_of_two(width):
        return places.astype(np.int32) & np.int32(width - 1)  # the low bits are all that count
    return (places % width).astype(np.int32)
