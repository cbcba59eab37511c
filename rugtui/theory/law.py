"""The law of interference, and how far it is from Gaussian (section 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from rugtui.theory.interference import Interference

REACH = 8.0
"""Units of the grid's scale on both sides; mass beyond comes back at the other end."""
CELLS = 256
EDGES = np.linspace(-REACH, REACH, CELLS + 1)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
_K = np.arange(1, CELLS // 2 + 1)
_T = math.pi * _K / REACH
_WAVES = np.exp(-1j * np.multiply.outer(_T, CENTRES)) * np.sinc(_K / CELLS)[:, None]
"""e^{−i t x} averaged over each cell: masses of cells, for the density itself has jumps."""


@dataclass(frozen=True)
class Law:
    """P(cell) of ν − E ν on cells between EDGES · scale, one row of masses a row of W.

    The transform is cut off: beside a jump of the density a mass may fall a little below 0.
    """

    scale: float
    masses: Float[np.ndarray, "k cells"]
    gaussian: Float[np.ndarray, "k cells"]
    """The same of a Gaussian with each row's own σ."""

    def distance(self) -> Float[np.ndarray, " k"]:
        """Kolmogorov–Smirnov: the largest difference of the two distributions at an edge."""
        return np.abs(np.cumsum(self.masses - self.gaussian, axis=1)).max(axis=1)


def law_on_grid(law: Interference) -> Law:
    """The law of every row of `law` on one grid, from their characteristic functions.

    A row without noise has all its mass in the cell that begins at 0, as its Gaussian has.
    """
    sigma = np.sqrt(law.variance)
    scale = float(max(np.sqrt(law.variance.mean()), sigma.max() / 2)) or 1.0
    noisy = np.flatnonzero(sigma > 0)
    masses, gaussian = np.zeros((2, len(sigma), CELLS))
    place = np.searchsorted(EDGES, -law.mean / scale, side="right") - 1
    masses[np.arange(len(sigma)), np.clip(place, 0, CELLS - 1)] = law.atom
    if len(noisy):
        transform = law.transform(noisy, _T / scale)
        masses[noisy] += (1 - law.atom[noisy, None] + 2 * (transform @ _WAVES).real) / CELLS
    with np.errstate(divide="ignore", invalid="ignore"):
        below = ndtr(np.where(EDGES == 0, 0.0, EDGES * (scale / sigma[:, None])))
    gaussian[noisy] = np.diff(below[noisy], axis=1)
    silent = np.setdiff1d(np.arange(len(sigma)), noisy)
    gaussian[silent] = masses[silent]
    return Law(scale, masses, gaussian)
