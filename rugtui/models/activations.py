"""Activations: the output y from the pre-activation h = W x + b.

Those that are fixed functions of one number come with their slope. Those of sparse autoencoders
have parameters of their own, or depend on all outputs:

jumprelu   y = h where h > θ, else 0 (Rajamanoharan et al. 2024, arXiv 2407.14435)
gated      y = ReLU(e^ρ W x + β) where h > 0, else 0: gate and magnitude share W (Rajamanoharan et
           al. 2024, arXiv 2404.16014)
topk       y = ReLU(h) of the k largest h of a sample, else 0 (Gao et al. 2024, arXiv 2406.04093)

θ, ρ and β (threshold, log_gain and magnitude_bias in EXTRA) are one number for each output, learned
with the weights, and are rows of `Dense.extra`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.dense import Dense
from rugtui.settings.settings import EXTRA, Activation

LEAK = 0.01
LEAST_THRESHOLD = 0.05
"""The smallest initial threshold: one of 0 has no gradient."""

Batch = Float[Tensor, "batch n_sparse"]


def identity(pre: Tensor, slope: Tensor) -> None:
    slope.fill_(1)


def leaky_relu(pre: Tensor, slope: Tensor) -> None:
    torch.gt(pre, 0, out=slope)
    slope.mul_(1 - LEAK).add_(LEAK)
    pre.mul_(slope)


def tanh(pre: Tensor, slope: Tensor) -> None:
    pre.tanh_()
    torch.mul(pre, pre, out=slope)
    slope.neg_().add_(1)


def gelu(pre: Tensor, slope: Tensor) -> None:
    # f = u Φ(u), f' = Φ(u) + u φ(u)
    below = torch.special.ndtr(pre)
    torch.mul(pre, pre, out=slope)
    slope.mul_(-0.5).exp_().mul_(pre).div_(math.sqrt(2 * math.pi)).add_(below)
    pre.mul_(below)


FIXED: dict[Activation, Callable[[Tensor, Tensor], None]] = {
    "identity": identity,
    "leaky_relu": leaky_relu,
    "tanh": tanh,
    "gelu": gelu,
}
"""Fixed functions but ReLU, whose slope follows from y. Each takes h, overwrites it with y, and
fills `slope` with dy/dh."""


def with_parameters(weights: Dense, activation: Activation) -> Dense:
    """`weights` with the parameters of this activation, and no others, in `extra`.

    New parameters are such that an output is on where a ReLU's would be, W x > −b, and is then W x
    if b is negative.
    """
    rows = len(EXTRA.get(activation, ()))
    if rows == (0 if weights.extra is None else len(weights.extra)):
        return weights
    if not rows:
        return dataclasses.replace(weights, extra=None)
    b = weights.b
    if activation == "jumprelu":
        threshold = (-b).clamp(min=LEAST_THRESHOLD)
        return dataclasses.replace(weights, b=b + threshold, extra=threshold[None])
    return dataclasses.replace(weights, extra=torch.stack([torch.zeros_like(b), b.clamp(min=0)]))


def output(weights: Dense, pre: Batch, activation: Activation, *, k: int = 0) -> Batch:
    """y from the pre-activation W x + b, which may be overwritten; `k` is for topk. Raises
    WeightsError where the weights lack the activation's parameters."""
    if activation == "relu":
        return pre.relu_()
    if activation in FIXED:
        FIXED[activation](pre, torch.empty_like(pre))
        return pre
    if activation == "topk":
        return pre * among_largest(pre, k)
    names = EXTRA[activation]
    if weights.extra is None or len(weights.extra) != len(names):
        raise WeightsError(
            f"The activation {activation} needs an array {' and '.join(names)} "
            f"({weights.n_sparse} numbers) beside the weights, and there is none."
        )
    if activation == "jumprelu":
        return torch.where(pre > weights.extra[0], pre, 0)
    log_gain, magnitude_bias = weights.extra
    magnitude = (log_gain.exp() * (pre - weights.b) + magnitude_bias).relu_()
    return torch.where(pre > 0, magnitude, 0)


def among_largest(pre: Batch, k: int) -> Batch:
    """1 where a pre-activation is positive and one of the k largest of its sample, else 0."""
    largest = pre.topk(min(k, pre.shape[1]), dim=1, sorted=False)
    mask = torch.zeros_like(pre)
    return mask.scatter_(1, largest.indices, (largest.values > 0).to(pre.dtype))
