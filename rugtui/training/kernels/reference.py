"""The same gradient by autograd, against which the hand-written step is tested."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rugtui.settings.settings import Activation

BY_AUTOGRAD = {
    "identity": lambda pre: pre,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}


def gradient(
    x: Float[Tensor, "batch n_sparse"],
    leaves: tuple[Tensor, Tensor | None, Tensor | None],
    *,
    activation: Activation = "relu",
    importance: Float[Tensor, " n_sparse"] | float = 1.0,
) -> tuple[Tensor, ...]:
    """The mean of importance (x − f(W_out W_in x + b))², and its gradient in each of the leaves
    W_in, W_out (None where it is W_in's transpose) and b (None for 0) that there are."""
    own = [leaf.clone().requires_grad_() for leaf in leaves if leaf is not None]
    W_in, W_out = own[0], own[1] if leaves[1] is not None else own[0].T
    pre = x @ W_in.T @ W_out.T + (own[-1] if leaves[2] is not None else 0)
    loss = (importance * (x - BY_AUTOGRAD[activation](pre)) ** 2).mean()
    return loss.detach(), *torch.autograd.grad(loss, own)
