"""Other ways to read x out of W x, beside the ReLU: what at most could they gain? (section 5)

With h = W x and z_i = (h_i − μ_i)/a_i, feature i is seen as z = x + s ζ, with s = σ/a and ζ normal.
Each decoder is a function of z, and each has a loss that theory gives for symmetric weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import UsageError, WeightsError
from rugtui.theory import moments
from rugtui.theory.levels import levels
from rugtui.weights.base import Weights

Batch = Float[Tensor, "batch n_sparse"]

NAMES = ("relu", "linear", "jumprelu", "topk", "elementwise", "oracle")


@dataclass(frozen=True, slots=True)
class Decoder:
    """`decode(x, h)` gives y from h = W x; only the oracle looks at x, to see what is on."""

    name: str
    theory: float
    decode: Callable[[Batch, Batch], Batch]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Loss per feature of a decoder over samples, and what theory says of symmetric weights."""

    name: str
    loss: float
    standard_error: float
    theory: float


@dataclass(frozen=True, slots=True)
class Jump:
    """y = gain z + offset where z > threshold, else 0; `share` of the features pass it."""

    threshold: float
    gain: float
    offset: float
    share: float
    loss: float


def decoders(
    weights: Weights, p: float, names: Sequence[str] = NAMES, *, device: torch.device | str = "cpu"
) -> list[Decoder]:
    """The decoders of these names for these weights at p, on `device`.

    ReLU is the model itself. Raises UsageError for a name that is none of NAMES and WeightsError
    where a feature is not passed on at all (a_i ≤ 0), which leaves no z to decode.
    """
    if unknown := [name for name in names if name not in NAMES]:
        raise UsageError(f"A decoder is one of {', '.join(NAMES)}, but it is {unknown[0]!r}.")
    view = View.of(weights, p, device)
    best = levels(weights.n_dense / weights.n_sparse, p)
    jump = best_jump(view.noise_level, p)
    bias = torch.as_tensor(weights.biases()).to(device, torch.float32)
    of_normalised = {
        "linear": (best.linear, lambda x, z: view.slope * (z - p / 2) + p / 2),
        "jumprelu": (jump.loss, lambda x, z: jumped(z, jump)),
        "topk": (jump.loss, lambda x, z: top(z, jump)),
        "elementwise": (best.elementwise, lambda x, z: posterior_mean(z, view.noise, p)),
        "oracle": (best.oracle, lambda x, z: (x > 0) * mean_if_on(z, view.noise)),
    }
    made = {"relu": Decoder("relu", best.loss, lambda x, h: (h + bias).relu_())}
    for name, (theory, read) in of_normalised.items():
        made[name] = Decoder(name, theory, lambda x, h, read=read: read(x, view.normalised(h)))
    return [made[name] for name in names]


def sampled(weights: Weights, using: Sequence[Decoder], batches: Iterable[Batch]) -> list[Sampled]:
    """The loss of each decoder over all samples of `batches`, at least two of them together.

    W x is computed once for all decoders. Samples are independent, so that the spread of their
    losses gives the standard error.
    """
    losses: list[list[Tensor]] = [[] for _ in using]
    for x in batches:
        h = weights.product(x)
        for decoder, each in zip(using, losses, strict=True):
            error = decoder.decode(x, h) - x
            each.append(error.square_().mean(1, dtype=_precise(x.device)))
    return [
        _summary(decoder, torch.cat(each).double().cpu())
        for decoder, each in zip(using, losses, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class View:
    """How each feature is seen in h: h_i = a_i (x_i + s_i ζ) + μ_i."""

    gain: Float[Tensor, " n_sparse"]
    mean: Float[Tensor, " n_sparse"]
    noise: Float[Tensor, " n_sparse"]
    slope: Float[Tensor, " n_sparse"]

    @classmethod
    def of(cls, weights: Weights, p: float, device: torch.device | str) -> View:
        """From diagonal, sums and squares of the rows of W (section 2). Raises WeightsError."""
        a, variance = weights.diagonal(), float(moments.variance(p))
        if not (a > 0).all():
            raise WeightsError(
                "Decoders need a positive diagonal W_ii, but the least of it is "
                f"{a.min():.3g}: that feature cannot be read."
            )
        mean = p / 2 * (weights.row_sums() - a)
        power = (weights.row_squares() - a**2).clip(min=0) / a**2
        noise = (variance * power).clip(min=1e-24) ** 0.5
        # Least squares: Cov(x, z)/Var z = v/(v + s²)
        columns = (a, mean, noise, 1 / (1 + power))
        precise = _precise(torch.device(device))
        return cls(*(torch.as_tensor(column).to(device, precise) for column in columns))

    @property
    def noise_level(self) -> float:
        """One s for all features: the root of its mean square."""
        return float(self.noise.square().mean().sqrt())

    def normalised(self, h: Batch) -> Batch:
        return (h.to(self.gain.dtype) - self.mean).div_(self.gain)


def posterior_mean(z: Batch, s: Tensor, p: float) -> Batch:
    """E(x | z): no function of z alone does better."""
    within, moment, density = _overlap(z, s)
    return p * moment / ((1 - p) * density + p * within)


def mean_if_on(z: Batch, s: Tensor) -> Batch:
    """E(u | u + s ζ = z), for features that are known to be on."""
    within, moment, _ = _overlap(z, s)
    return moment / within


def jumped(z: Batch, jump: Jump) -> Batch:
    return torch.where(z > jump.threshold, jump.gain * z + jump.offset, 0)


def top(z: Batch, jump: Jump) -> Batch:
    """The k largest z of each sample, read as JumpReLU reads them; k is the share of all.

    In a large model the k-th largest is the threshold, and the two are the same.
    """
    k = min(max(1, round(jump.share * z.shape[1])), z.shape[1])
    largest = z.topk(k, dim=1)
    return torch.zeros_like(z).scatter_(
        1, largest.indices, jump.gain * largest.values + jump.offset
    )


def best_jump(s: float, p: float) -> Jump:
    """The best threshold, and the best line above it, at noise s: a tail sum for each threshold.

    Above a threshold the best line is the regression of x on z, so its loss is E x² less what the
    tail explains: P (mean(x)² + cov(x, z)²/var(z)) with the moments of the tail.
    """
    edge = torch.linspace(-REACH, REACH, 8193, dtype=torch.float64) * s
    middle = torch.linspace(0, 1, 8193, dtype=torch.float64)
    z = torch.cat([edge, middle, edge + 1]).unique()
    within, moment, density = _overlap(z, torch.tensor(s, dtype=torch.float64))
    density, x_density = (1 - p) * density + p * within, p * moment

    def tail(values: Tensor) -> Tensor:
        steps = (values[1:] + values[:-1]) / 2 * z.diff()
        return steps.flip(0).cumsum(0).flip(0)

    share, sum_z, sum_zz = tail(density), tail(z * density), tail(z * z * density)
    sum_x, sum_xz = tail(x_density), tail(z * x_density)
    mean_x, mean_z = sum_x / share, sum_z / share
    variance = sum_zz / share - mean_z**2
    covariance = sum_xz / share - mean_x * mean_z
    explained = share * (mean_x**2 + covariance**2 / variance)
    explained[(share < 1e-12) | (variance < (1e-6 * s) ** 2)] = 0
    at = int(explained.argmax())
    gain = float(covariance[at] / variance[at])
    offset = float(mean_x[at]) - gain * float(mean_z[at])
    loss = p / 3 - float(explained[at])
    return Jump(float(z[at]), gain, offset, float(share[at]), loss)


REACH = 8.0
"""Standard deviations beyond which z is taken for that far: its density is below 1e-14."""


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


def _summary(decoder: Decoder, losses: Float[Tensor, " samples"]) -> Sampled:
    error = float(losses.std()) / math.sqrt(len(losses))
    return Sampled(decoder.name, float(losses.mean()), error, decoder.theory)


def _precise(device: torch.device) -> torch.dtype:
    """Double precision, where the device has it: differences of Φ lose digits."""
    return torch.float32 if device.type == "mps" else torch.float64
