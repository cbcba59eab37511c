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
from rugtui.weights.channel import Jump, best_jump, mean_if_on, posterior_mean

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


def _summary(decoder: Decoder, losses: Float[Tensor, " samples"]) -> Sampled:
    error = float(losses.std()) / math.sqrt(len(losses))
    return Sampled(decoder.name, float(losses.mean()), error, decoder.theory)


def _precise(device: torch.device) -> torch.dtype:
    """Double precision, where the device has it: differences of Φ lose digits."""
    return torch.float32 if device.type == "mps" else torch.float64
