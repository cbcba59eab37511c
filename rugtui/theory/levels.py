"""Every line of theory at one (r, p), together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rugtui.theory.bounds import elementwise, linear, oracle
from rugtui.theory.optimum import optimum
from rugtui.theory.sparse_limit import high_sparsity


@dataclass(frozen=True, slots=True)
class Levels:
    """Losses per feature that theory names at (r, p), and where the symmetric optimum lies.

    Not one of them bounds a trained loss from below but the last two, and those hold for the
    symmetric pre-activation alone (section 8).
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
def levels(r: float, p: float) -> Levels:
    """The lines of sections 4 and 5 at ratio r in (0, 1] and probability p in (0, 1].

    Raises SettingError where r or p is outside.
    """
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
