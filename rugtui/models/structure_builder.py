"""Engineered weights with structured interference: pairs, simplices, votes, orders of priority.

The choice of rows of H decides the off-diagonal entries of a rug (section 12): rows of odd parity
with one t give every feature an antipodal partner, rows with the most odd parities among several
t's give a vote. A size without a Hadamard matrix is made of cosines if it is small, and of powers
of two side by side if it is large. A mixture is a direct sum of such parts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import Weights, is_power_of_two, require_dense
from rugtui.models.composite import BlockDiagonal, DirectSum, Simplex, row_kinds, simplex_corners
from rugtui.models.dense import Dense
from rugtui.models.orthogonal_rows import cosine_rows, parity
from rugtui.models.rug import Rug
from rugtui.theory.pairs import lopsided, pairs
from rugtui.theory.structured_row import StructuredRow
from rugtui.theory.structures import ABANDONED, NONE, PAIRS, SINGLE, Structure, structured_row

Tune = Literal["theory", "exact"]
COSINES = 4096
"""Features up to which a size that is no power of two is made of cosines."""
SPACING = 6.0
"""Factor between the scales of neighbours in an order of priority: the largest that training
keeps."""
WIDEST = 1e15
"""Factor between the first and the last scale that float32 allows."""
LEAST = 32
"""Features of the smallest rug among the blocks of a size that is no power of two."""
ROWS = 8
"""Rows that are sampled if every row is slightly different."""
STEP = 0.002
"""Their weights are rounded to this, relative to the diagonal."""


class Part(NamedTuple):
    """`n_sparse` features of one structure in `n_dense` dimensions of their own."""

    structure: Structure
    n_sparse: int
    n_dense: int

    def __str__(self) -> str:
        return f"{self.n_sparse:,} {self.structure} in {self.n_dense:,}"


class Constructed(NamedTuple):
    """Weights, and the parts of which they are the direct sum."""

    weights: Weights
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class StructureBuilder:
    """Builds parts for one p; `tune` says on which loss a and b are tuned."""

    p: float
    tune: Tune
    generator: Generator
    device: torch.device | str

    def mixture(self, parts: list[Part]) -> Constructed:
        """Raises WeightsError if a part cannot be built."""
        parts = [part for part in parts if part.n_sparse]
        blocks = [block for part in parts for block in self._blocks(part)]
        return Constructed(
            blocks[0] if len(blocks) == 1 else DirectSum(tuple(blocks)), tuple(parts)
        )

    def _blocks(self, part: Part) -> Iterator[Weights]:
        structure, n, d = part
        match structure.kind:
            case "abandoned":
                yield self._repeated(np.zeros((0, 1)), np.zeros((1, 0)), [self.p / 2], n)
            case "single":
                yield self._repeated(np.ones((1, 1)), np.ones((1, 1)), [0.0], n)
            case "lopsided":
                best = lopsided(self.p)
                out = np.array([[best.a[0]], [-best.a[1] / best.s]])
                yield self._repeated(np.array([[1.0, -best.s]]), out, best.b, n // 2)
            case "priority":
                yield BlockDiagonal(self._dense(*self._plane(structure.size)), n // structure.size)
            case "simplex" if d == (structure.size - 1) * (n // structure.size):
                yield self._corners(structure, n, d)
            case "pairs" if 2 * d == n and not is_power_of_two(n):
                yield self._corners(Structure("simplex", 2), n, d)
            case "simplex":
                k = structure.size
                a, bias = self._best(structure, n, d)
                for size, dims in sizes(n // k, d // (k - 1)):
                    yield self.tuned(Simplex(self._plain(size, dims, a, bias), k))
            case _:
                yield from self._noisy(part)

    def _plane(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """W_in, W_out and b of k features in a plane in an order of priority (section 12).

        The scales of neighbours differ by a factor s. The next feature adds 2 cos(π/(k−2))/s to a
        row, which costs about 1/(s² p) of the loss: less than a thousandth if tuned on the exact
        loss, a third at p = 0.05 with the small s that training needs.
        """
        angles = np.append(np.linspace(0, np.pi, k - 1), 1.5 * np.pi)
        rows = np.concatenate([angles[1:2] - np.pi / 2, angles[:-2] + np.pi / 2, angles[-1:]])
        W_in = np.stack([np.cos(angles), np.sin(angles)])
        W_out = np.stack([np.cos(rows), np.sin(rows)], 1)
        for one in (W_in, W_out):
            one[np.abs(one) < 1e-12] = 0  # right angles, which must add nothing at any scale
        W_out /= (W_out * W_in.T).sum(1)[:, None]
        s = SPACING if self.tune == "theory" else max(SPACING, 40 / math.sqrt(self.p))
        s = min(s, WIDEST ** (1 / (k - 1)))
        scale = s ** ((k - 1) / 2 - np.arange(k))
        return W_in * scale, W_out / scale[:, None], np.zeros(k)

    def _noisy(self, part: Part) -> Iterator[Weights]:
        """None, pairs and votes: a rug, or its likeness at sizes without a Hadamard matrix."""
        structure, n, d = part
        a, bias = self._best(structure, n, d)
        for size, dims in sizes(n, d, even=structure == PAIRS):
            if dims == 0:
                yield from self._blocks(Part(ABANDONED, size, 0))
            elif dims >= size:
                yield from self._blocks(Part(SINGLE, size, size))
            elif is_power_of_two(size) and (size >= LEAST or structure != NONE):
                chosen, weights = self._rows(structure, size, dims)
                rug = Rug.of_rows(chosen, size, a, bias, row_weights=weights, device=self.device)
                yield self.tuned(rug)
            elif structure == PAIRS and 2 * dims < size:
                yield self.tuned(Simplex(self._plain(size // 2, dims, a, bias), 2))
            elif structure == PAIRS:
                yield self._two_scales(size, dims, a, bias)
            else:
                a, bias = self._best(NONE, size, dims)
                yield self.tuned(self._plain(size, dims, a, bias))

    def _best(self, structure: Structure, n: int, d: int) -> tuple[float, float]:
        """a of the structured law at large n_sparse, and the bias for its b, which includes the
        mean of the Gaussian rest: a row with its diagonal adds up to 0."""
        known = structured_row(structure, d / n, self.p)
        if known is None:
            raise WeightsError(f"{structure} has no ratio {d / n:.3g}.")
        best = known.best()
        a = float(best.a)
        return a, float(best.b) + self.p / 2 * a * (1 + float(known.counts @ known.values))

    def _rows(
        self, structure: Structure, n: int, d: int
    ) -> tuple[Tensor, Float[Tensor, " d"] | None]:
        """The rows of H that make the structure, and their weights if they have two scales."""
        drawn = torch.randperm(n - 1, generator=self.generator, device=self.generator.device)
        rows = 1 + drawn.cpu()
        if structure == NONE:
            return rows[:d], None
        if structure == PAIRS:
            odd, even = rows[rows >= n // 2], rows[rows < n // 2]
            if 2 * d <= n:
                return odd[:d], None
            kappa = float(pairs(d / n, self.p).kappa)
            taken = min(round(d * (1 + kappa) / 2), n // 2)
            chosen = torch.cat([odd[:taken], even[: d - taken]])
            if taken < n // 2:
                return chosen, None
            # f(n/2) = (Σ even weights − Σ odd weights)/(Σ of both) = −κ
            second = taken * (1 - kappa) / ((d - taken) * (1 + kappa))
            scales = torch.ones(d, dtype=torch.float64)
            scales[taken:] = max(second, 1e-9)
            return chosen, scales
        bits = n.bit_length() - 1
        odd = torch.zeros(n - 1)
        for i in range(structure.size):
            t = n >> (i + 1)
            if i >= bits:  # there are no more independent ones: take any other
                t = int(torch.randint(1, n, (1,), generator=self.generator))
            odd += parity(rows & t)
        return rows[torch.argsort(-odd, stable=True)[:d]], None

    def _plain(self, n: int, d: int, a: float, bias: float) -> Weights:
        """Weights without structure, with this diagonal and the same bias everywhere."""
        require_dense(n, d)
        if is_power_of_two(n):
            return Rug.of_rows(self._rows(NONE, n, d)[0], n, a, bias, device=self.device)
        rows = cosine_rows(n, d, generator=self.generator)
        return Dense.of_rows(rows, 0.0, a, bias, self.device)

    def _two_scales(self, n: int, d: int, a: float, bias: float) -> Weights:
        """Pairs (i, i + n/2) in more than n/2 dimensions at sizes without a Hadamard matrix."""
        half, kappa = n // 2, float(pairs(d / n, self.p).kappa)
        taken = min(round(d * (1 + kappa) / 2), half)
        odd = torch.eye(half, dtype=torch.float64)
        if taken < half:
            odd = cosine_rows(half, taken, generator=self.generator) / math.sqrt(taken)
        even = torch.ones(1, half, dtype=torch.float64) / math.sqrt(half)
        if d - taken > 1:
            even = cosine_rows(half, d - taken, generator=self.generator) / math.sqrt(d - taken)
        W_in = torch.cat([torch.cat([odd, -odd], 1), torch.cat([even, even], 1)])
        by = torch.full((d,), (1 + kappa) / 2, dtype=torch.float64)
        by[taken:] = (1 - kappa) / 2
        W_out = a * W_in.T * by
        return self.tuned(self._dense(W_in, W_out, torch.full((n,), bias)))

    def _corners(self, structure: Structure, n: int, d: int) -> Weights:
        """Simplices without noise, each in dimensions of its own."""
        k, (a, bias) = structure.size, self._best(structure, n, d)
        W_in = simplex_corners(k)
        return self._repeated(W_in, a * W_in.T, [bias] * k, n // k)

    def _repeated(self, W_in: np.ndarray, W_out: np.ndarray, b, copies: int) -> Weights:
        return BlockDiagonal(self._dense(W_in, W_out, b), copies)

    def _dense(self, *arrays) -> Dense:
        return Dense(*(torch.as_tensor(one).to(self.device, torch.float32) for one in arrays))

    def tuned(self, block: Weights) -> Weights:
        """With the a and b of the least exact loss at its size, if `tune` is exact."""
        if self.tune == "theory":
            return block
        kinds = row_kinds(block)
        if len(kinds) == 1:
            a, values, counts = kinds[0].a, kinds[0].values, kinds[0].counts
        else:
            index = np.linspace(0, block.n_sparse - 1, ROWS).astype(int)
            rows = block.rows(index)
            a = float(rows[np.arange(ROWS), index].mean())
            rows[np.arange(ROWS), index] = 0
            values, counts = np.unique(np.rint(rows / a / STEP), return_counts=True)
            values, counts = values * STEP * a, counts / ROWS
        here = values != 0
        best = StructuredRow(values[here] / a, counts[here], 0.0, self.p).best()
        return rescaled(block, float(best.a) / a, float(best.b))


def rescaled(block: Weights, by: float, bias: float) -> Weights:
    """W times a factor, and this bias everywhere."""
    match block:
        case Rug():
            return dataclasses.replace(block, a=block.a * by, b=bias)
        case Dense():
            return Dense(block.W_in, block.W_out * by, torch.full_like(block.b, bias))
        case Simplex() | BlockDiagonal():
            return dataclasses.replace(block, block=rescaled(block.block, by, bias))
        case _:
            raise WeightsError(f"{type(block).__name__} does not have the same bias in every row.")


def sizes(n: int, d: int, *, even: bool = False) -> Iterator[tuple[int, int]]:
    """(features, dimensions) of blocks that can be built: powers of two, or few enough for cosines;
    all at the same ratio, apart from rounding."""
    while n:
        size = n if is_power_of_two(n) or n <= COSINES else 1 << (n.bit_length() - 1)
        if even and size % 2 and size > 1:
            size -= 1
        dims = round(d * size / n)
        yield size, dims
        n, d = n - size, d - dims
