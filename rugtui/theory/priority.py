"""Features that share a plane in an order of priority, and the lowest loss known (section 12).

Of k features in two dimensions the first has the largest weights in W_in and the smallest in W_out,
each next one smaller and larger by a factor s: W_ij is a cosine times s^(i−j). Row i is turned so
that every feature before it contributes something negative, or nothing. For s → ∞ features after it
contribute nothing either, and any of B_i features before it silences it. An active feature is
reconstructed exactly unless one of these is on, so that

    L = p/3 · (1 − mean over i of (1 − p)^B_i).

Directions at rising angles in a half-plane, each row at right angles to the direction before its
own, have B = 0, 0, 1, 2, …, k − 3; one more on the other side is at right angles to two, and has
k − 3 as well. Nothing in a plane has fewer: what does not silence a row lies on the line at right
angles to it, which holds two features at most, and two only for the last.

Features that do not silence each other, either way, are at most n_dense at a time (W is the
identity on them). By Turán's theorem at least n_sparse (1/r − 1)/2 couples do, where these planes
have n_sparse (1/r − 3/2): as p → 0 nothing of this kind is better by more than a factor of two.
"""

from __future__ import annotations

from functools import lru_cache

from rugtui.theory.hull import Hull, hull, lower
from rugtui.theory.structures import Structure, priority_loss

MOST = 64
"""Largest number of features in a plane: with more, abandoning some is better, or r is tiny."""


@lru_cache(maxsize=64)
def lowest(p: float, n_sparse: int | None = None) -> Hull:
    """The lower hull over r of all known structures, whether training finds them or not.

    It is never above `hull`, and the same from r = 1/2 on. Raises SettingError.
    """
    known = hull(p, n_sparse)
    points = list(zip(known.ratios.tolist(), known.losses.tolist(), known.structures, strict=True))
    planes = (Structure("priority", k) for k in range(5, MOST + 1))
    points += [(2 / one.size, priority_loss(one.size, p), one) for one in planes]
    return lower(p, points)
