"""One feature through a noisy channel: what z = x + s ζ tells of x (section 5).

x is 0 with probability 1 − p and uniform on [0, 1] with probability p; ζ is normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 8.0
"""Standard deviations beyond which z is taken for that far: its density is below 1e-14."""


@dataclass(frozen=True, slots=True)
class Jump:
    """y = gain z + offset where z > threshold, else 0; `share` of the features pass it."""

    threshold: float
    gain: float
    offset: float
    share: float
    loss: float


def posterior_mean(z: Tensor, s: Tensor, p: float) -> Tensor:
    """E(x | z): no function of z alone does better. Computed in double precision where there is."""
    precise = _precise(z.device)
    within, moment, density = _overlap(z.to(precise), s.to(precise))
    within.mul_(p).add_(density, alpha=1 - p)
    return moment.mul_(p).div_(within).to(z.dtype)


def mean_if_on(z: Tensor, s: Tensor) -> Tensor:
    """E(u | u + s ζ = z), for features that are known to be on."""
    precise = _precise(z.device)
    within, moment, _ = _overlap(z.to(precise), s.to(precise))
    return moment.div_(within).to(z.dtype)


def best_jump(s: float, p: float) -> Jump:
    """The best threshold, and the best line above it, at noise s: a tail sum for each threshold.

    Below a threshold all of x² is lost. Above it the best line is the regression of x on z, which
    leaves P (var(x) − cov(x, z)²/var(z)) with the moments of the tail. The sums over nodes of z are
    the moments of one discrete law, so that what is left is never the difference of two integrals
    with different errors.
    """
    edge = torch.linspace(-REACH, REACH, 8193, dtype=torch.float64) * s
    middle = torch.linspace(0, 1, 8193, dtype=torch.float64)
    z = torch.cat([edge, middle, edge + 1]).unique()
    noise = torch.tensor(s, dtype=torch.float64)
    within, moment, at_0 = _overlap(z, noise)
    # ∫₀¹ u² φ_s(z − u) du, by parts as the first moment
    square = z * moment + s * s * (within - _density(z - 1, noise))
    x_square = _steps(p * square, z)
    lost = x_square.cumsum(0) - x_square
    density = (1 - p) * at_0 + p * within
    share, sum_z, sum_zz = (_above(values, z) for values in (density, z * density, z * z * density))
    sum_x, sum_xz = (_above(p * values, z) for values in (moment, z * moment))
    mean_x, mean_z = sum_x / share, sum_z / share
    variance = sum_zz / share - mean_z**2
    covariance = sum_xz / share - mean_x * mean_z
    spread = _above(p * square, z) / share - mean_x**2
    left = lost + share * (spread - covariance**2 / variance)
    left[(share < 1e-12 * p) | (variance < (1e-3 * s) ** 2)] = torch.inf
    at = int(left.argmin())
    gain = float(covariance[at] / variance[at])
    offset = float(mean_x[at]) - gain * float(mean_z[at])
    return Jump(float(z[at]), gain, offset, float(share[at]), float(left[at]))


def _steps(values: Float[Tensor, " n"], z: Float[Tensor, " n"]) -> Float[Tensor, " n-1"]:
    """The integral of `values` from each node to the next, by trapezoids."""
    return (values[1:] + values[:-1]) / 2 * z.diff()


def _above(values: Float[Tensor, " n"], z: Float[Tensor, " n"]) -> Float[Tensor, " n-1"]:
    """The integral of `values` from each node but the last upwards."""
    return _steps(values, z).flip(0).cumsum(0).flip(0)


def _overlap(z: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """∫₀¹ φ_s(z − u) du, ∫₀¹ u φ_s(z − u) du and φ_s(z), with φ_s the density of s ζ.

    The first is even about z = 1/2; taken in the lower tails it does not cancel.
    """
    z = torch.minimum(torch.maximum(z, -REACH * s), 1 + REACH * s)
    far = (z - 0.5).abs()
    within = _tail((far - 0.5) / s) - _tail((far + 0.5) / s)
    at_0, at_1 = _density(z, s), _density(z - 1, s)
    return within, z * within + s * s * (at_0 - at_1), at_0


def _tail(t: Tensor) -> Tensor:
    """1 − Φ(t) with all digits where it is small; torch's own Φ has none there."""
    return 0.5 * torch.special.erfc(t * math.sqrt(0.5))


def _density(z: Tensor, s: Tensor) -> Tensor:
    return torch.exp(-0.5 * (z / s) ** 2) / (s * math.sqrt(2 * math.pi))


def _precise(device: torch.device) -> torch.dtype:
    """Double precision, where the device has it: differences of Φ lose digits."""
    return torch.float32 if device.type == "mps" else torch.float64
