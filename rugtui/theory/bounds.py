"""What other decoders of the same pre-activation could do at most (section 5).

One feature is seen as y = x + s z, s² = v (1 − r)/r: the noise per unit of signal that rank n_dense
forces. Every loss is an average of posterior variances, all terms positive, so none is the
difference of E x² and a second moment that is nearly as large.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rugtui.theory import moments
from rugtui.theory.gaussian import density
from rugtui.theory.moments import Array, checked

REACH = 9.0  # y/s beyond which a feature that is on has density below e^−40
THRESHOLD = 14.0  # y/s up to which the posterior may still doubt that the feature is on
ORDER = 16  # nodes on each panel of width s
LOUD = 0.3  # s above which moments of the posterior are integrated, not differenced
CHUNK = 512


def linear(r: ArrayLike, p: ArrayLike) -> Array:
    """(1 − r) v: the best linear decoder with a bias. Raises SettingError."""
    return (1 - checked("r", r)) * moments.variance(checked("p", p))


def elementwise(r: ArrayLike, p: ArrayLike) -> Array:
    """E Var(x | y): the posterior mean of x. Nothing that sees y alone does better.

    Raises SettingError. Scalar calls are remembered.
    """
    return _either(r, p, 0)


def oracle(r: ArrayLike, p: ArrayLike) -> Array:
    """p E Var(u | u + s z): an oracle says which features are on, the rest is the posterior mean.

    Raises SettingError. Scalar calls are remembered.
    """
    return _either(r, p, 1)


def _either(r: ArrayLike, p: ArrayLike, which: int) -> Array:
    if isinstance(r, float) and isinstance(p, float):
        return np.asarray(_remembered(r, p)[which])
    r, p = np.broadcast_arrays(checked("r", r), checked("p", p))
    found = np.empty((2, r.size))
    for start in range(0, r.size, CHUNK):
        part = slice(start, start + CHUNK)
        found[:, part] = _posterior_losses(r.flat[part], p.flat[part])
    return found[which].reshape(r.shape)


@lru_cache(maxsize=4096)
def _remembered(r: float, p: float) -> tuple[float, float]:
    both = _posterior_losses(checked("r", r)[None], checked("p", p)[None])
    return float(both[0, 0]), float(both[1, 0])


def _posterior_losses(r: Array, p: Array) -> Array:
    """Rows (elementwise, oracle) for vectors r and p.

    M(y) is the density of u + s z; given y and that the feature is on, u has mean m and variance V;
    it is on with probability π = p M/f, f = p M + (1 − p) φ(y/s)/s. Then

        Var(x | y) = π V + π (1 − π) m²       (does it vary while on; is it on at all)

    so that the losses are p ∫ M [V + (1 − π) m²] dy and p ∫ M V dy.
    """
    s = moments.noise(1.0, r, p)
    found = np.zeros((2, len(s)))
    noisy = s > 0
    if not noisy.any():
        return found
    s, p = s[noisy, None], p[noisy, None]
    t, weight = _nodes(1 / s)
    seen, mean, spread = _given_on(t, s)
    off = (1 - p) * density(t) / s
    silent = off / np.maximum(off + p * seen, np.finfo(float).tiny)
    weight = weight * s * seen
    found[1, noisy] = p[:, 0] * (weight * spread).sum(-1)
    found[0, noisy] = found[1, noisy] + p[:, 0] * (weight * silent * mean**2).sum(-1)
    return found


def _nodes(length: Array) -> tuple[Array, Array]:
    """Gauss–Legendre nodes t = y/s and weights over −REACH … length + REACH, length = 1/s.

    Panels of width 1 where something happens, near 0 and near `length`, and one in between.
    """
    end = length + REACH
    lower = np.minimum(np.arange(-REACH, THRESHOLD + 1), end)
    upper = np.maximum(length + np.arange(-REACH, REACH + 1), np.minimum(THRESHOLD, end))
    edge = np.concatenate([lower, upper], -1)
    left, width = edge[:, :-1, None], np.diff(edge)[..., None]
    x, w = np.polynomial.legendre.leggauss(ORDER)
    nodes, weights = left + width * (x + 1) / 2, width * w / 2
    return nodes.reshape(len(length), -1), weights.reshape(len(length), -1)


def _given_on(t: Array, s: Array) -> tuple[Array, Array, Array]:
    """M, m and V of `_posterior_losses` at y = s t."""
    seen, mean, spread = (np.empty(t.shape) for _ in range(3))
    loud = s[:, 0] > LOUD
    for rows, moments_of in ((loud, _integrated), (~loud, _truncated)):
        if rows.any():
            seen[rows], mean[rows], spread[rows] = moments_of(t[rows], s[rows])
    return seen, mean, spread


def _truncated(t: Array, s: Array) -> tuple[Array, Array, Array]:
    """A normal of mean y and deviation s, cut to [0, 1]: for noise narrower than the interval."""
    low, high = -t, 1 / s - t
    # Φ(high) − Φ(low), from the side where both are small
    flip = low > 0
    mass = np.where(flip, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    mass = np.maximum(mass, np.finfo(float).tiny)
    first, last = density(low), density(high)
    shift = (first - last) / mass
    spread = 1 + (low * first - high * last) / mass - shift**2
    return mass, s * (t + shift), s * s * np.maximum(spread, 0)


def _integrated(t: Array, s: Array) -> tuple[Array, Array, Array]:
    """The same by quadrature over u, for noise so wide that differences of Φ cancel."""
    x, w = np.polynomial.legendre.leggauss(24)
    u, w = (x + 1) / 2, w / 2
    joint = density(t[..., None] - u / s[..., None]) * w / s[..., None]
    mass = np.maximum(joint.sum(-1), np.finfo(float).tiny)
    mean = (joint * u).sum(-1) / mass
    spread = (joint * (u - mean[..., None]) ** 2).sum(-1) / mass
    return mass, mean, spread
