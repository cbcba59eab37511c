"""L* at high sparsity, p → 0 at fixed r (section 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rugtui.theory import gaussian
from rugtui.theory.moments import Array, checked

NEWTON_STEPS = 100
HIGHEST = np.log(37)  # φ(37) is the last that floats hold: reached at p < 1e-297


def high_sparsity(r: ArrayLike, p: ArrayLike) -> Array:
    """L* ≈ min over k of (p² (1 − r)/(3r)) [1 + k²/4 + G(k)/p], G(k) = E (z − k)₊².

    k is the threshold in units of σ. While the feature is off, the noise that passes costs G/p;
    while it is on, the error of the output is (a − 1) u − kσ, which is smallest at a = 1 + 1.5 kσ
    and costs k²σ²/4, in addition to σ². Arguments broadcast. Raises SettingError.
    """
    r, p = checked("r", r), checked("p", p)
    k = threshold(p)
    bracket = 1 + k**2 / 4 + gaussian.relu_square(-k, 1.0) / p
    return p**2 * (1 - r) / (3 * r) * bracket


def threshold(p: ArrayLike) -> Array:
    """The k of `high_sparsity`: the root of p k = 4 E (z − k)₊, which falls while p k rises.

    Newton's method on log E (z − k)₊ − log(p k/4), concave in log k, from a k that is too small.
    """
    p = checked("p", p)
    log_k = np.log(np.full(p.shape, 0.1))
    for _ in range(NEWTON_STEPS):
        k = np.exp(log_k)
        passed = gaussian.relu_mean(-k, 1.0)
        value = np.log(passed) - np.log(p) - np.log(k / 4)
        slope = -k * gaussian.ndtr(-k) / passed - 1
        step = np.clip(-value / slope, -1, 1)
        log_k = np.minimum(log_k + step, HIGHEST)
        if np.all(np.abs(step) < 1e-14):
            break
    return np.exp(log_k)


def leading_order(r: ArrayLike, p: ArrayLike) -> Array:
    """L* ≈ p² (1 − r) log(1/p)/(6r), from k² ≈ 2 log(1/p). Raises SettingError."""
    r, p = checked("r", r), checked("p", p)
    return p**2 * (1 - r) * np.log(1 / p) / (6 * r)
