"""L*(r, p): the best symmetric model, by one scalar equation (section 4).

With the least noise, σ = κ a for κ² = v (1 − r)/r, and b = −a θ, the output is a g where

    g = ReLU(x + κz − θ)

does not depend on a. The loss p/3 − 2 a E[x g] + a² E[g²] is a parabola in a, so a = E[x g]/E[g²],
and only the threshold θ is left: d loss/dθ = 2 a N(θ) with N(θ) = E[(x − a g); g > 0]. `optimum`
scans θ in closed form for all places where N becomes positive, so that it cannot converge to the
wrong minimum, refines each by Newton's method on integrals without cancellation, and takes the
lowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rugtui.theory import gaussian, moments
from rugtui.theory.moments import Array

SCAN_BELOW, SCAN_ABOVE = 32, 48  # places of the scan at θ < 0, and from θ = 0 on
HIGHEST = 12.0  # θ/κ of the highest threshold searched, unless p is so small that k exceeds it
QUIET = 1e-11  # κ below which the high-sparsity form, wrong by O(kκ), has more digits than 1 − a
CHUNK = 1024  # pairs (r, p) worked on together, so that arrays stay in the cache
NEWTON_STEPS = 60  # bisection alone would need 45 from a cell of the scan
LARGEST_LOG_K = np.log(37)  # φ(37) is the last that floats hold: reached at p < 1e-297


@dataclass(frozen=True)
class Optimum:
    """The best symmetric model at (r, p): floats for scalar r and p, arrays otherwise."""

    loss: float | Array
    """L*, per feature. A prediction for symmetric models, not a limit on all models (section 8)."""
    a: float | Array
    """W_ii."""
    b: float | Array
    """Bias including the mean of the interference: b_i + μ_i of section 2."""
    sigma: float | Array
    """Standard deviation of the interference."""


def optimum(r: ArrayLike, p: ArrayLike) -> Optimum:
    """The best symmetric model for ratio r and probability p, both in (0, 1]; they broadcast.
    Raises SettingError. Scalar calls are remembered."""
    if isinstance(r, float) and isinstance(p, float):
        return _remembered(r, p)
    r, p = np.broadcast_arrays(moments.checked("r", r), moments.checked("p", p))
    flat = np.concatenate(
        [
            _solve(r.flat[start : start + CHUNK], p.flat[start : start + CHUNK])
            for start in range(0, r.size, CHUNK)
        ]
        or [np.empty((0, 4))]
    )
    if r.ndim == 0:
        return Optimum(*flat[0].tolist())
    return Optimum(*flat.T.reshape(4, *r.shape))


@lru_cache(maxsize=4096)
def _remembered(r: float, p: float) -> Optimum:
    return optimum(np.asarray(r), np.asarray(p))


def _solve(r: Float[np.ndarray, " k"], p: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k 4"]:
    """Rows (loss, a, b, σ)."""
    kappa, k = moments.noise(1.0, r, p), threshold(p)
    # Without noise (r = 1), or almost without, the limit of section 4 is exact.
    found = np.stack([high_sparsity(r, p), 1 + 1.5 * k * kappa, -k * kappa, kappa], -1)
    noisy = np.flatnonzero(kappa > QUIET)
    if not len(noisy):
        return found
    kappa, p = kappa[noisy], p[noisy]
    which, low, high = _brackets(kappa, p)
    theta, a = _polish(low, high, kappa[which], p[which])
    sigma = kappa[which] * a
    loss = gaussian.loss(a, -a * theta, sigma, p[which])
    # for each pair keep the lowest candidate, which is written last
    order = np.argsort(-loss)
    found[noisy[which[order]]] = np.stack([loss, a, -a * theta, sigma], -1)[order]
    return found


def _brackets(kappa: Array, p: Array) -> tuple[np.ndarray, Array, Array]:
    """The cells of the scan in which N becomes positive: index of the pair, low θ and high θ."""
    linear = (p / 2) * kappa / moments.variance(p)  # −θ/κ of the best linear model
    lowest = np.maximum(10, 2 * linear + 10)[:, None]
    below = -(np.linspace(1, 0, SCAN_BELOW, endpoint=False) ** 2)
    # Above θ = 1 + 3κ hardly any signal is left and the loss is p/3.
    highest = np.minimum(np.maximum(HIGHEST, threshold(p) + 2), 1 / kappa + 3)[:, None]
    k = np.concatenate([lowest * below, highest * np.linspace(0, 1, SCAN_ABOVE)], -1)
    slope = np.empty_like(k)
    wide = kappa > 1
    # For κ > 1 the noise changes little over u: 12 nodes resolve it.
    u, weight = gaussian.panel_nodes(np.array([0.0, 1.0]), 12)
    scale = kappa[wide, None]
    slope[wide] = _newton(k[wide] * scale, scale, p[wide, None], u, weight)[0]
    slope[~wide] = _slope_closed(k[~wide], kappa[~wide, None], p[~wide, None])
    pair, cell = np.nonzero((slope[:, :-1] < 0) & (slope[:, 1:] >= 0))
    scale = kappa[pair]
    return pair, scale * k[pair, cell], scale * k[pair, cell + 1]


def _slope_closed(k: Array, kappa: Array, p: Array) -> Array:
    """N in units of κ at θ = kκ, from antiderivatives; for κ ≤ 1, where they cancel little.

    In units of κ the signal runs over [0, T], T = 1/κ, and with H_n(t) = E (t + z)₊ⁿ/n! (H_n' =
    H_{n−1}) every integral is a difference of H_n between t0 = −k and t1 = T − k. a is close to 1
    when κ is small, so 1 − a = E[g² − x g]/E[g²] is formed first.
    """
    t0, t1, length = -k, 1 / kappa - k, 1 / kappa
    low, high = _family(t0), _family(t1)
    d0, d1, d2, d3 = (upper - lower for upper, lower in zip(high, low, strict=True))
    on, off = p / length, 1 - p
    square = off * 2 * low[2] + 2 * on * d3
    rest = (off * 2 * low[2] + on * (t0 * d2 + d1)) / square  # 1 − a
    a = 1 - rest
    signal = length * high[1] - d2
    return on * (rest * signal - a * t0 * d1 - a * d0) - off * a * low[1]


def _family(t: Array) -> tuple[Array, Array, Array, Array]:
    """H_0 … H_3."""
    passes, peak = ndtr(t), gaussian.density(t)
    return (
        passes,
        t * passes + peak,
        ((1 + t * t) * passes + t * peak) / 2,
        ((t * t + 3) * t * passes + (t * t + 2) * peak) / 6,
    )


def _newton(
    theta: Array, kappa: Array, p: Array, u: Array, weight: Array
) -> tuple[Array, Array, Array]:
    """N, dN/dθ and a at θ, integrated over u with these nodes (last axis)."""
    theta, s = theta[..., None], np.asarray(kappa)[..., None]
    m = u - theta
    t = m / s
    passes, peak = ndtr(t), gaussian.density(t)
    first = m * passes + s * peak  # R1(m; κ)
    off, on = 1 - p, p
    bare = -theta[..., 0]

    def mean(values: Array) -> Array:
        return on * (values * weight).sum(-1)

    silent = off * gaussian.relu_mean(bare, kappa)
    output = silent + mean(first)  # E g
    square = off * gaussian.relu_square(bare, kappa) + mean((m * m + s * s) * passes + m * s * peak)
    a = mean(u * first) / square
    gain = a[..., None]
    value = mean((u - gain * m) * passes - gain * s * peak) - a * silent
    opened = off * ndtr(bare / kappa) + mean(passes)
    signal = mean(u * passes)  # E[x; g > 0]
    a_slope = (2 * a * output - signal) / square
    slope = -mean(u * peak / s) + a * opened - a_slope * output
    return value, slope, a


def _polish(low: Array, high: Array, kappa: Array, p: Array) -> tuple[Array, Array]:
    """θ and a at the root of N between low and high: Newton, halving where it leaves them."""
    theta, gain = (low + high) / 2, np.zeros_like(low)
    active = np.arange(len(low))
    for _ in range(NEWTON_STEPS):
        at, scale, odds = theta[active], kappa[active], p[active]
        u, weight = gaussian.nodes(np.ones_like(at), -at, scale)
        value, slope, a = _newton(at, scale, odds, u, weight)
        gain[active] = a
        low[active] = np.where(value < 0, at, low[active])
        high[active] = np.where(value < 0, high[active], at)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = at - value / slope
        inside = (new >= low[active]) & (new <= high[active])
        new = np.where(inside, new, (low[active] + high[active]) / 2)
        theta[active] = new
        active = active[np.abs(new - at) > 1e-14 * (scale + np.abs(at))]
        if not len(active):
            break
    return theta, gain


def high_sparsity(r: ArrayLike, p: ArrayLike) -> Array:
    """L* ≈ min over k of (p² (1 − r)/(3r)) [1 + k²/4 + G(k)/p], G(k) = E (z − k)₊².

    The limit p → 0 at fixed r, with the threshold k in units of σ. While the feature is off, the
    noise that passes costs G/p; while it is on, the error of the output is (a − 1) u − kσ, which is
    smallest at a = 1 + 1.5 kσ and costs k²σ²/4, in addition to σ². Arguments broadcast. Raises
    SettingError.
    """
    r, p = moments.checked("r", r), moments.checked("p", p)
    k = threshold(p)
    bracket = 1 + k**2 / 4 + gaussian.relu_square(-k, 1.0) / p
    return p**2 * (1 - r) / (3 * r) * bracket


def threshold(p: ArrayLike) -> Array:
    """The k of `high_sparsity`: the root of p k = 4 E (z − k)₊, which falls while p k rises.
    Newton's method on log E (z − k)₊ − log(p k/4), concave in log k, from a k that is too small."""
    p = moments.checked("p", p)
    log_k = np.log(np.full(p.shape, 0.1))
    for _ in range(100):
        k = np.exp(log_k)
        passed = gaussian.relu_mean(-k, 1.0)
        value = np.log(passed) - np.log(p) - np.log(k / 4)
        slope = -k * ndtr(-k) / passed - 1
        step = np.clip(-value / slope, -1, 1)
        log_k = np.minimum(log_k + step, LARGEST_LOG_K)
        if np.all(np.abs(step) < 1e-14):
            break
    return np.exp(log_k)


def leading_order(r: ArrayLike, p: ArrayLike) -> Array:
    """L* ≈ p² (1 − r) log(1/p)/(6r), from k² ≈ 2 log(1/p). Raises SettingError."""
    r, p = moments.checked("r", r), moments.checked("p", p)
    return p**2 * (1 - r) * np.log(1 / p) / (6 * r)
