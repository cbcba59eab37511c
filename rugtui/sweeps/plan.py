"""A grid cut into the units that are computed, kept and lost as one.

What is in a unit follows from the grid alone, never from who computes it: with the same number of
threads its numbers are the same, bit for bit, in this process and on a cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from rugtui.sweeps.grid import RANDOM, Axes, Grid, Kind, Shape, Variant
from rugtui.sweeps.table import Key, key_of

MOST_RANDOM, MOST_FORMULAS = 20, 1000
"""Cells of a unit at most, where chance plays a part and where it does not."""
TOGETHER = 1 << 21
"""Parameters of a unit's models, unless one model alone has more: what many models would gain by
going together is lost where they do not fit in a cache, and a unit is what a stop throws away."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a unit; `seed` is None where chance plays no part, `variant` where nothing is
    learned from samples."""

    p: float
    seed: int | None = None
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """Cells of one kind and shape, computed together."""

    kind: Kind
    shape: Shape
    cells: tuple[Cell, ...]

    @property
    def n_sparse(self) -> int:
        return self.shape[0]

    @property
    def n_dense(self) -> int:
        return self.shape[1]

    @property
    def ratio(self) -> float:
        return self.n_dense / self.n_sparse

    @property
    def keys(self) -> list[Key]:
        return [
            key_of(*self.shape, cell.p, self.kind, cell.seed, cell.variant) for cell in self.cells
        ]


def units(grid: Grid) -> tuple[Unit, ...]:
    """Everything that the grid asks for, theory first: it is there at once."""
    axes = Axes.of(grid)
    kinds = sorted(axes.kinds, key=lambda kind: kind in RANDOM)
    return tuple(
        unit for kind in kinds for shape in axes.shapes for unit in _of_shape(kind, shape, axes)
    )


def left(all_units: Collection[Unit], done: Collection[Key]) -> list[Unit]:
    """The units of which a cell is not done: those of population, whose cells are computed
    together, anew as a whole; of others, the cells that are not done."""
    found = []
    for unit in all_units:
        cells = [cell for cell, key in zip(unit.cells, unit.keys, strict=True) if key not in done]
        if cells and unit.kind != "population":
            unit = replace(unit, cells=tuple(cells))
        found += [unit] if cells else []
    return found


def _of_shape(kind: Kind, shape: Shape, axes: Axes) -> Iterator[Unit]:
    seeds: tuple[int | None, ...] = axes.seeds if kind in RANDOM else (None,)
    variants = axes.variants if kind == "trained" else (None,)
    cells = [Cell(p, seed, one) for one in variants for seed in seeds for p in axes.p]
    size = 1 if kind == "trained" else _most(shape) if kind in RANDOM else MOST_FORMULAS
    for start in range(0, len(cells), size):
        yield Unit(kind, shape, tuple(cells[start : start + size]))


def _most(shape: Shape) -> int:
    """How many models of this shape are computed together."""
    return min(max(TOGETHER // parameters(shape), 1), MOST_RANDOM)


def parameters(shape: Shape) -> int:
    """Numbers of a model: W_in, W_out and b."""
    n_sparse, n_dense = shape
    return n_sparse * (2 * n_dense + 1)
