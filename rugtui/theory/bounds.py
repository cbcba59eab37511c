"""The lowest loss that other decoders of the same pre-activation can reach (section 5).

One feature is seen as y = x + s z, s² = v (1 − r)/r: the noise per unit of signal that rank n_dense
forces. Every loss is an average of posterior variances, all terms positive, so none is the
difference of E x² and a second moment that is nearly as large.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from rugtui.theory import moments
from rugtui.theory.gaussian import density, panel_nodes
from rugtui.theory.moments import Array, checked

REACH = 9.0  # y/s beyond which a feature that is on has density below e^−40
THRESHOLD = 14.0  # y/s up to which the posterior is uncertain whether the feature is on
ORDER = 16  # nodes on each panel
WIDE = 3.0  # width of the panels where only the end of the signal matters
INNER = 24  # nodes over the signal
LOUD = 0.3  # s above which moments of the posterior are integrated, not differenced
CHUNK = 128  # pairs worked on together, so that arrays stay in the cache

Given = tuple[Array, Array, Array]


def linear(r: ArrayLike, p: ArrayLike) -> Array:
    """(1 − r) v: the best linear decoder with a bias. Raises SettingError."""
    return (1 - checked("r", r)) * moments.variance(checked("p", p))


def elementwise_and_oracle(r: ArrayLike, p: ArrayLike) -> tuple[Array, Array]:
    """E Var(x | y), the loss of the posterior mean of x, the best estimate from y alone; and
    p E Var(u | u + s z), its loss if an oracle also says which features are active.

    Raises SettingError.
    """
    r, p = np.broadcast_arrays(checked("r", r), checked("p", p))
    s, p = moments.noise(1.0, r, p).ravel(), p.ravel()
    found = np.zeros((2, s.size))  # without noise nothing is lost
    # Pairs with similar s have their panels in the same places.
    order = np.argsort(s, kind="stable")
    quiet, loud = np.searchsorted(s[order], [0.0, LOUD], side="right")
    for part, moments_of in ((order[quiet:loud], _truncated), (order[loud:], _integrated)):
        for start in range(0, len(part), CHUNK):
            these = part[start : start + CHUNK]
            found[:, these] = _posterior_losses(s[these, None], p[these, None], moments_of)
    return found[0].reshape(r.shape), found[1].reshape(r.shape)


def _posterior_losses(s: Array, p: Array, moments_of: Callable[..., Given]) -> Array:
    """Rows (elementwise, oracle) for columns s > 0 and p.

    M(y) is the density of u + s z; given y and that the feature is on, u has mean m and variance V;
    it is on with probability π = p M/f, f = p M + (1 − p) φ(y/s)/s. Then

        Var(x | y) = π V + π (1 − π) m²       (how it varies while on; whether it is on)

    so that the losses are p ∫ M [V + (1 − π) m²] dy and p ∫ M V dy.
    """
    t, weight = _nodes(1 / s)
    peak = density(t)
    seen, mean, spread = moments_of(t, s, peak)
    off = (1 - p) / s * peak
    silent = off / np.maximum(off + p * seen, np.finfo(float).tiny)
    weight *= s * seen
    oracle = p[:, 0] * (weight * spread).sum(-1)
    return np.stack([oracle + p[:, 0] * (weight * silent * mean**2).sum(-1), oracle])


def _nodes(length: Array) -> tuple[Array, Array]:
    """Gauss–Legendre nodes t = y/s and weights over −REACH … length + REACH, length = 1/s.

    Panels of width 1 near 0, where the probability that the feature is on may change within a
    fraction of that; of width WIDE near `length`; and one in between. Panels that are empty in
    every row are omitted.
    """
    end = length + REACH
    lower = np.minimum(np.arange(-REACH, THRESHOLD + 1), end)
    upper = length + np.arange(-REACH, REACH + 1, WIDE)
    upper = np.maximum(upper, np.minimum(THRESHOLD, end))
    edges = np.concatenate([lower, upper], -1)
    return panel_nodes(edges[:, np.append(True, (np.diff(edges) > 0).any(0))], ORDER)


def _truncated(t: Array, s: Array, peak: Array) -> Given:
    """M, m and V of `_posterior_losses` at y = s t; `peak` is φ(t). They belong to a normal of mean
    y and deviation s, cut to [0, 1]: for noise narrower than that."""
    low, high = -t, 1 / s - t
    # Φ(high) − Φ(low), from the side where both are small
    flip = low > 0
    mass = ndtr(np.where(flip, -low, high)) - ndtr(np.where(flip, -high, low))
    mass = np.maximum(mass, np.finfo(float).tiny)
    last = density(high)
    shift = (peak - last) / mass
    spread = 1 + (low * peak - high * last) / mass - shift**2
    return mass, s * (t + shift), s * s * np.maximum(spread, 0)


def _integrated(t: Array, s: Array, peak: Array) -> Given:
    """The same by quadrature over u, for noise so wide that differences of Φ cancel."""
    u, w = panel_nodes(np.array([0.0, 1.0]), INNER)
    joint = density(t[..., None] - u / s[..., None])
    joint *= w / s[..., None]
    mass = np.maximum(joint.sum(-1), np.finfo(float).tiny)
    mean = joint @ u / mass
    spread = (joint * (u - mean[..., None]) ** 2).sum(-1) / mass
    return mass, mean, spread
