"""Weights made of smaller ones: copies side by side, a direct sum of several, a simplex of one.

Features in different blocks of a direct sum do not interfere. Each distinct block is stored once
for all its copies, so a mixture of millions of features takes one or two vectors. `row_kinds` lists
the few kinds of rows that such weights have.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.models.base import Corners, PerFeature, Weights, Window, block_edges
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug

Batch = Float[Tensor, "batch n_sparse"]

SMALL = 16
"""Features up to which each row of dense weights is a kind of its own."""


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
class _Copies(_Pooled):
    """Features in `copies` groups, each with the diagonal and biases of `block`."""

    block: Weights
    copies: int

    @property
    def n_sparse(self) -> int:
        return self.copies * self.block.n_sparse

    def diagonal(self) -> PerFeature:
        return np.tile(self.block.diagonal(), self.copies)

    def biases(self) -> PerFeature:
        return np.tile(self.block.biases(), self.copies)


class BlockDiagonal(_Copies):
    """W is block diagonal with `copies` times the W of `block`."""

    @property
    def n_dense(self) -> int:
        return self.copies * self.block.n_dense

    def row_sums(self) -> PerFeature:
        return np.tile(self.block.row_sums(), self.copies)

    def row_squares(self) -> PerFeature:
        return np.tile(self.block.row_squares(), self.copies)

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        copy, inside = np.divmod(np.asarray(index), self.block.n_sparse)
        whole = np.zeros((len(copy), self.copies, self.block.n_sparse))
        whole[np.arange(len(copy)), copy] = self.block.rows(inside)
        return whole.reshape(len(copy), self.n_sparse)

    def corner_sums(self, below: Corners, left_of: Corners) -> Float[np.ndarray, "h w"]:
        # The corner holds whole copies up to the lesser of its two sides, and of the next copy what
        # either side cuts off.
        size, corner = np.array([self.block.n_sparse]), self.block.corner_sums
        (row, i), (column, j) = np.divmod(below, size), np.divmod(left_of, size)
        row = row[:, None]
        cut = np.where(row < column, corner(i, size), corner(size, j))
        cut = np.where(row == column, corner(i, j), cut)
        return np.minimum(row, column) * corner(size, size) + cut

    def product(self, x: Batch) -> Batch:
        return self.block.product(x.reshape(-1, self.block.n_sparse)).reshape(x.shape)

    def forward(self, x: Batch) -> Batch:
        return self.block.forward(x.reshape(-1, self.block.n_sparse)).reshape(x.shape)


class Simplex(_Copies):
    """W = C ⊗ V, V the W of `block` and C the k × k matrix of 1 and −1/(k − 1), k = `copies`: the
    features at the same place of each copy are at the corners of a simplex, in k − 1 times the
    dimensions."""

    @cached_property
    def outer(self) -> Float[np.ndarray, "k k"]:
        """C."""
        return simplex_matrix(self.copies)

    @property
    def n_dense(self) -> int:
        return (self.copies - 1) * self.block.n_dense

    def row_sums(self) -> PerFeature:
        return np.zeros(self.n_sparse)

    def row_squares(self) -> PerFeature:
        return np.tile(self.block.row_squares() * self.copies / (self.copies - 1), self.copies)

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        copy, inside = np.divmod(np.asarray(index), self.block.n_sparse)
        rows = self.outer[copy][:, :, None] * self.block.rows(inside)[:, None]
        return rows.reshape(len(copy), self.n_sparse)

    def corner_sums(self, below: Corners, left_of: Corners) -> Float[np.ndarray, "h w"]:
        # Of each side, whole copies and what it cuts off the next.
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

    def product(self, x: Batch) -> Batch:
        # C x = [k x − Σ over copies]/(k − 1)
        k, copies = self.copies, x.reshape(-1, self.copies, self.block.n_sparse)
        mixed = (k * copies - copies.sum(1, keepdim=True)) / (k - 1)
        return self.block.product(mixed.reshape(-1, self.block.n_sparse)).reshape(x.shape)

    def forward(self, x: Batch) -> Batch:
        bias = torch.as_tensor(self.block.biases(), dtype=x.dtype, device=x.device)
        return self.product(x).add_(bias.repeat(self.copies)).relu_()


def simplex_matrix(k: int) -> Float[np.ndarray, "k k"]:
    """1 on the diagonal, −1/(k − 1) beside it: products of the unit vectors to k corners."""
    return np.eye(k) * k / (k - 1) - 1 / (k - 1)


def simplex_corners(k: int) -> Float[np.ndarray, "k-1 k"]:
    """Coordinates of k unit vectors whose products are `simplex_matrix`."""
    values, vectors = np.linalg.eigh(simplex_matrix(k))
    return (vectors * np.sqrt(values.clip(0))).T[1:]


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

    def diagonal(self) -> PerFeature:
        return np.concatenate([part.diagonal() for part in self.parts])

    def biases(self) -> PerFeature:
        return np.concatenate([part.biases() for part in self.parts])

    def row_sums(self) -> PerFeature:
        return np.concatenate([part.row_sums() for part in self.parts])

    def row_squares(self) -> PerFeature:
        return np.concatenate([part.row_squares() for part in self.parts])

    def rows(self, index: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k n_sparse"]:
        index = np.asarray(index)
        whole = np.zeros((len(index), self.n_sparse))
        for part, (start, stop) in zip(self.parts, pairwise(self.edges), strict=True):
            own = np.flatnonzero((index >= start) & (index < stop))
            if len(own):
                whole[own, start:stop] = part.rows(index[own] - start)
        return whole

    def corner_sums(self, below: Corners, left_of: Corners) -> Float[np.ndarray, "h w"]:
        total = np.zeros((len(below), len(left_of)))
        for part, start in zip(self.parts, self.edges[:-1], strict=True):
            sides = ((side - start).clip(0, part.n_sparse) for side in (below, left_of))
            total += part.corner_sums(*sides)
        return total

    def product(self, x: Batch) -> Batch:
        return torch.cat([part.product(own) for part, own in self._split(x)], -1)

    def forward(self, x: Batch) -> Batch:
        return torch.cat([part.forward(own) for part, own in self._split(x)], -1)

    def _split(self, x: Batch) -> list[tuple[Weights, Batch]]:
        own = x.split([part.n_sparse for part in self.parts], dim=-1)
        return [(part, some.contiguous()) for part, some in zip(self.parts, own, strict=True)]


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


class RowKind(NamedTuple):
    """`number` rows with diagonal a and bias b, and off the diagonal counts[g] times values[g]."""

    number: int
    first: int
    """One of these rows."""
    a: float
    b: float
    values: Float[np.ndarray, " g"]
    counts: Float[np.ndarray, " g"]


def row_kinds(weights: Weights) -> list[RowKind]:
    """Every kind of row of engineered weights; empty for large dense weights, whose rows differ."""
    match weights:
        case Rug():
            values, counts = weights.grouped_row()
            return [
                RowKind(weights.n_sparse, 0, weights.a, weights.b, values, counts.astype(float))
            ]
        case BlockDiagonal():
            kinds = row_kinds(weights.block)
            return [one._replace(number=one.number * weights.copies) for one in kinds]
        case DirectSum():
            parts = [row_kinds(part) for part in weights.parts]
            moved = [
                one._replace(first=one.first + int(start))
                for kinds, start in zip(parts, weights.edges[:-1], strict=True)
                for one in kinds
            ]
            return moved if all(parts) else []
        case Simplex(copies=k):
            return [_on_simplex(one, k) for one in row_kinds(weights.block)]
        case Dense() if weights.n_sparse <= SMALL:
            W, b = weights.rows(np.arange(weights.n_sparse)), weights.biases()
            return [
                RowKind(1, i, W[i, i], b[i], np.delete(W[i], i), np.ones(len(W) - 1))
                for i in range(len(W))
            ]
        case _:
            return []


def _on_simplex(row: RowKind, k: int) -> RowKind:
    """The row of C ⊗ V: V's own, and k − 1 times the whole row of V by −1/(k − 1)."""
    whole, number = np.append(row.values, row.a), np.append(row.counts, 1.0)
    values = np.concatenate([row.values, -whole / (k - 1)])
    counts = np.concatenate([row.counts, (k - 1) * number])
    return row._replace(number=k * row.number, values=values, counts=counts)
