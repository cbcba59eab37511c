"""Pairs of features that share a dimension: antipodal with noise from the rest, or lopsided
(section 12)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from rugtui.theory import moments
from rugtui.theory.moments import Array, checked
from rugtui.theory.optimum import optimum
from rugtui.theory.structured_row import OutputMoments, beside_one, best_loss, minimum, thresholds

HALF = 0.5
"""The ratio of two features in one dimension."""
LARGEST_S = 30.0
"""Upper end of the search for s."""
AT_ONCE = 256
"""Pairs (r, p) worked on together, so that arrays stay in the cache."""


class PairsOptimum(NamedTuple):
    """The best of pairs: floats for scalar r and p, arrays otherwise."""

    loss: float | Array
    a: float | Array
    b: float | Array
    kappa: float | Array
    """The partner's weight is −κa."""
    sigma: float | Array
    """Of the Gaussian rest."""


class Lopsided(NamedTuple):
    """Two features in one dimension, W = [[a1, −a1 s], [−a2/s, a2]]."""

    loss: float
    s: float
    a: tuple[float, float]
    b: tuple[float, float]


def pair_noise(r: Array, kappa: Array) -> Array:
    """s²/v beside a partner of weight −κa, least for rank r (two scales where r > 1/2)."""
    over = np.maximum(2 * r - 1, 1e-300)
    two_scales = (1 - kappa) ** 2 * (1 - r) / over
    one_scale = np.maximum((1 - r) / r - kappa**2, 0)
    return np.where((r > HALF) & (kappa >= (1 - r) / r), two_scales, one_scale)


def pairs(r: ArrayLike, p: ArrayLike) -> PairsOptimum:
    """L_pairs(r, p) with its a, b and κ in [0, 1]; r and p in (0, 1] broadcast. Raises
    SettingError."""
    r, p = np.broadcast_arrays(checked("r", r), checked("p", p))
    parts = range(0, r.size, AT_ONCE)
    flat = [_pairs(r.ravel()[at : at + AT_ONCE], p.ravel()[at : at + AT_ONCE]) for at in parts]
    columns = np.concatenate(flat or [np.empty((5, 0))], 1)
    return PairsOptimum(*(columns[:, 0].tolist() if r.ndim == 0 else columns.reshape(5, *r.shape)))


def _pairs(r: Float[np.ndarray, " k"], p: Float[np.ndarray, " k"]) -> Float[np.ndarray, "5 k"]:
    """Rows loss, a, b, κ, σ, from a search over κ and θ together and one over θ at κ = 1."""
    variance = moments.variance(p)
    total = np.sqrt(variance * (1 - r) / r)

    def found(theta: Array, kappa: Array, some: Array) -> OutputMoments:
        tall = (-1, *[1] * (theta.ndim - 1))
        rank, odds, var = (one[some].reshape(tall) for one in (r, p, variance))
        s = np.sqrt(var * pair_noise(rank, kappa))
        return beside_one(theta, kappa, s, odds)

    every = np.arange(len(r))
    edge = minimum(lambda theta: found(theta, np.ones(1), every), thresholds(total, p, 64), p)
    best = np.stack([edge.loss, edge.a, edge.b, np.ones_like(r)])
    short, theta = np.log(np.geomspace(1e-5, 1 - 1e-4, 16)), thresholds(total, p, 40)
    left = np.stack([best_loss(found(theta, 1 - np.exp(one), every), p[:, None]) for one in short])
    row, column = np.divmod(left.transpose(1, 0, 2).reshape(len(r), -1).argmin(-1), 40)
    inner = np.flatnonzero((row > 0) | (r > HALF))
    if len(inner):
        width = np.take_along_axis(np.gradient(theta, axis=-1), column[:, None], 1)[:, 0]
        place = np.take_along_axis(theta, column[:, None], 1)[:, 0]
        deep = _deeper(found, short[row[inner]], place[inner], width[inner], inner, p)
        lower = deep[0] < best[0, inner]
        best[:, inner[lower]] = deep[:, lower]
    alone = optimum(r, p)  # κ = 0
    symmetric = np.stack([alone.loss, alone.a, alone.b, np.zeros_like(r)])
    best = np.where(symmetric[0] < best[0], symmetric, best)
    sigma = best[1] * np.sqrt(variance * pair_noise(r, best[3]))
    return np.concatenate([best, sigma[None]])


def _deeper(
    found: Callable[..., OutputMoments],
    short: Array,
    theta: Array,
    width: Array,
    some: Array,
    p: Array,
) -> Float[np.ndarray, "4 k"]:
    """Rows loss, a, b, κ at the minimum over log(1 − κ) and θ near these, on ever finer grids."""
    every, steps = np.arange(len(some)), np.linspace(-1, 1, 9)
    tall, wide = np.full(len(some), 1.2), 2 * width
    for _ in range(22):
        shorts = np.minimum(short[:, None] + tall[:, None] * steps, -1e-4)
        thetas = theta[:, None] + wide[:, None] * steps
        signal, square = (
            one.reshape(len(some), -1)
            for one in found(thetas[:, None, :], 1 - np.exp(shorts)[:, :, None], some)
        )
        left = best_loss((signal, square), p[some][:, None])
        at = left.argmin(-1)
        row, column = np.divmod(at, len(steps))
        short, theta = shorts[every, row], thetas[every, column]
        # A minimum at the edge of the grid moves the grid without refining it.
        tall = np.where((row > 0) & (row < 8), 0.5, 1.0) * tall
        wide = np.where((column > 0) & (column < 8), 0.5, 1.0) * wide
    signal, square = (one[:, 0] for one in found(theta[:, None], 1 - np.exp(short)[:, None], some))
    a, loss = signal / np.maximum(square, 1e-300), best_loss((signal, square), p[some])
    return np.stack([np.maximum(loss, 0), a, -a * theta, 1 - np.exp(short)])


@lru_cache(maxsize=256)
def lopsided(p: float) -> Lopsided:
    """The best two features in one dimension, all six numbers of them free.

    Row i of W = W_out W_in is v_i (u_1, u_2): the partner's weight relative to the row's own is
    u_2/u_1 in one row and u_1/u_2 in the other, and v_i and b_i are each row's own. So with l(κ)
    the least loss of a row beside a partner of weight −κ, L = min over s of [l(s) + l(1/s)]/2.
    """
    odds = np.asarray(float(checked("p", p)))

    def rows(s: Array) -> Float[np.ndarray, "3 2 k"]:
        """Loss, a and b of the first row, and of the second."""
        kappa = np.concatenate([s, 1 / s])
        best = minimum(
            lambda theta: beside_one(theta, kappa[:, None], np.zeros(1), odds),
            np.broadcast_to(thresholds(0.3 * kappa, odds, 64), (len(kappa), 64)),
            np.broadcast_to(odds, kappa.shape),
        )
        return np.stack(best).reshape(3, 2, -1)

    logs = np.linspace(0, math.log(LARGEST_S), 25)
    for _ in range(6):
        at = int(np.argmin(rows(np.exp(logs))[0].sum(0)))
        logs = np.linspace(logs[max(at - 1, 0)], logs[min(at + 1, 24)], 25)
    s = np.exp(logs[12:13])
    losses, a, b = rows(s)[..., 0].tolist()
    return Lopsided(sum(losses) / 2, float(s[0]), tuple(a), tuple(b))
