"""Gradients by autograd: of activations that have parameters or depend on all outputs; and a
reference for the hand-written step.

Two of these activations jump, where there is no gradient; each is treated as in its paper:

jumprelu   the threshold has the gradient of the expected loss, with the density of h at the jump
           from a rectangular kernel of width ε = BANDWIDTH: ∂y/∂θ = −(θ/ε) 1[|h − θ| < ε/2]
gated      the gate learns from an auxiliary loss that is added, the loss of ReLU(W x + b); without
           the paper's sparsity penalty, because the loss here is only reconstruction
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from rugtui.models.activations import among_largest
from rugtui.settings.settings import Activation
from rugtui.training.kernels.gradient import CheckCancelled
from rugtui.training.kernels.sparse_rows import Batch
from rugtui.training.state import Parameters

BY_AUTOGRAD = {
    "identity": lambda pre: pre,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}
BANDWIDTH = 0.1
"""A wider kernel is more biased, a narrower one uses fewer cells of a batch; magnitudes are about
1."""


class JumpReLU(torch.autograd.Function):
    """y = h where h > θ, else 0."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        return torch.where(pre > threshold, pre, 0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        (slope,), (pre, threshold) = slopes, ctx.saved_tensors
        near = (pre - threshold).abs() < BANDWIDTH / 2
        by_threshold = -(slope * near).sum(0) * threshold / BANDWIDTH
        return slope * (pre > threshold), by_threshold


class AutogradGradient:
    """Computes loss and gradient of batches, as `Gradient` does for other activations."""

    def __init__(
        self,
        parameters: Parameters,
        *,
        activation: Activation,
        k: int,
        importance: Float[Tensor, " n_sparse"] | None = None,
    ) -> None:
        """`k`: outputs that topk keeps."""
        self.parameters, self.activation, self.k = parameters, activation, k
        self._weight = 1.0 if importance is None else importance
        self.rows_on: Bool[Tensor, " n_sparse"] = torch.ones_like(
            parameters.weights.b, dtype=torch.bool
        )
        """Which outputs were active in the last batch."""

    def __call__(
        self, x: Batch, check_cancelled: CheckCancelled = lambda: None
    ) -> Float[Tensor, ""]:
        """Leaves the gradient of the loss in the parameters; returns the loss, on the device.

        `check_cancelled` is called before the gradient is written; if it raises, the weights are
        untouched.
        """
        dense = x if isinstance(x, Tensor) else x.dense()
        own, gradient = self.parameters.weights, self.parameters.gradient
        with torch.enable_grad():
            flat = own.flat.detach().requires_grad_()
            views = self.parameters.views(flat)
            shared = dense @ views.W_in.T @ views.W_out.T
            pre = shared + views.b
            auxiliary = 0.0
            if self.activation == "jumprelu":
                y: Any = JumpReLU.apply(pre, views.extra[0])
            elif self.activation == "topk":
                y = pre * among_largest(pre.detach(), self.k)
            else:
                log_gain, magnitude_bias = views.extra
                y = torch.relu(log_gain.exp() * shared + magnitude_bias) * (pre > 0)
                auxiliary = self._loss(dense, torch.relu(pre))
            loss = self._loss(dense, y)
            check_cancelled()
            (slope,) = torch.autograd.grad(loss + auxiliary, flat)
        check_cancelled()
        gradient.flat.copy_(slope)
        self.rows_on = (y != 0).any(0)
        return loss.detach()

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        return (self._weight * (x - y).square()).mean()


def reference_gradient(
    x: Float[Tensor, "batch n_sparse"],
    leaves: tuple[Tensor, Tensor | None, Tensor | None],
    *,
    activation: Activation = "relu",
    importance: Float[Tensor, " n_sparse"] | float = 1.0,
) -> tuple[Tensor, ...]:
    """What tests compare `Gradient` with: the mean of importance (x − f(W_out W_in x + b))², and
    its gradient by each of the leaves W_in, W_out (None: W_in's transpose) and b (None: 0)."""
    own = [leaf.clone().requires_grad_() for leaf in leaves if leaf is not None]
    W_in, W_out = own[0], own[1] if leaves[1] is not None else own[0].T
    pre = x @ W_in.T @ W_out.T + (own[-1] if leaves[2] is not None else 0)
    loss = (importance * (x - BY_AUTOGRAD[activation](pre)) ** 2).mean()
    return loss.detach(), *torch.autograd.grad(loss, own)
