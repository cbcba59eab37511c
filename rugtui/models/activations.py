"""Activations with parameters of their own, or that see all outputs at once: those of sparse
autoencoders, read as models of y from the pre-activation h = W x + b.

jumprelu   y = h where h > θ, else 0 (Rajamanoharan et al. 2024, arXiv 2407.14435)
gated      y = ReLU(e^ρ W x + β) where h > 0, else 0: gate and magnitude share W (Rajamanoharan et
           al. 2024, arXiv 2404.16014)
topk       y = ReLU(h) of the k largest h of a sample, else 0 (Gao et al. 2024, arXiv 2406.04093)

θ, ρ and β (threshold, log_gain and magnitude_bias in EXTRA) are one number for each output, learned
with the weights: rows of `Dense.extra`.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.dense import Dense
from rugtui.settings.settings import EXTRA, Activation

LEAST_THRESHOLD = 0.05
"""Where thresholds begin at least: one of 0 has no gradient."""

Batch = Float[Tensor, "batch n_sparse"]


def with_parameters(weights: Dense, activation: Activation) -> Dense:
    """`weights` with what this activation learns besides, and nothing else in `extra`.

    Parameters that are not there yet begin so that an output is on where a ReLU's would be,
    W x > −b, and passes W x whole.
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


def output(weights: Dense, pre: Batch, activation: Activation, *, k: int) -> Batch:
    """y of the pre-activation W x + b; `k` is of topk alone.

    Raises WeightsError where the weights lack the activation's parameters.
    """
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
