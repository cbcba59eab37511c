"""The gradient of the sampled loss, written out (section 11).

Of the five products of a step only the decoder's forward one, z W_outᵀ, has to be dense. x is
p-sparse, and so nearly is g, the gradient at the pre-activation, once training has made the bias
negative: a ReLU passes nothing back through cells that it holds at 0.

Where all cells count and n_dense is not small beside n_sparse, W = W_out W_in itself is the shorter
way for a whole batch, and C = xᵀ g for all that comes back (rugtui.training.kernels.plan.Squares):
    ∂W_out ∝ Cᵀ W_inᵀ,   ∂W_inᵀ ∝ C W_out
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rugtui.settings.settings import Activation
from rugtui.training.kernels import onednn, residual
from rugtui.training.kernels.cells import Cells, marks, positives
from rugtui.training.kernels.plan import DENSE, FullMatrixPath, Plan
from rugtui.training.kernels.products import LANES, NARROW, product, thin
from rugtui.training.parameters import Parameters

Pause = Callable[[], None]


class Gradient:
    """Computes loss and gradient of batches, in buffers that are allocated once a batch size.

    The loss is the mean over samples and features of importance_i (x_i − y_i)².
    """

    def __init__(
        self,
        parameters: Parameters,
        plan: Plan = DENSE,
        *,
        activation: Activation = "relu",
        importance: Float[Tensor, " n_sparse"] | None = None,
        half: bool = False,
    ) -> None:
        """`half`: the dense products read bfloat16, add up in float32, and round what they give."""
        self.parameters, self.plan = parameters, plan
        self.activation: Activation = activation
        self.importance, self.half = importance, half
        self._allocate(0)

    def __call__(
        self, x: Cells | Float[Tensor, "batch n_sparse"], pause: Pause = lambda: None
    ) -> Float[Tensor, ""]:
        """Leaves the gradient of the loss in the parameters; returns the loss, on the device.

        `pause` is called between the large products; where it raises, the weights are untouched.
        """
        if x.shape[0] != len(self._pre):
            self._allocate(x.shape[0])
        x = x if self.plan.sparse_encoder else self._dense(x)
        if self._squares.backward and isinstance(x, Tensor):
            loss = self._by_squares(x, pause)
        else:
            loss = self._by_rows(x, pause)
        return loss / self._pre.numel()

    @property
    def rows_on(self) -> Bool[Tensor, " n_sparse"]:
        """Which outputs passed a gradient back in the last batch."""
        return self._db != 0

    def _allocate(self, batch: int) -> None:
        own, plan = self.parameters, self.plan
        self._pre, self._slope, self._x = (own.weights.flat.new_empty(0),) * 3
        self._pre = own.weights.flat.new_empty(batch, own.n_sparse)
        narrow = not plan.sparse_encoder and own.n_dense < NARROW
        ragged = not plan.sparse_encoder and own.n_dense % LANES > 0
        self._z = thin(self._pre, batch, own.n_dense, columns=narrow)
        self._dz = thin(self._pre, batch, own.n_dense, columns=narrow or ragged)
        self._turned = thin(self._pre, own.n_sparse, own.n_dense, columns=True)
        on_cpu = self._pre.device.type == "cpu"
        fits = on_cpu and not (self.half or plan.sparse_encoder)
        self._squares = FullMatrixPath.of(own.n_sparse, own.n_dense, batch if fits else 0)
        size = own.n_sparse if self._squares.backward else 0
        self._square = self._pre.new_empty(size, size)
        self._db = self._pre.new_zeros(own.n_sparse)
        few = self.activation == "relu" and plan.sparse_encoder and plan.most_on > 0
        self._marks = marks(self._pre.numel()) if few else None

    def _dense(self, x: Cells | Tensor) -> Tensor:
        if isinstance(x, Tensor):
            return x
        if self._x.shape != self._pre.shape:
            self._x = torch.empty_like(self._pre)
        return x.dense(out=self._x)

    def _by_rows(self, x: Cells | Tensor, pause: Pause) -> Float[Tensor, ""]:
        """The whole gradient by way of z and dz; returns the summed loss."""
        if isinstance(x, Cells):
            _ = x.T  # now: what one thread does stays together, and so do products, that wake all
        z = self._encode(x)
        pause()
        self._decode(z, self.parameters.weights.W_out)
        pause()
        on = self._few_on()
        if isinstance(x, Cells) and on is not None:
            loss, dz = self._sparse_decoder_gradient(x, z, on)
        else:
            loss, dz = self._dense_decoder_gradient(x, z, pause)
        pause()
        self._encoder_gradient(x, dz)
        return loss

    def _encode(self, x: Cells | Tensor) -> Float[Tensor, "batch n_dense"]:
        W_in = self.parameters.weights.W_in
        return x @ W_in.T if isinstance(x, Cells) else self._product(x, W_in.T, self._z)

    def _decode(self, z: Float[Tensor, "batch k"], matrix: Float[Tensor, "n_sparse k"]) -> Tensor:
        """The pre-activation z matrixᵀ + b, of which a ReLU leaves nothing below 0, in `_pre`."""
        b = self.parameters.weights.b
        relu = self.activation == "relu"
        if relu and not self.half and z.is_contiguous() and onednn.serves(self._pre):
            self._pre = onednn.linear_relu(z, matrix, b)
            return self._pre
        self._product(z, matrix.T, self._pre, add=b)
        return self._pre.relu_() if relu else self._pre

    def _few_on(self) -> Cells | None:
        """Where a ReLU leaves outputs on; None where that is not looked for, or are too many."""
        if self._marks is None:
            return None
        return positives(self._pre, self._marks, most=self.plan.most_on)

    def _sparse_decoder_gradient(
        self, x: Cells, z: Tensor, on: Cells
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "batch n_dense"]]:
        """The summed loss and dz; leaves dW_out and db."""
        own, gradient = self.parameters.weights, self.parameters.gradient
        loss = residual.of_few_cells(self._pre, x, on, self.importance)
        on.values.mul_(self._scale)
        self._db.zero_().index_add_(0, on.columns, on.values)
        gradient.b.copy_(self._db)
        gradient.W_out.copy_(on.T @ z)
        return loss, on @ own.W_out

    def _dense_decoder_gradient(
        self, x: Cells | Tensor, z: Tensor, pause: Pause
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "batch n_dense"]]:
        """The same from all cells."""
        own, gradient = self.parameters.weights, self.parameters.gradient
        loss = self._residual(x)
        self._bias_gradient()
        by_W_out = self._product(self._pre.T, z, self._turned, scale=self._scale)
        gradient.W_out.copy_(by_W_out)
        pause()
        return loss, self._product(self._pre, own.W_out, self._dz, scale=self._scale)

    def _residual(self, x: Cells | Tensor) -> Float[Tensor, ""]:
        """Turns what `_decode` left into g; returns the summed loss."""
        if self.activation == "relu" and isinstance(x, Cells):
            return residual.of_few_targets(self._pre, x, self.importance)
        if self._slope.shape != self._pre.shape:
            self._slope = torch.empty_like(self._pre)
        if self.activation == "relu" and isinstance(x, Tensor):
            return residual.of_all_targets(self._pre, self._slope, x, self.importance)
        return residual.everywhere(self.activation, self._pre, self._slope, x, self.importance)

    def _bias_gradient(self) -> None:
        torch.sum(self._pre, 0, out=self._db).mul_(self._scale)
        self.parameters.gradient.b.copy_(self._db)

    def _encoder_gradient(self, x: Cells | Tensor, dz: Float[Tensor, "batch n_dense"]) -> None:
        sparse = isinstance(x, Cells)
        self._add_encoder(x.T @ dz if sparse else self._product(x.T, dz, self._turned))

    def _add_encoder(self, by_W_in: Float[Tensor, "n_sparse n_dense"]) -> None:
        """Tied weights have the decoder's gradient there already."""
        into = self.parameters.gradient.W_in.T
        into.add_(by_W_in) if self.parameters.tied else into.copy_(by_W_in)

    def _by_squares(self, x: Float[Tensor, "batch n_sparse"], pause: Pause) -> Float[Tensor, ""]:
        """The whole gradient through C, and where that is shorter the outputs through W; returns
        the summed loss."""
        own, gradient, turned = self.parameters.weights, self.parameters.gradient, self._turned
        if self._squares.forward:  # never without backward
            self._decode(x, self._product(own.W_out, own.W_in, self._square))
        else:
            self._decode(self._encode(x), own.W_out)
        pause()
        loss = self._residual(x)
        self._bias_gradient()
        C = self._product(x.T, self._pre, self._square, scale=self._scale)
        pause()
        gradient.W_out.copy_(self._product(C.T, own.W_in.T, turned))
        self._add_encoder(self._product(C, own.W_out, turned))
        return loss

    @property
    def _scale(self) -> float:
        """d loss / d (summed squares / 2)."""
        return 2 / self._pre.numel()

    def _product(self, left: Tensor, right: Tensor, out: Tensor, **also: Any) -> Tensor:
        return product(left, right, out, half=self.half, **also)
