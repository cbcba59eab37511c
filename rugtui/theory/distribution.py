"""The distribution of the interference compared with a Gaussian (sections 7 and 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtr

from rugtui.theory.interference import Interference, Source
from rugtui.theory.moments import checked
from rugtui.theory.series import PERIOD

FREQUENCIES = 256
AT_ONCE = 64
RESOLVED = 1e-7  # size of the terms at which the Fourier sum ends
PLACES = np.linspace(-8, 8, 513)
"""Where the distributions are compared, in standard deviations: all but e^−32 of a Gaussian."""


@dataclass(frozen=True)
class Distribution:
    """P(ν ≤ mean + y σ) of each row, at shared places y, and its atom."""

    noisy: Bool[np.ndarray, " k"]
    """False for rows whose σ is 0: all their probability is at the mean."""

    atom: Float[np.ndarray, " k"]
    """P(ν = 0)."""
    atom_at: Float[np.ndarray, " k"]
    """The y of ν = 0."""
    places: Float[np.ndarray, " q"]
    smooth: Float[np.ndarray, "k q"]
    """P(ν ≤ mean + y σ, ν ≠ 0) at the places."""

    @classmethod
    def of(cls, source: Source, p: float) -> Distribution:
        """For rows of weights without their diagonal. Raises SettingError."""
        p = float(checked("p", p))
        scale = Interference.of(source, p).deviation
        law = Interference.of(source.scaled(1 / np.where(scale > 0, scale, 1)), p)
        return cls(scale > 0, law.atom, -law.mean, PLACES, _smooth(law, PLACES))

    def below(self, y: Float[np.ndarray, " q"]) -> Float[np.ndarray, "k q"]:
        """P(ν ≤ mean + y σ) of each row: linear between the places, except at the atom."""
        smooth = np.stack([np.interp(y, self.places, row) for row in self.smooth])
        return smooth + self.atom[:, None] * (y >= self.atom_at[:, None])

    def masses(self, edges: Float[np.ndarray, " m"]) -> Float[np.ndarray, "k m-1"]:
        """Probability of each cell between edges (in σ from the mean)."""
        return np.diff(self.below(edges))

    def distance_to_gaussian(self) -> Float[np.ndarray, " k"]:
        """Kolmogorov–Smirnov: the largest |P(ν ≤ y) − Φ(y)|, including both sides of the atom."""
        apart = np.abs(self.below(self.places) - ndtr(self.places)).max(1)
        steps = zip(self.atom_at, self.smooth, strict=True)
        before = np.array([np.interp(at, self.places, row) for at, row in steps])
        gauss = ndtr(self.atom_at)
        largest = np.max(
            [apart, np.abs(before - gauss), np.abs(before + self.atom - gauss)], axis=0
        )
        return np.where(self.noisy, largest, 0)  # without noise both are the same step


def _smooth(law: Interference, y: Float[np.ndarray, " q"]) -> Float[np.ndarray, "k q"]:
    """P(ν' ≤ y, ν not at its atom): the step y ≥ ν' is a truncated power of order 0 (see `series`).
    Its mean is 1/2 + (y − E ν')/P plus a Fourier sum: one product for all rows and places."""
    every = np.arange(len(law.mean))
    period = PERIOD * max(np.max(law.high - law.low, initial=0), y[-1] - y[0])
    some, first = law.moments(every)[:2, :, None]
    total = some * (0.5 + y / period) - first / period
    for start in range(0, FREQUENCIES, AT_ONCE):
        t = 2 * math.pi / period * np.arange(start + 1, start + AT_ONCE + 1)
        kernel = np.conj(law.transform(every, t)) * (2 / period / (1j * t))
        total += np.real(kernel @ np.exp(1j * np.multiply.outer(t, y)))
        if np.abs(kernel[:, -AT_ONCE // 4 :]).max() < RESOLVED:
            break
    total = np.where(y < law.low[:, None], 0, np.where(y > law.high[:, None], some, total))
    return np.clip(total, 0, some) + _of_one_feature(law, every, y)


def _of_one_feature(
    law: Interference, every: np.ndarray, y: Float[np.ndarray, " q"]
) -> Float[np.ndarray, "k q"]:
    """P(ν' ≤ y, exactly one feature is on), if the law treats these separately: ν is uniform in
    0 … w_j."""
    below = np.zeros((len(every), len(y)))
    for row in np.flatnonzero(law.single):
        weights, counts = law.source.values(every)[row], law.source.counts[row]
        weights, counts = weights[counts > 0], counts[counts > 0]
        share = np.clip(np.divide.outer(y + law.mean[row], weights), 0, 1)
        below[row] = np.where(weights > 0, share, 1 - share) @ counts * law.single[row]
    return below
