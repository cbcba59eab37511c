"""The trained numbers: W_in, W_out and b as views of one flat tensor, their gradient of another.

One tensor for all of them makes the optimizer one fused pass and a copy of the state one clone.
Tied weights are one matrix in the flat tensor with two views: W_out is W_in's transpose because it
is the same memory, and both gradients add up in the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.models.dense import Dense


@dataclass(frozen=True, slots=True)
class Views:
    """W_in, W_out and b inside `flat`; W_in.T and W_out are contiguous, a row a feature."""

    flat: Float[Tensor, " size"]
    W_in: Float[Tensor, "n_dense n_sparse"]
    W_out: Float[Tensor, "n_sparse n_dense"]
    b: Float[Tensor, " n_sparse"]

    @property
    def W_in_T(self) -> Float[Tensor, "n_sparse n_dense"]:
        return self.W_in.T

    @classmethod
    def of(cls, flat: Tensor, n_sparse: int, n_dense: int, *, tied: bool, bias: bool) -> Views:
        matrix, shape = n_sparse * n_dense, (n_sparse, n_dense)
        encoder, *rest = flat.split([matrix] * (2 - tied) + [n_sparse] * bias)
        encoder = encoder.view(shape)
        decoder = encoder if tied else rest[0].view(shape)
        b = rest[-1] if bias else flat.new_zeros(n_sparse)
        return cls(flat, encoder.T, decoder, b)


class Parameters:
    """Weights and the place of their gradient. Without a bias `b` is zeros outside both."""

    def __init__(self, weights: Dense, *, tied: bool = False, bias: bool = True) -> None:
        self.tied, self.bias = tied, bias
        self.n_dense, self.n_sparse = weights.W_in.shape
        size = self.n_sparse * (self.n_dense * (1 if tied else 2) + bias)
        self.weights = self._views(weights.W_in.new_empty(size))
        self.gradient = self._views(weights.W_in.new_zeros(size))
        self.take(weights)

    def _views(self, flat: Tensor) -> Views:
        return Views.of(flat, self.n_sparse, self.n_dense, tied=self.tied, bias=self.bias)

    def blocks(self) -> list[tuple[Tensor, Tensor]]:
        """Values and gradient of W_in (as W_in.T), of W_out unless tied, of b if there is one."""
        own, gradient = self.weights, self.gradient
        blocks = [(own.W_in.T, gradient.W_in.T)]
        if not self.tied:
            blocks.append((own.W_out, gradient.W_out))
        if self.bias:
            blocks.append((own.b, gradient.b))
        return blocks

    def take(self, weights: Dense) -> None:
        """Set the values; tied weights take W_in alone, and no bias stays no bias."""
        self.weights.W_in.copy_(weights.W_in)
        if not self.tied:
            self.weights.W_out.copy_(weights.W_out)
        if self.bias:
            self.weights.b.copy_(weights.b)

    def copy(self) -> Dense:
        own = self.weights
        W_in = own.W_in.clone(memory_format=torch.contiguous_format)
        return Dense(W_in, own.W_out.contiguous().clone(), own.b.clone())
