"""The state of a run: its parameters, the result of an interval, and all that a run needs to
continue.

The parameters W_in, W_out, b and those of a learned activation are views of one flat tensor, and
their gradient views of another. One tensor makes the optimizer one fused pass and a copy of the
state one clone. Tied weights are one matrix with two views: W_out is W_in's transpose because it is
the same memory, and both gradients add up in the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.models.dense import Dense
from rugtui.settings.settings import Method


@dataclass(frozen=True, slots=True)
class Views:
    """The arrays of a `Dense` inside `flat`; W_in.T and W_out are contiguous, a row a feature."""

    flat: Float[Tensor, " size"]
    W_in: Float[Tensor, "n_dense n_sparse"]
    W_out: Float[Tensor, "n_sparse n_dense"]
    b: Float[Tensor, " n_sparse"]
    extra: Float[Tensor, "rows n_sparse"]
    """Of a learned activation; no rows for any other."""

    @property
    def W_in_T(self) -> Float[Tensor, "n_sparse n_dense"]:
        return self.W_in.T

    @classmethod
    def of(
        cls, flat: Tensor, n_sparse: int, n_dense: int, *, tied: bool, bias: bool, rows: int = 0
    ) -> Views:
        """`rows` of a learned activation."""
        matrix, shape = n_sparse * n_dense, (n_sparse, n_dense)
        lengths = [matrix] * (2 - tied) + [n_sparse] * bias + [rows * n_sparse]
        encoder, *rest, extra = flat.split(lengths)
        encoder = encoder.view(shape)
        decoder = encoder if tied else rest[0].view(shape)
        b = rest[-1] if bias else flat.new_zeros(n_sparse)
        return cls(flat, encoder.T, decoder, b, extra.view(rows, n_sparse))

    def dense(self) -> Dense:
        """The same numbers as a `Dense`, in the same memory."""
        return Dense(self.W_in, self.W_out, self.b, self.extra if len(self.extra) else None)


class Parameters:
    """Weights and their gradient. Without a bias, `b` is a separate tensor of zeros."""

    def __init__(self, weights: Dense, *, tied: bool = False, bias: bool = True) -> None:
        self.tied, self.bias = tied, bias
        self.n_dense, self.n_sparse = weights.W_in.shape
        self.rows = 0 if weights.extra is None else len(weights.extra)
        size = self.n_sparse * (self.n_dense * (1 if tied else 2) + bias + self.rows)
        self.weights = self.views(weights.W_in.new_empty(size))
        self.gradient = self.views(weights.W_in.new_zeros(size))
        self.set_weights(weights)

    def views(self, flat: Tensor) -> Views:
        """The parts of another flat tensor of this size."""
        own = {"tied": self.tied, "bias": self.bias, "rows": self.rows}
        return Views.of(flat, self.n_sparse, self.n_dense, **own)

    def blocks(self) -> list[tuple[Tensor, Tensor]]:
        """Values and gradient of W_in (as W_in.T), of W_out unless tied, of b if there is one."""
        own, gradient = self.weights, self.gradient
        blocks = [(own.W_in.T, gradient.W_in.T)]
        if not self.tied:
            blocks.append((own.W_out, gradient.W_out))
        if self.bias:
            blocks.append((own.b, gradient.b))
        return blocks

    def set_weights(self, weights: Dense) -> None:
        """Set the values; tied weights take only W_in, and without a bias b is ignored."""
        self.weights.W_in.copy_(weights.W_in)
        if not self.tied:
            self.weights.W_out.copy_(weights.W_out)
        if self.bias:
            self.weights.b.copy_(weights.b)
        if weights.extra is not None:
            self.weights.extra.copy_(weights.extra)

    def copy(self) -> Dense:
        return self.weights.dense().mapped(
            lambda part: part.clone(memory_format=torch.contiguous_format)
        )


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one interval, with the learning rate and batch of its last step."""

    step: int
    """Steps done so far."""
    loss: float
    """sgd: mean loss of the batches since the last result; population: loss of the weights."""
    heldout: float | None
    """Loss on held-out data, if it was measured at this step."""
    heldout_standard_error: float | None
    lr: float
    p: float
    batch: int
    samples: int
    """Samples drawn so far; population draws none."""
    method: Method
    dead: int
    """Outputs that are 0 for every input."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a run needs to continue bit for bit."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    """JSON-able."""
