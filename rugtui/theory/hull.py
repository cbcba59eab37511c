"""The losses of mixtures of structures: the lower convex hull over r (section 12).

Features may be divided into groups without a common dimension, a share φ_g of them at ratio r_g,
with Σ φ_g r_g = r; the loss is Σ φ_g L(r_g). So every point of the lower convex hull of the
structures' losses can be reached, and the vertices beside r are phases that coexist there.

Run as a program (python -m rugtui.theory.hull), it prints a new hull_table.json, which must be
replaced when the catalogue of structures changes; that takes some twenty seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
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
    priority_loss,
    structure_loss,
)

FINITE = 100
"""Active features, n_sparse · p, below which the finite size determines the best structure."""
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
LARGEST_PLANE = 64
"""Features in a plane at most: with more, abandoning some is better, or r is tiny."""
FILE = "hull_table.json"
TABLE_P = np.union1d(np.geomspace(1e-8, 0.02, 22), np.geomspace(0.02, 1.0, 34))
"""The values of p in the file: closer where phases change fast."""


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


def hull(p: float, n_sparse: int | None = None) -> Hull:
    """The lower hull of the structures that training finds, for large n_sparse or for this one."""
    return _hull(p, n_sparse)  # to a cache hull(p) and hull(p, None) are different calls


@lru_cache(maxsize=64)
def _hull(p: float, n_sparse: int | None) -> Hull:
    return lower(p, list(catalogue(p, n_sparse)))


def lower(p: float, points: list[tuple[float, float, Structure]]) -> Hull:
    """The lower convex hull of points (r, loss, structure)."""
    points.sort(key=lambda point: (point[0], point[1]))
    kept: list[tuple[float, float, Structure]] = []
    for point in points:
        while len(kept) > 1:
            (left, low, _), (middle, loss, _), (right, high, _) = kept[-2], kept[-1], point
            if (loss - low) * (right - left) < (high - low) * (middle - left):
                break
            kept.pop()  # it lies on or above the line between its neighbours
        if not (kept and kept[-1][0] == point[0]):
            kept.append(point)
    ratios, losses, structures = zip(*kept, strict=True)
    return Hull(p, np.array(ratios), np.array(losses), structures)


def catalogue(p: float, n_sparse: int | None = None) -> Iterator[tuple[float, float, Structure]]:
    """(r, loss, structure) of possible parts of a mixture: at each ratio none, pairs and the best
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
        # The best size of a vote rises as r falls: look only near the last one.
        tried: dict[int, float] = {}
        while missing := set(range(max(at - 2, 0), min(at + 3, len(VOTES)))) - tried.keys():
            for k in missing:
                found = structure_loss(Structure("vote", VOTES[k]), r, p, n_sparse)
                tried[k] = math.inf if found is None else found
            at = min(tried, key=tried.__getitem__)
        yield r, tried[at], Structure("vote", VOTES[at])


def size_that_matters(n_sparse: int, p: float) -> int | None:
    """n_sparse if so few features are active that the hull depends on it; else None."""
    return n_sparse if n_sparse * p < FINITE else None


@lru_cache(maxsize=64)
def lowest(p: float, n_sparse: int | None = None) -> Hull:
    """The lower hull over r of all known structures, whether training finds them or not. It is
    never above `hull`, and the same from r = 1/2 on. Raises SettingError."""
    known = hull(p, n_sparse)
    points = list(zip(known.ratios.tolist(), known.losses.tolist(), known.structures, strict=True))
    planes = (Structure("priority", k) for k in range(5, LARGEST_PLANE + 1))
    points += [(2 / one.size, priority_loss(one.size, p), one) for one in planes]
    return lower(p, points)


def loss_end(r: float, p: ArrayLike) -> Array:
    """L_end(r, p) at large n_sparse for many p at one r, to 1 %. Raises SettingError.

    A hull takes a third of a second and a curve against p needs dozens, so hulls at TABLE_P were
    computed once into a file; log(L_end/L*) is linear in log p between them, and constant beyond.
    """
    r, p = float(checked("r", r)), checked("p", p)
    return optimum(r, p).loss * np.exp(np.interp(np.log(p), np.log(TABLE_P), _below(r)))


@lru_cache(maxsize=8)
def _below(r: float) -> Float[np.ndarray, " places"]:
    """log(L_end/L*) at each of TABLE_P, at most 0."""
    text = resources.files("rugtui.theory").joinpath(FILE).read_text("utf-8")
    ends = [np.interp(r, one["ratios"], one["losses"]) for one in json.loads(text)]
    return np.minimum(np.log(np.array(ends) / optimum(r, TABLE_P).loss), 0.0)


def table_row(p: float) -> dict[str, list[float]]:
    """The hull at p as it stands in the file: ratios and losses of its vertices."""
    found = hull(p)
    return {
        "ratios": [round(r, 4) for r in found.ratios.tolist()],
        "losses": [float(f"{loss:.8g}") for loss in found.losses.tolist()],
    }


if __name__ == "__main__":
    print("[" + ",\n".join(json.dumps(table_row(float(p))) for p in TABLE_P) + "]")
