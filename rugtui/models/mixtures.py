"""Which parts make a mixture for given sizes, and which of all mixtures has the lowest loss.

Theory says which structures coexist in which shares (section 12); here the shares become whole
features and dimensions.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from rugtui.errors import WeightsError
from rugtui.models.base import Weights
from rugtui.models.composite import row_kinds
from rugtui.models.structure_builder import COSINES, Constructed, Part, StructureBuilder
from rugtui.theory.exact import exact_loss, grouped_row_loss
from rugtui.theory.hull import VOTES, Phase, hull, lowest, size_that_matters
from rugtui.theory.structures import (
    ABANDONED,
    LOPSIDED,
    NONE,
    PAIRS,
    SINGLE,
    Structure,
    structure_loss,
)


def parts_of(structure: Structure, n: int, d: int) -> list[Part]:
    """One structure for all features, except those that do not fit in."""
    if structure == PAIRS and n % 2:
        over = Part(SINGLE, 1, 1) if 2 * d > n else Part(ABANDONED, 1, 0)
        return [Part(PAIRS, n - 1, d - over.n_dense), over]
    if structure == LOPSIDED:
        if 2 * d > n:
            return [Part(LOPSIDED, 2 * (n - d), n - d), Part(SINGLE, 2 * d - n, 2 * d - n)]
        return [Part(LOPSIDED, 2 * d, d), Part(ABANDONED, n - 2 * d, 0)]
    if structure.kind == "priority":
        return _planes(structure, n, d)
    if structure.kind != "simplex":
        return [Part(structure, n, d)]
    k = structure.size
    if d * k > n * (k - 1):  # more dimensions than simplices can use
        groups = n - d
        single = n - k * groups
    else:
        single = d % (k - 1)
        groups = (n - single) // k
    abandoned = n - single - k * groups
    return [
        Part(structure, k * groups, d - single),
        Part(SINGLE, single, single),
        Part(ABANDONED, abandoned, 0),
    ]


def _planes(structure: Structure, n: int, d: int) -> list[Part]:
    """Features in an order of priority, spread evenly over the planes; of size k, at most k in
    each."""
    planes, odd = divmod(d, 2)
    if 2 * d >= n or not planes:
        return parts_of(LOPSIDED, n, d)
    pair = Part(LOPSIDED, 2 * odd, odd)
    k, more = divmod(n - pair.n_sparse, planes)
    if 0 < structure.size <= k:
        k, more = structure.size, 0
    few = Part(Structure("priority", k), k * (planes - more), 2 * (planes - more))
    many = Part(Structure("priority", k + 1), (k + 1) * more, 2 * more)
    abandoned = n - few.n_sparse - many.n_sparse - pair.n_sparse
    return [few, many, pair, Part(ABANDONED, abandoned, 0)]


def parts_of_phases(phases: tuple[Phase, ...], n: int, d: int) -> list[Part]:
    """The phases of a hull in whole features and dimensions."""
    if len(phases) == 1:
        return parts_of(phases[0].structure, n, d)
    low, high = phases
    if high.structure in (SINGLE, LOPSIDED) and low.structure in (ABANDONED, LOPSIDED):
        if low.structure == ABANDONED and high.structure == SINGLE:
            return [Part(SINGLE, d, d), Part(ABANDONED, n - d, 0)]
        return parts_of(LOPSIDED, n, d)
    # The phase of larger ratio gets its share of features, and the other the dimensions left.
    many = round(high.share * n / 2) * 2
    dims = min(round(many * high.ratio), d)
    if low.structure == ABANDONED:
        many, dims = min(round(d / high.ratio / 2) * 2, n), d
    return [*parts_of(low.structure, n - many, d - dims), *parts_of(high.structure, many, dims)]


def best(n: int, d: int, builder: StructureBuilder) -> Constructed:
    """The candidate of lowest exact loss: the hull's mixture, orders of priority, and at small
    sizes single structures."""
    r, p = d / n, builder.p
    size = size_that_matters(n, p)
    planned = [parts_of_phases(hull(p, size).phases(r), n, d)]
    if size or n <= COSINES:
        votes = [Structure("vote", size) for size in VOTES if 1 << size <= n]
        known = {one: structure_loss(one, r, p, size) for one in votes}
        found = {one: loss for one, loss in known.items() if loss is not None}
        likely = sorted(found, key=found.__getitem__)[:2]
        planned += [parts_of(one, n, d) for one in (NONE, PAIRS, LOPSIDED, *likely)]
    if 2 * d < n:
        phases = [one.structure for one in lowest(p, size).phases(r)]
        planes = [Structure("priority"), *(one for one in phases if one.kind == "priority")]
        planned += [_planes(one, n, d) for one in planes]
    exact = dataclasses.replace(builder, tune="exact")
    made, least = None, math.inf
    for parts in planned:
        by_priority = parts[0].structure.kind == "priority"
        try:
            one = (builder if by_priority else exact).mixture(parts)
        except WeightsError:
            continue  # sizes that the structure does not have
        if len(planned) == 1:
            return one
        if (loss := mean_exact_loss(one.weights, p)) < least:
            made, least = one, loss
    if made is None:
        raise WeightsError(f"No structure fits {n:,} features in {d:,} dimensions.")
    return made


def mean_exact_loss(weights: Weights, p: float, rows: int = 64) -> float:
    """The exact loss (section 7), over all kinds of rows, or over this many evenly spaced
    `rows`."""
    if kinds := row_kinds(weights):
        total = sum(
            one.number * grouped_row_loss(one.values, one.counts, one.a, one.b, p, tolerance=1e-4)
            for one in kinds
        )
        return total / weights.n_sparse
    index = np.unique(np.linspace(0, weights.n_sparse - 1, rows).astype(int))
    b = weights.biases()[index]
    return float(exact_loss(weights.rows(index), index, b, p, tolerance=1e-4).mean())
