"""Engineered weights with structured interference: pairs, simplices, votes, orders of priority.

The choice of the rows of H decides the off-diagonal entries of a rug (section 12): rows of odd
parity with one t give every feature an antipodal partner, rows with the most odd parities among
several t's a vote. Sizes that have no Hadamard matrix are made of cosines where they are small, of
powers of two side by side where they are large. A mixture is a direct sum of such parts.
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
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import Weights
from rugtui.models.composite import BlockDiagonal, DirectSum, Simplex
from rugtui.models.dense import Dense
from rugtui.models.hadamard import parity
from rugtui.models.orthogonal_rows import cosine_rows, scaled
from rugtui.models.row_laws import row_laws
from rugtui.models.rug import Rug, require_dense
from rugtui.models.sizes import is_power_of_two
from rugtui.theory.pairs import lopsided, pairs
from rugtui.theory.structured import Law
from rugtui.theory.structures import (
    ABANDONED,
    NONE,
    PAIRS,
    SINGLE,
    Structure,
    law,
)

Tune = Literal["theory", "exact"]
COSINES = 4096
"""Features up to which a size that is no power of two is made of cosines."""
SPACING = 6.0
"""Between the scales of two neighbours in an order of priority: as much as training can hold."""
WIDEST = 1e15
"""Between the first and the last, for float32."""
LEAST = 32
"""Features of the smallest rug beside others of a size that is no power of two."""
ROWS = 8
"""Number of rows sampled if every row is slightly different."""
STEP = 0.002
"""Relative to the diagonal, what is rounded off their weights."""


class Part(NamedTuple):
    """So many features of one structure in dimensions of their own."""

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
class Builder:
    """How parts are built: for which p, what a and b are tuned on, and how rows are drawn."""

    p: float
    tune: Tune
    generator: torch.Generator
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

        The scales of neighbours differ by a factor s. The feature behind adds 2 cos(π/(k−2))/s to a
        row, which costs about 1/(s² p) of the loss: less than a thousandth if tuned on the exact
        loss, a third at p = 0.05 if s is as small as training needs it.
        """
        angles = np.append(np.linspace(0, np.pi, k - 1), 1.5 * np.pi)
        rows = np.concatenate([angles[1:2] - np.pi / 2, angles[:-2] + np.pi / 2, angles[-1:]])
        W_in = np.stack([np.cos(angles), np.sin(angles)])
        W_out = np.stack([np.cos(rows), np.sin(rows)], 1)
        for one in (W_in, W_out):
            one[np.abs(one) < 1e-12] = 0  # what is at right angles adds nothing at any scale
        W_out /= (W_out * W_in.T).sum(1)[:, None]
        s = SPACING if self.tune == "theory" else max(SPACING, 40 / math.sqrt(self.p))
        s = min(s, WIDEST ** (1 / (k - 1)))
        scale = s ** ((k - 1) / 2 - np.arange(k))
        return W_in * scale, W_out / scale[:, None], np.zeros(k)

    def _noisy(self, part: Part) -> Iterator[Weights]:
        """None, pairs and votes: a rug each, or what comes close to it at other sizes."""
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
        """a of the structured law at large n_sparse, and what is added to W x for its b, which
        counts the mean of the Gaussian rest: a row with its diagonal adds up to nothing."""
        known = law(structure, d / n, self.p)
        if known is None:
            raise WeightsError(f"{structure} has no ratio {d / n:.3g}.")
        best = known.best()
        a = float(best.a)
        return a, float(best.b) + self.p / 2 * a * (1 + float(known.counts @ known.values))

    def _rows(
        self, structure: Structure, n: int, d: int
    ) -> tuple[Tensor, Float[Tensor, " d"] | None]:
        """The rows of H that make the structure, and their weights where they have two scales."""
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
            # f(n/2) = (−odd weights + even weights)/(both) = −κ
            second = taken * (1 - kappa) / ((d - taken) * (1 + kappa))
            scales = torch.ones(d, dtype=torch.float64)
            scales[taken:] = max(second, 1e-9)
            return chosen, scales
        bits = n.bit_length() - 1
        odd = torch.zeros(n - 1)
        for i in range(structure.size):
            t = n >> (i + 1)
            if i >= bits:  # no more independent ones: any other
                t = int(torch.randint(1, n, (1,), generator=self.generator))
            odd += parity(rows & t)
        return rows[torch.argsort(-odd, stable=True)[:d]], None

    def _plain(self, n: int, d: int, a: float, bias: float) -> Weights:
        """Incoherent rows with this diagonal, and the same bias everywhere."""
        require_dense(n, d)
        if is_power_of_two(n):
            return Rug.of_rows(self._rows(NONE, n, d)[0], n, a, bias, device=self.device)
        return scaled(cosine_rows(n, d, generator=self.generator), 0.0, a, bias, self.device)

    def _two_scales(self, n: int, d: int, a: float, bias: float) -> Weights:
        """Pairs in more than n/2 dimensions where there is no Hadamard matrix: i and i + n/2."""
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
        outer = np.eye(k) * k / (k - 1) - 1 / (k - 1)
        values, vectors = np.linalg.eigh(outer)
        W_in = (vectors * np.sqrt(values.clip(0))).T[1:]
        return self._repeated(W_in, a * W_in.T, [bias] * k, n // k)

    def _repeated(self, W_in: np.ndarray, W_out: np.ndarray, b, copies: int) -> Weights:
        return BlockDiagonal(self._dense(W_in, W_out, b), copies)

    def _dense(self, *arrays) -> Dense:
        return Dense(*(torch.as_tensor(one).to(self.device, torch.float32) for one in arrays))

    def tuned(self, block: Weights) -> Weights:
        """With a and b of the least exact loss at its size, if that is asked for."""
        if self.tune == "theory":
            return block
        laws = row_laws(block)
        if len(laws) == 1:
            a, values, counts = laws[0].a, laws[0].values, laws[0].counts
        else:
            index = np.linspace(0, block.n_sparse - 1, ROWS).astype(int)
            rows = block.rows(index)
            a = float(rows[np.arange(ROWS), index].mean())
            rows[np.arange(ROWS), index] = 0
            values, counts = np.unique(np.rint(rows / a / STEP), return_counts=True)
            values, counts = values * STEP * a, counts / ROWS
        here = values != 0
        best = Law(values[here] / a, counts[here], 0.0, self.p).best()
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
    """(features, dimensions) of blocks that can be built: powers of two, or few enough for cosines.

    Dimensions are shared out so that what is left over stays at the same ratio.
    """
    while n:
        size = n if is_power_of_two(n) or n <= COSINES else 1 << (n.bit_length() - 1)
        if even and size % 2 and size > 1:
            size -= 1
        dims = round(d * size / n)
        yield size, dims
        n, d = n - size, d - dims
