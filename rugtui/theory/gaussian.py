"""The loss of one output whose interference is Gaussian, in closed form (section 3).

With z ~ N(0, 1), t = m/σ, φ and Φ the normal density and distribution, a rectified Gaussian has

    R1(m) = E ReLU(m + σz)  = σ [t Φ(t) + φ(t)]
    R2(m) = E ReLU(m + σz)² = σ² [(1 + t²) Φ(t) + t φ(t)]

Both are differences of nearly equal numbers for t ≪ 0, where they determine how much noise passes a
threshold. There, with k = −t, they are φ(k) times I_1 and 2 I_2 of a family of integrals with
I_{n−1} = k I_n + (n + 1) I_{n+1} and I_{−1} = 1; the ratios I_n/I_{n−1} = 1/(k + (n + 1)
I_{n+1}/I_n) lose no digits.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rugtui.theory.moments import Array

TINY = 1e-300  # stands for σ = 0: m/TINY is ±inf or 0, and σ φ is 0
TAIL = -3.0  # below this t the recurrence takes over
DEPTH = 60  # its length: the ratios at t = TAIL are then exact to the last digit
REACH = 8.5  # |t| at which 1 − Φ(t) < 1e-17: beyond it the rectifier is all on or all off
FAR = 40.0  # φ(40) underflows
ROOT = np.sqrt(2 * np.pi)


def relu_mean(m: ArrayLike, sigma: ArrayLike) -> Array:
    """R1(m) = E ReLU(m + σz), σ ≥ 0."""
    m, sigma = np.broadcast_arrays(np.asarray(m, float), np.asarray(sigma, float))
    return _noisy(m, sigma, np.maximum(m, 0), 1)


def relu_square(m: ArrayLike, sigma: ArrayLike) -> Array:
    """R2(m) = E ReLU(m + σz)², σ ≥ 0."""
    m, sigma = np.broadcast_arrays(np.asarray(m, float), np.asarray(sigma, float))
    return _noisy(m, sigma, np.where(m > 0, m * m + sigma * sigma, 0), 2)


def loss(a: ArrayLike, b: ArrayLike, sigma: ArrayLike, p: ArrayLike) -> Array:
    """E (x − ReLU(a x + b + σz))² for a feature x of probability p; arguments broadcast.

    `b` includes the mean of the interference. (1 − p) R2(b) is what noise costs while the
    feature is off; the rest is what the output misses while it is on.
    """
    a, b, sigma, p = _broadcast(a, b, sigma, p)
    u, weight = nodes(a, b, sigma)
    a, b, s = a[..., None], b[..., None], sigma[..., None]
    off_by = (a - 1) * u + b  # m − u, whose digits a u would hide where a ≈ 1
    m = u + off_by
    t = _ratio(m, s)
    # E (u − ReLU)² with the halves z < −t (nothing passes) and z > −t (all passes) kept apart:
    # writing it as u² − 2u R1 + R2 would lose all digits for σ → 0.
    on = u**2 * ndtr(-t) + (off_by**2 + s**2) * ndtr(t) + s * density(t) * (off_by - u)
    return (1 - p) * relu_square(b[..., 0], sigma) + p * (on * weight).sum(-1)


def loss_gradient(
    a: ArrayLike, b: ArrayLike, sigma: ArrayLike, p: ArrayLike
) -> tuple[Array, Array, Array]:
    """(∂/∂a, ∂/∂b, ∂/∂σ) of `loss`. From ∂R1/∂m = Φ, ∂R2/∂m = 2 R1, ∂R1/∂σ = φ, ∂R2/∂σ = 2σ Φ: the
    cost at u has ∂/∂m = 2 R1 − 2u Φ = 2 [(m − u) Φ + σφ] and ∂/∂σ = 2σΦ − 2uφ."""
    a, b, sigma, p = _broadcast(a, b, sigma, p)
    u, weight = nodes(a, b, sigma)
    s = sigma[..., None]
    m = a[..., None] * u + b[..., None]
    t = _ratio(m, s)
    passes, peak = ndtr(t), density(t)
    by_m = 2 * ((m - u) * passes + s * peak) * weight
    by_sigma = 2 * (s * passes - u * peak) * weight
    off = 1 - p
    return (
        p * (u * by_m).sum(-1),
        off * 2 * relu_mean(b, sigma) + p * by_m.sum(-1),
        off * 2 * sigma * ndtr(_ratio(b, sigma)) + p * by_sigma.sum(-1),
    )


def nodes(a: Array, b: Array, sigma: Array) -> tuple[Array, Array]:
    """Nodes and weights, in a new last axis, for integrals over u in [0, 1] of an f(a u + b).

    A function of the rectified a u + b + σz is a polynomial in u outside −b/a ± REACH σ/|a| and
    smooth on the scale σ/|a| inside, so few Gauss–Legendre nodes serve on each side of the kink.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kink = np.nan_to_num(-b / a)
        reach = np.nan_to_num(REACH * sigma / np.abs(a))
        inner = np.clip(np.stack([kink - reach, kink, kink + reach], -1), 0, 1)
    edge = np.concatenate(
        [np.zeros_like(kink)[..., None], inner, np.ones_like(kink)[..., None]], -1
    )
    left, width = edge[..., :-1], np.diff(edge)
    u = left[..., _PANEL] + width[..., _PANEL] * _UNIT
    return u, width[..., _PANEL] * _WEIGHT


def panel_nodes(edges: Float[np.ndarray, "*k m"], order: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights, `order` on each panel between neighbouring edges."""
    x, w = np.polynomial.legendre.leggauss(order)
    left, width = edges[..., :-1, None], np.diff(edges)[..., None]
    shape = (*edges.shape[:-1], -1)
    return (left + width * (x + 1) / 2).reshape(shape), (width * w / 2).reshape(shape)


def density(t: Array) -> Array:
    """φ(t)."""
    with np.errstate(over="ignore"):
        return np.exp(-0.5 * t * t) / ROOT


def _legendre() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Panel, place in [0, 1] and weight of each node of `nodes`."""
    sizes = (3, 24, 24, 3)
    rules = [np.polynomial.legendre.leggauss(size) for size in sizes]
    return (
        np.repeat(np.arange(len(sizes)), sizes),
        np.concatenate([(x + 1) / 2 for x, _ in rules]),
        np.concatenate([w / 2 for _, w in rules]),
    )


_PANEL, _UNIT, _WEIGHT = _legendre()


def _ratio(m: Array, sigma: Array) -> Array:
    with np.errstate(over="ignore"):
        return m / np.maximum(sigma, TINY)


def _noisy(m: Array, sigma: Array, silent: Array, power: int) -> Array:
    """σⁿ E (t + z)₊ⁿ for n = `power`, or `silent`, its limit, where the rectifier sees no noise."""
    t = _ratio(m, sigma)
    loud = np.abs(t) < FAR
    value = sigma**power * _rectified(np.where(loud, t, 0.0))[power - 1]
    return np.where(loud, value, silent)


def _rectified(t: Array) -> tuple[Array, Array]:
    """E (t + z)₊ and E (t + z)₊², each to full relative precision."""
    passes, peak = ndtr(t), density(t)
    first = np.asarray(t * passes + peak)
    second = np.asarray((1 + t * t) * passes + t * peak)
    low = t < TAIL
    if low.any():
        k = -t[low]
        ratio = np.zeros_like(k)
        for n in range(DEPTH, 2, -1):
            ratio = 1 / (k + (n + 1) * ratio)
        two = 1 / (k + 3 * ratio)
        one = 1 / (k + 2 * two)
        zero = 1 / (k + one)
        first[low] = peak[low] * zero * one
        second[low] = 2 * first[low] * two
    return first, second


def _broadcast(*values: ArrayLike) -> list[Array]:
    return list(np.broadcast_arrays(*(np.asarray(value, float) for value in values)))
