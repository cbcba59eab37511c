"""The lines of theory as curves: against r at a run's p, and against p at its r."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.settings.law import MagnitudeLaw
from rugtui.theory.bounds import elementwise_and_oracle, linear
from rugtui.theory.hull import hull
from rugtui.theory.hull_table import loss_end
from rugtui.theory.levels import StructuredLevels, levels, structured_levels
from rugtui.theory.optimum import optimum
from rugtui.theory.pairs import pairs

POINTS = 96
"""Points of a curve: about two a column of half a wide screen, where lines look smooth."""
FEW_POINTS = 24
LEAST_P = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LevelCurves:
    """Losses per feature along one axis of (r, p), the other held."""

    x: Float[np.ndarray, " n"]
    optimum: Float[np.ndarray, " n"]
    linear: Float[np.ndarray, " n"]
    elementwise: Float[np.ndarray, " n"]
    oracle: Float[np.ndarray, " n"]
    pairs: Float[np.ndarray, " n"]
    """The paired optimum."""
    end: Float[np.ndarray, " n"]
    """Where training ends as far as is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Both sweeps through the point (r, p)."""

    r: float
    p: float
    against_r: LevelCurves
    against_p: LevelCurves
    magnitude: str = "uniform"
    structured: StructuredLevels | None = None
    """The paired optimum, the end of training and its phases at the point itself."""

    def structured_at(self, r: float, p: float) -> StructuredLevels | None:
        """What lies below L* at (r, p), if that is the point of these curves and is known."""
        return self.structured if (self.r, self.p) == (r, p) else None


def curves(r: float, p: float, magnitude: str = "uniform") -> Curves:
    """The sweeps through ratio r in (0, 1) and probability p in (0, 1], each through the point too.

    r is spaced evenly in log r/(1 − r), close where the loss bends: near 0 it leaves p/3, near 1 it
    vanishes (section 4). p is spaced evenly in log p. All are for large n_sparse. For other
    magnitudes what lies below L* is not known, and NaN; each point takes a tenth of a second, and
    there are fewer.
    """
    if not MagnitudeLaw.parse(magnitude).is_usual:
        ratios = np.union1d(1 / (1 + np.exp(-np.linspace(-4.0, 4.0, FEW_POINTS))), r)
        densities = np.union1d(np.geomspace(min(1e-3, p), 1.0, FEW_POINTS), p)
        against_r = _curves_of_law(ratios, [(float(x), p) for x in ratios], magnitude)
        against_p = _curves_of_law(densities, [(r, float(x)) for x in densities], magnitude)
        return Curves(r, p, against_r, against_p, magnitude)
    logit = np.linspace(-7.0, 5.0, POINTS)
    ratios = np.union1d(1 / (1 + np.exp(-logit)), r)
    densities = np.union1d(np.geomspace(min(LEAST_P, p / 10), 1.0, POINTS), p)
    against_r = _level_curves(ratios, p, x=ratios, end=hull(p).loss(ratios))
    against_p = _level_curves(r, densities, x=densities, end=loss_end(r, densities))
    return Curves(r, p, against_r, against_p, magnitude, structured_levels(r, p))


def _curves_of_law(
    x: Float[np.ndarray, " n"], points: list[tuple[float, float]], magnitude: str
) -> LevelCurves:
    known = [levels(r, p, magnitude) for r, p in points]
    best, line, bound, told = (
        np.array([getattr(one, name) for one in known])
        for name in ("loss", "linear", "elementwise", "oracle")
    )
    unknown = np.full(len(x), np.nan)
    return LevelCurves(x, best, line, bound, told, pairs=unknown, end=unknown)


def _level_curves(
    r: float | Float[np.ndarray, " n"],
    p: float | Float[np.ndarray, " n"],
    *,
    x: Float[np.ndarray, " n"],
    end: Float[np.ndarray, " n"],
) -> LevelCurves:
    known, told = elementwise_and_oracle(r, p)
    return LevelCurves(
        x=x,
        optimum=np.broadcast_to(optimum(r, p).loss, x.shape),
        linear=np.broadcast_to(linear(r, p), x.shape),
        elementwise=np.broadcast_to(known, x.shape),
        oracle=np.broadcast_to(told, x.shape),
        pairs=np.broadcast_to(pairs(r, p).loss, x.shape),
        end=end,
    )
