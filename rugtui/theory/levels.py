"""All theoretical losses, at one (r, p), and as curves against r or against p."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from rugtui.theory import hull, magnitudes
from rugtui.theory.bounds import elementwise_and_oracle, linear
from rugtui.theory.magnitudes import Magnitude
from rugtui.theory.optimum import high_sparsity, optimum
from rugtui.theory.pairs import pairs

POINTS = 96
"""Points of a curve: about two for each column of half a wide screen, so that lines look smooth."""
FEW_POINTS = 24
"""Points where magnitudes are not uniform, and each takes a tenth of a second."""
LEAST_P = 1e-6


@dataclass(frozen=True, slots=True)
class Levels:
    """Theoretical losses per feature at (r, p), and the a, b and σ of the symmetric optimum.

    Trained losses can fall below every one of these; the last two bound models with symmetric
    pre-activations (section 8).
    """

    r: float
    p: float
    loss: float
    a: float
    b: float
    sigma: float
    high_sparsity: float
    linear: float
    elementwise: float
    oracle: float


@lru_cache(maxsize=256)
def levels(r: float, p: float, magnitude: str = "uniform") -> Levels:
    """The losses of sections 4 and 5 at ratio r in (0, 1] and probability p in (0, 1].

    `high_sparsity` is NaN unless magnitudes are uniform. Raises SettingError where r or p is
    outside, or there is no such law of magnitudes.
    """
    law = Magnitude.parse(magnitude)
    if law.is_usual:
        best, others = optimum(r, p), (high_sparsity(r, p), linear(r, p))
        bounds = elementwise_and_oracle(r, p)
    else:
        best, others = magnitudes.optimum(r, p, law), (math.nan, magnitudes.linear(r, p, law))
        bounds = magnitudes.elementwise_and_oracle(r, p, law)
    values = best.loss, best.a, best.b, best.sigma, *others, *bounds
    return Levels(r, p, *(float(value) for value in values))


@dataclass(frozen=True, slots=True)
class StructuredLevels:
    """Levels below L* at (r, p): the paired optimum, and where training ends (section 12)."""

    r: float
    p: float
    loss_pairs: float
    loss_end: float
    loss_lowest: float
    """The lowest loss known; below r = 1/2 training does not find such weights."""
    phases: tuple[hull.Phase, ...]
    """The structures that coexist at the end of training, and their shares."""


@lru_cache(maxsize=256)
def structured_levels(r: float, p: float, n_sparse: int | None = None) -> StructuredLevels:
    """At ratio r and probability p in (0, 1]; half a second for a new p. Raises SettingError.

    With n_sparse, L_end is for weights of this size if few enough features are active for it to
    matter; L_pairs is always for large n_sparse.
    """
    size = None if n_sparse is None else hull.size_that_matters(n_sparse, p)
    known = hull.hull(p, size)
    losses = pairs(r, p).loss, known.loss(r), hull.lowest(p, size).loss(r)
    return StructuredLevels(r, p, *(float(loss) for loss in losses), phases=known.phases(r))


@dataclass(frozen=True, slots=True, eq=False)
class LevelCurves:
    """Losses per feature against r or p, the other fixed."""

    x: Float[np.ndarray, " n"]
    optimum: Float[np.ndarray, " n"]
    linear: Float[np.ndarray, " n"]
    elementwise: Float[np.ndarray, " n"]
    oracle: Float[np.ndarray, " n"]
    pairs: Float[np.ndarray, " n"]
    """L_pairs, the paired optimum."""
    end: Float[np.ndarray, " n"]
    """L_end, where training ends as far as is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The theoretical losses on both lines through the point (r, p)."""

    r: float
    p: float
    against_r: LevelCurves
    against_p: LevelCurves
    magnitude: str = "uniform"
    structured: StructuredLevels | None = None
    """The paired optimum, the end of training and its phases at the point itself."""

    def structured_at(self, r: float, p: float) -> StructuredLevels | None:
        """The levels below L* if (r, p) is the point of these curves and they are known there."""
        return self.structured if (self.r, self.p) == (r, p) else None


def curves(r: float, p: float, magnitude: str = "uniform") -> Curves:
    """The losses against r and against p, for r in (0, 1) and p in (0, 1], at large n_sparse.

    r is spaced evenly in log r/(1 − r), which is dense where the loss bends: near 0 it leaves p/3,
    near 1 it vanishes (section 4). p is spaced evenly in log p. (r, p) is a point of both. Levels
    below L* are NaN unless magnitudes are uniform.
    """
    if not Magnitude.parse(magnitude).is_usual:
        ratios = np.union1d(1 / (1 + np.exp(-np.linspace(-4.0, 4.0, FEW_POINTS))), r)
        densities = np.union1d(np.geomspace(min(1e-3, p), 1.0, FEW_POINTS), p)
        against_r = _curves_of_law(ratios, [(float(x), p) for x in ratios], magnitude)
        against_p = _curves_of_law(densities, [(r, float(x)) for x in densities], magnitude)
        return Curves(r, p, against_r, against_p, magnitude)
    logit = np.linspace(-7.0, 5.0, POINTS)
    ratios = np.union1d(1 / (1 + np.exp(-logit)), r)
    densities = np.union1d(np.geomspace(min(LEAST_P, p / 10), 1.0, POINTS), p)
    against_r = _level_curves(ratios, p, x=ratios, end=hull.hull(p).loss(ratios))
    against_p = _level_curves(r, densities, x=densities, end=hull.loss_end(r, densities))
    return Curves(r, p, against_r, against_p, magnitude, structured_levels(r, p))


def _curves_of_law(
    x: Float[np.ndarray, " n"], points: list[tuple[float, float]], magnitude: str
) -> LevelCurves:
    known = [levels(r, p, magnitude) for r, p in points]
    lines = np.array([(one.loss, one.linear, one.elementwise, one.oracle) for one in known]).T
    unknown = np.full(len(x), np.nan)
    return LevelCurves(x, *lines, pairs=unknown, end=unknown)


def _level_curves(
    r: float | Float[np.ndarray, " n"],
    p: float | Float[np.ndarray, " n"],
    *,
    x: Float[np.ndarray, " n"],
    end: Float[np.ndarray, " n"],
) -> LevelCurves:
    lines = optimum(r, p).loss, linear(r, p), *elementwise_and_oracle(r, p), pairs(r, p).loss
    return LevelCurves(x, *(np.broadcast_to(line, x.shape) for line in lines), end=end)
