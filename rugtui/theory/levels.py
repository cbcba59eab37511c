"""All theoretical losses at one (r, p)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from rugtui.theory import hull, magnitudes
from rugtui.theory.bounds import elementwise, linear, oracle
from rugtui.theory.magnitudes import Magnitude
from rugtui.theory.optimum import optimum
from rugtui.theory.pairs import pairs
from rugtui.theory.priority import lowest
from rugtui.theory.sparse_limit import high_sparsity


@dataclass(frozen=True, slots=True)
class Levels:
    """Theoretical losses per feature at (r, p), and the a, b and σ of the symmetric optimum.

    None is a lower bound on a trained loss, except the last two for symmetric pre-activations
    (section 8).
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

    `high_sparsity` is known for the usual magnitudes alone, and NaN for others. Raises SettingError
    where r or p is outside, or there is no such law of magnitudes.
    """
    law = Magnitude.parse(magnitude)
    if not law.is_usual:
        best = magnitudes.optimum(r, p, law)
        known = magnitudes.elementwise_and_oracle(r, p, law)
        of_law = best.loss, best.a, best.b, best.sigma, math.nan, magnitudes.linear(r, p, law)
        return Levels(r, p, *(float(one) for one in (*of_law, *known)))
    best = optimum(r, p)
    return Levels(
        r=r,
        p=p,
        loss=float(best.loss),
        a=float(best.a),
        b=float(best.b),
        sigma=float(best.sigma),
        high_sparsity=float(high_sparsity(r, p)),
        linear=float(linear(r, p)),
        elementwise=float(elementwise(r, p)),
        oracle=float(oracle(r, p)),
    )


@dataclass(frozen=True, slots=True)
class StructuredLevels:
    """Levels below L* at (r, p): the paired optimum, and where training ends (section 12)."""

    r: float
    p: float
    loss_pairs: float
    a_pairs: float
    b_pairs: float
    kappa_pairs: float
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
    paired = pairs(r, p)
    size = None if n_sparse is None else hull.size_that_matters(n_sparse, p)
    known = hull.hull(p, size)
    return StructuredLevels(
        r=r,
        p=p,
        loss_pairs=float(paired.loss),
        a_pairs=float(paired.a),
        b_pairs=float(paired.b),
        kappa_pairs=float(paired.kappa),
        loss_end=float(known.loss(r)),
        loss_lowest=float(lowest(p, size).loss(r)),
        phases=known.phases(r),
    )
