"""Decoders of x from W x other than the ReLU, and the lowest loss that each can reach (section 5).

With h = W x and z_i = (h_i − μ_i)/a_i, feature i is seen as z = x + s ζ, with s = σ/a and ζ normal.
Each decoder is a function of z, and for each there is a loss that theory gives for symmetric
weights: L* for the ReLU, and the optimum of its kind for the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import UsageError, WeightsError
from rugtui.models.base import Weights
from rugtui.theory import moments
from rugtui.theory.levels import levels

REACH = 8.0
"""Standard deviations to which z is clamped: beyond, its density is below 1e-14."""
Batch = Float[Tensor, "batch n_sparse"]
Row = Float[Tensor, " n_sparse"]


@dataclass(frozen=True, slots=True)
class Jump:
    """y = gain z + offset where z > threshold, else 0; `share` of the features pass it."""

    threshold: float
    gain: float
    offset: float
    share: float
    loss: float


@dataclass(frozen=True, slots=True)
class DecodedLoss:
    """Loss per feature of a decoder over samples, and in theory for symmetric weights."""

    name: str
    loss: float
    standard_error: float
    theory: float


@dataclass(frozen=True, slots=True)
class DecoderView:
    """What decoders know about the weights: h_i = a_i (x_i + s_i ζ) + μ_i, and the bias."""

    p: float
    a: Row
    mean: Row
    noise: Row
    bias: Row
    jump: Jump

    @classmethod
    def of(cls, weights: Weights, p: float, device: torch.device | str) -> DecoderView:
        """From the diagonal, the sums and the squares of the rows of W (section 2). Raises
        WeightsError if a feature does not reach its output (a_i ≤ 0): it has no z."""
        a, variance = weights.diagonal(), float(moments.variance(p))
        if not (a > 0).all():
            raise WeightsError(
                "Decoders need a positive diagonal W_ii, but its smallest entry is "
                f"{a.min():.3g}: that feature cannot be decoded."
            )
        mean = p / 2 * (weights.row_sums() - a)
        square = variance * (weights.row_squares() - a**2) / a**2
        noise = square.clip(min=1e-24) ** 0.5
        jump = best_jump(math.sqrt(square.mean()), p)

        def row(values: np.ndarray) -> Row:
            return torch.as_tensor(values).to(device, torch.float32)

        return cls(p, row(a), row(mean), row(noise), row(weights.biases()), jump)

    def normalised(self, h: Batch) -> Batch:
        return torch.addcdiv(-self.mean / self.a, h, self.a)


def relu(view: DecoderView, x: Batch, z: Batch) -> Batch:
    """The model itself."""
    return torch.addcmul(view.mean + view.bias, z, view.a).relu_()


def linear(view: DecoderView, x: Batch, z: Batch) -> Batch:
    """Least squares: E x + Cov(x, z)/Var(z) (z − E x), with Var z = v + s²."""
    variance = float(moments.variance(view.p))
    slope = variance / (variance + view.noise.square())
    return torch.addcmul((1 - slope) * view.p / 2, z, slope)


def jumprelu(view: DecoderView, x: Batch, z: Batch) -> Batch:
    """A line above a threshold, nothing below: the best of them (`best_jump`)."""
    return torch.where(z > view.jump.threshold, view.jump.gain * z + view.jump.offset, 0)


def topk(view: DecoderView, x: Batch, z: Batch) -> Batch:
    """`jumprelu` of the k largest z of each sample, k being the number that it passes on average:
    in a large model the two are the same."""
    k = min(max(1, round(view.jump.share * z.shape[1])), z.shape[1])
    largest = z.topk(k, dim=1, sorted=False)
    read = view.jump.gain * largest.values + view.jump.offset
    return torch.zeros_like(z).scatter_(1, largest.indices, read)


def elementwise(view: DecoderView, x: Batch, z: Batch) -> Batch:
    """The posterior mean of x: no function of z alone does better."""
    return posterior_mean(z, view.noise, view.p)


def oracle(view: DecoderView, x: Batch, z: Batch) -> Batch:
    """The posterior mean of u for features that an oracle says are on."""
    sample, feature = torch.nonzero(x, as_tuple=True)
    y = torch.zeros_like(z)
    y[sample, feature] = mean_if_on(z[sample, feature], view.noise[feature])
    return y


DECODERS: dict[str, Callable[[DecoderView, Batch, Batch], Batch]] = {
    "relu": relu,
    "linear": linear,
    "jumprelu": jumprelu,
    "topk": topk,
    "elementwise": elementwise,
    "oracle": oracle,
}


def sampled(
    weights: Weights,
    p: float,
    batches: Iterable[Batch],
    names: Sequence[str] = tuple(DECODERS),
    *,
    device: torch.device | str = "cpu",
) -> list[DecodedLoss]:
    """The loss of decoders over all samples of `batches`, which hold at least two.

    Samples are independent, so the spread of their losses gives the standard error. With relu
    alone, the model itself, features may be abandoned; other decoders need a positive diagonal.
    Raises UsageError for an unknown name, and WeightsError.
    """
    if unknown := [name for name in names if name not in DECODERS]:
        raise UsageError(f"A decoder is one of {', '.join(DECODERS)}, but it is {unknown[0]!r}.")
    losses: dict[str, list[float]] = {name: [] for name in names}
    view = None if list(names) == ["relu"] else DecoderView.of(weights, p, device)
    for x in batches:
        z = x if view is None else view.normalised(weights.product(x))
        for name in names:
            y = weights.forward(x) if view is None else DECODERS[name](view, x, z)
            losses[name] += torch.linalg.vector_norm(y.sub_(x), dim=1).double().square_().tolist()
    best = levels(min(weights.n_dense / weights.n_sparse, 1.0), p)
    theory = {name: getattr(best, name) for name in ("linear", "elementwise", "oracle")}
    theory |= {"relu": best.loss}
    if view is not None:
        theory |= {"jumprelu": view.jump.loss, "topk": view.jump.loss}
    found = []
    for name in names:
        each = np.array(losses[name]) / weights.n_sparse
        error = float(each.std(ddof=1)) / math.sqrt(len(each))
        found.append(DecodedLoss(name, float(each.mean()), error, theory[name]))
    return found


def posterior_mean(z: Tensor, s: Tensor, p: float) -> Tensor:
    """E(x | z), for x that is 0 with probability 1 − p and else uniform on [0, 1]: no function of z
    alone does better. Computed in double precision if the device has it."""
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
    """The best threshold, and the best line above it, at noise s.

    Below a threshold all of x² is lost. Above it the best line is the regression of x on z, which
    leaves P (var(x) − cov(x, z)²/var(z)) with the moments of the tail. All integrals are sums over
    the same nodes of z, so that no difference of integrals has errors that do not cancel.
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
    """∫₀¹ φ_s(z − u) du, ∫₀¹ u φ_s(z − u) du and φ_s(z), with φ_s the density of s ζ. The first is
    symmetric about z = 1/2; from the lower tails it is computed without cancellation."""
    z = torch.minimum(torch.maximum(z, -REACH * s), 1 + REACH * s)
    far = (z - 0.5).abs()
    within = _tail((far - 0.5) / s) - _tail((far + 0.5) / s)
    at_0, at_1 = _density(z, s), _density(z - 1, s)
    return within, z * within + s * s * (at_0 - at_1), at_0


def _tail(t: Tensor) -> Tensor:
    """1 − Φ(t), accurate where it is small, unlike 1 − torch.special.ndtr(t)."""
    return 0.5 * torch.special.erfc(t * math.sqrt(0.5))


def _density(z: Tensor, s: Tensor) -> Tensor:
    return torch.exp(-0.5 * (z / s) ** 2) / (s * math.sqrt(2 * math.pi))


def _precise(device: torch.device) -> torch.dtype:
    """Double precision if the device has it: differences of Φ lose digits."""
    return torch.float32 if device.type == "mps" else torch.float64
