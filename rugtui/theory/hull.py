"""The losses of mixtures of structures: the lower convex hull over r (section 12).

Features may be divided into groups without a common dimension, a share φ_g of them at ratio r_g: Σ
φ_g r_g = r, and the loss is Σ φ_g L(r_g). So every point of the lower convex hull of the
structures' losses can be reached, and the vertices on both sides of r are phases that coexist
there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from rugtui.theory import moments
from rugtui.theory.moments import Array, checked
from rugtui.theory.optimum import optimum
from rugtui.theory.pairs import HALF, lopsided, pairs
from rugtui.theory.structures import (
    ABANDONED,
    LOPSIDED,
    NONE,
    PAIRS,
    SINGLE,
    Structure,
    structure_loss,
)

FINITE = 100
"""Below so many active features n_sparse · p, the finite size determines the best structure."""
NEXT = 0.05
"""Ratios closer than this are neighbours in the catalogue."""
RATIOS = (
    *(0.01, 0.02, 0.03, 0.045, 0.06, 0.08),
    *(k / 100 for k in range(10, 50)),
    *(0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 0.95),
)
"""Ratios at which the catalogue behind a hull is computed, every other one for votes."""
VOTES = (3, 4, 5, 7, 10, 12, 16, 24, 48)
VOTES_UP_TO = 0.36
"""The ratio from which on pairs beat any vote."""
DRAWN = 12
"""Nodes that stand for the weights of a finite rug."""


class Phase(NamedTuple):
    """A share of the features, all of one structure, at a ratio of their own."""

    structure: Structure
    share: float
    ratio: float


@dataclass(frozen=True)
class Hull:
    """The lower convex hull over r of a catalogue of structures, at one p."""

    p: float
    ratios: Float[np.ndarray, " vertices"]
    losses: Float[np.ndarray, " vertices"]
    structures: tuple[Structure, ...]

    def loss(self, r: ArrayLike) -> Array:
        """L_end(r, p), where training ends as far as we know."""
        return np.interp(checked("r", r), self.ratios, self.losses)

    def phases(self, r: float) -> tuple[Phase, ...]:
        """The one or two structures that coexist at r, the one of smaller ratio first.

        Neighbouring points of the same structure are one phase: there its curve is convex, and it
        is best at r itself.
        """
        right = int(np.searchsorted(self.ratios, r))
        low, high = self.ratios[right - 1 : right + 1].tolist()
        before, after = self.structures[right - 1 : right + 1]
        if high - r < 1e-9 or (before == after and high - low < NEXT):
            return (Phase(after, 1.0, r),)
        share = (r - low) / (high - low)
        return Phase(before, 1 - share, low), Phase(after, share, high)


@lru_cache(maxsize=64)
def hull(p: float, n_sparse: int | None = None) -> Hull:
    """The lower hull over the catalogue of structures at this p (for rugs of n_sparse features)."""
    return lower(p, list(catalogue(p, n_sparse)))


def lower(p: float, points: list[tuple[float, float, Structure]]) -> Hull:
    """The lower convex hull of points (r, loss, structure)."""
    points.sort(key=lambda point: (point[0], point[1]))
    kept: list[tuple[float, float, Structure]] = []
    for point in points:
        while len(kept) > 1 and _above(kept[-2], kept[-1], point):
            kept.pop()
        if not (kept and kept[-1][0] == point[0]):
            kept.append(point)
    ratios, losses, structures = zip(*kept, strict=True)
    return Hull(p, np.array(ratios), np.array(losses), structures)


def _above(left, middle, right) -> bool:
    """Whether the middle point lies on or above the line between the others."""
    return (middle[1] - left[1]) * (right[0] - left[0]) >= (right[1] - left[1]) * (
        middle[0] - left[0]
    )


def catalogue(p: float, n_sparse: int | None = None) -> Iterator[tuple[float, float, Structure]]:
    """(r, loss, structure) of the parts of mixtures: at each ratio none, pairs, and the best
    vote."""
    yield 0.0, float(moments.variance(p)), ABANDONED
    yield HALF, lopsided(p).loss, LOPSIDED
    yield 1.0, 0.0, SINGLE
    for structure in (NONE, PAIRS):
        if n_sparse is None:
            best = pairs if structure == PAIRS else optimum
            losses = np.asarray(best(RATIOS, p).loss).tolist()
        else:
            losses = [structure_loss(structure, r, p, n_sparse) for r in RATIOS]
        known = zip(RATIOS, losses, strict=True)
        yield from ((r, loss, structure) for r, loss in known if loss is not None)
    at = 0
    for r in reversed([r for r in RATIOS if r <= VOTES_UP_TO][::2]):
        # The best number of voters rises as r falls: look near the last of them alone.
        tried: dict[int, float] = {}
        while missing := set(range(max(at - 2, 0), min(at + 3, len(VOTES)))) - tried.keys():
            for k in missing:
                found = structure_loss(Structure("vote", VOTES[k]), r, p, n_sparse)
                tried[k] = math.inf if found is None else found
            at = min(tried, key=tried.__getitem__)
        yield r, tried[at], Structure("vote", VOTES[at])


def size_that_matters(n_sparse: int, p: float) -> int | None:
    """n_sparse, if so few features are active that the hull depends on the size; else None."""
    return n_sparse if n_sparse * p < FINITE else None
