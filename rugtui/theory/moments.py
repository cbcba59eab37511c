"""The variance of a feature, and the noise that rank n_dense forces on each row (sections 1, 4).

A feature is x = c u with c ~ Bernoulli(p) and u ~ Uniform[0, 1], so E xᵏ = p/(k + 1): E x = p/2, E
x² = p/3.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from rugtui.errors import SettingError

Array = Float[np.ndarray, "..."]


def variance(p: ArrayLike) -> Array:
    """v = Var x = p/3 − p²/4."""
    p = np.asarray(p, float)
    return p * (1 / 3 - p / 4)


def noise(a: ArrayLike, r: ArrayLike, p: ArrayLike) -> Array:
    """σ = a √(v (1 − r)/r): the least interference beside a diagonal a at ratio r (section 4)."""
    r = np.asarray(r, float)
    return np.asarray(a, float) * np.sqrt(variance(p) * (1 - r) / r)


def checked(name: str, value: ArrayLike) -> Array:
    """`value` as floats, all in (0, 1], which both r and p must be. Raises SettingError."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        raise SettingError(name, "a number above 0 and at most 1", repr(value)) from None
    bad = ~((array > 0) & (array <= 1))
    if bad.any():
        raise SettingError(name, "a number above 0 and at most 1", f"{array[bad].flat[0]:g}")
    return array
