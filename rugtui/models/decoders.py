"""Other ways to read x out of W x, beside the ReLU: what at most could they gain? (section 5)

With h = W x and z_i = (h_i − μ_i)/a_i, feature i is seen as z = x + s ζ, with s = σ/a and ζ normal.
Each decoder is a function of z, and for each there is a loss that theory gives for symmetric
weights: L* for the ReLU, and what nothing of its kind betters for the others.
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
from rugtui.models.channel import Jump, best_jump, mean_if_on, posterior_mean
from rugtui.theory import moments
from rugtui.theory.levels import levels

Batch = Float[Tensor, "batch n_sparse"]
Row = Float[Tensor, " n_sparse"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Loss per feature of a decoder over samples, and what theory says of symmetric weights."""

    name: str
    loss: float
    standard_error: float
    theory: float


@dataclass(frozen=True, slots=True)
class View:
    """What decoders know of the weights: h_i = a_i (x_i + s_i ζ) + μ_i, and the bias."""

    p: float
    a: Row
    mean: Row
    noise: Row
    bias: Row
    jump: Jump

    @classmethod
    def of(cls, weights: Weights, p: float, device: torch.device | str) -> View:
        """From diagonal, sums and squares of the rows of W (section 2).

        Raises WeightsError where a feature is not passed on at all (a_i ≤ 0): there is no z.
        """
        a, variance = weights.diagonal(), float(moments.variance(p))
        if not (a > 0).all():
            raise WeightsError(
                "Decoders need a positive diagonal W_ii, but the least of it is "
                f"{a.min():.3g}: that feature cannot be read."
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


def relu(view: View, x: Batch, z: Batch) -> Batch:
    """The model itself."""
    return torch.addcmul(view.mean + view.bias, z, view.a).relu_()


def linear(view: View, x: Batch, z: Batch) -> Batch:
    """Least squares: E x + Cov(x, z)/Var(z) (z − E x), with Var z = v + s²."""
    variance = float(moments.variance(view.p))
    slope = variance / (variance + view.noise.square())
    return torch.addcmul((1 - slope) * view.p / 2, z, slope)


def jumprelu(view: View, x: Batch, z: Batch) -> Batch:
    """A line above a threshold, nothing below: the best of them (`best_jump`)."""
    return torch.where(z > view.jump.threshold, view.jump.gain * z + view.jump.offset, 0)


def topk(view: View, x: Batch, z: Batch) -> Batch:
    """The k largest z of each sample, read as JumpReLU reads them; k is its share of all features.

    In a large model the k-th largest is the threshold, and the two are the same.
    """
    k = min(max(1, round(view.jump.share * z.shape[1])), z.shape[1])
    largest = z.topk(k, dim=1, sorted=False)
    read = view.jump.gain * largest.values + view.jump.offset
    return torch.zeros_like(z).scatter_(1, largest.indices, read)


def elementwise(view: View, x: Batch, z: Batch) -> Batch:
    """The posterior mean of x: no function of z alone does better."""
    return posterior_mean(z, view.noise, view.p)


def oracle(view: View, x: Batch, z: Batch) -> Batch:
    """The posterior mean of u where x is on, which it is told."""
    sample, feature = torch.nonzero(x, as_tuple=True)
    y = torch.zeros_like(z)
    y[sample, feature] = mean_if_on(z[sample, feature], view.noise[feature])
    return y


DECODERS: dict[str, Callable[[View, Batch, Batch], Batch]] = {
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
) -> list[Sampled]:
    """The loss of decoders over all samples of `batches`, at least two of them together.

    W x is computed once for all. Samples are independent, so that the spread of their losses gives
    the standard error. The model itself, relu alone, may have features that it abandoned; other
    decoders need all of them. Raises UsageError for a name that is none of DECODERS, and
    WeightsError.
    """
    if unknown := [name for name in names if name not in DECODERS]:
        raise UsageError(f"A decoder is one of {', '.join(DECODERS)}, but it is {unknown[0]!r}.")
    losses: dict[str, list[float]] = {name: [] for name in names}
    r = min(weights.n_dense / weights.n_sparse, 1.0)
    if list(names) == ["relu"]:
        for x in batches:
            losses["relu"] += _squares(weights.forward(x).sub_(x))
        theory = {"relu": levels(r, p).loss}
    else:
        view = View.of(weights, p, device)
        for x in batches:
            z = view.normalised(weights.product(x))
            for name in names:
                losses[name] += _squares(DECODERS[name](view, x, z).sub_(x))
        theory = predicted(view, r)
    return [
        _summary(name, np.array(each) / weights.n_sparse, theory[name])
        for name, each in losses.items()
    ]


def _squares(error: Batch) -> list[float]:
    return torch.linalg.vector_norm(error, dim=1).double().square_().tolist()


def predicted(view: View, r: float) -> dict[str, float]:
    """The loss of each decoder for large symmetric weights of ratio r (sections 4 and 5)."""
    best = levels(r, view.p)
    return {
        "relu": best.loss,
        "linear": best.linear,
        "jumprelu": view.jump.loss,
        "topk": view.jump.loss,
        "elementwise": best.elementwise,
        "oracle": best.oracle,
    }


def _summary(name: str, losses: Float[np.ndarray, " samples"], theory: float) -> Sampled:
    error = float(losses.std(ddof=1)) / math.sqrt(len(losses))
    return Sampled(name, float(losses.mean()), error, theory)
