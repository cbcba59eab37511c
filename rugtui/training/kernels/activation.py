"""Functions that may follow the pre-activation, each with its slope.

Each takes the pre-activation, overwrites it with f of it, and fills `slope` with f'.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rugtui.settings.settings import Activation

LEAK = 0.01


def identity(pre: Tensor, slope: Tensor) -> None:
    slope.fill_(1)


def relu(pre: Tensor, slope: Tensor) -> None:
    torch.gt(pre, 0, out=slope)
    pre.relu_()


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


BY_NAME: dict[Activation, Callable[[Tensor, Tensor], None]] = {
    "identity": identity,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "tanh": tanh,
    "gelu": gelu,
}


def value(name: Activation, pre: Tensor) -> Tensor:
    """f(pre), out of place."""
    out = pre.clone()
    BY_NAME[name](out, torch.empty_like(out))
    return out
