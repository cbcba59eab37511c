"""The gradient of the sampled loss, written out (section 11).

Of the five products of a step only the decoder's forward one, z W_outᵀ, has to be dense. x is
p-sparse, and so nearly is g, the gradient at the pre-activation, once training has made the bias
negative: a ReLU has no gradient where its output is 0.

If all entries are computed and n_dense is not much smaller than n_sparse, it is faster to use
W = W_out W_in for the forward pass, and C = xᵀ g for the gradient (rugtui.training.kernels.plan):
    ∂W_out ∝ Cᵀ W_inᵀ,   ∂W_inᵀ ∝ C W_out

Below, g is without the factor 2/(batch · n_sparse), which is applied in a product or in the sparse
pass.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rugtui.models.activations import FIXED
from rugtui.settings.settings import Activation
from rugtui.training.kernels import passes
from rugtui.training.kernels.plan import FullMatrixPath, Plan
from rugtui.training.kernels.sparse_rows import Batch, SparseRows
from rugtui.training.kernels.torch_private import linear_relu
from rugtui.training.state import Parameters

CheckCancelled = Callable[[], None]
NARROW, LANES = 32, 16
"""A CPU is slower at products with rows of length n_dense than with columns if n_dense is below
NARROW, or no multiple of LANES (1,024 samples, n_sparse 128, one thread: 155 µs against 34 at
n_dense 6, 123 against 84 at 26, 329 against 277 at 102). The decoder is as fast from a narrow z in
columns. Products over the samples are faster in columns at all sizes."""


class Gradient:
    """Computes loss and gradient of batches, in buffers that are allocated once per batch size. The
    loss is the mean over samples and features of importance_i (x_i − y_i)²."""

    def __init__(
        self,
        parameters: Parameters,
        plan: Plan,
        *,
        activation: Activation = "relu",
        importance: Float[Tensor, " n_sparse"] | None = None,
        half: bool = False,
    ) -> None:
        """`half`: dense products take and return bfloat16, and accumulate in float32."""
        self.parameters, self.plan = parameters, plan
        self.activation: Activation = activation
        self.importance, self.half = importance, half
        self._compiled = plan.compiled and activation == "relu"
        if self._compiled:
            weight = torch.ones_like(parameters.weights.b) if importance is None else importance
            self._weight = weight.numpy()
        self._allocate(0)

    def __call__(
        self, x: Batch, check_cancelled: CheckCancelled = lambda: None
    ) -> Float[Tensor, ""]:
        """Leaves the gradient of the loss in the parameters; returns the loss, on the device.

        `check_cancelled` is called between the large products; if it raises, the weights are
        untouched.
        """
        if x.shape[0] != len(self._pre):
            self._allocate(x.shape[0])
        x = x if self.plan.sparse_encoder else self._dense(x)
        if self._full_matrix.backward and isinstance(x, Tensor):
            loss = self._by_full_matrix(x, check_cancelled)
        else:
            loss = self._by_rows(x, check_cancelled)
        return torch.as_tensor(loss / self._pre.numel(), dtype=self._pre.dtype)

    @property
    def rows_on(self) -> Bool[Tensor, " n_sparse"]:
        """Which outputs had a gradient in the last batch."""
        return self.parameters.gradient.b != 0

    def _allocate(self, batch: int) -> None:
        own, plan = self.parameters, self.plan
        self._pre, self._slope, self._x = (own.weights.flat.new_empty(0),) * 3
        self._pre = own.weights.flat.new_empty(batch, own.n_sparse)
        narrow = not plan.sparse_encoder and own.n_dense < NARROW
        ragged = not plan.sparse_encoder and own.n_dense % LANES > 0
        self._z = _thin(self._pre, batch, own.n_dense, columns=narrow)
        self._dz = _thin(self._pre, batch, own.n_dense, columns=narrow or ragged)
        self._turned = _thin(self._pre, own.n_sparse, own.n_dense, columns=True)
        fits = plan.compiled and not (self.half or plan.sparse_encoder)
        self._full_matrix = FullMatrixPath.of(own.n_sparse, own.n_dense, batch if fits else 0)
        size = own.n_sparse if self._full_matrix.backward else 0
        self._square = self._pre.new_empty(size, size)
        self._most_on = int(plan.most_on * self._pre.numel())
        room = self._most_on + own.n_sparse if self._compiled and plan.sparse_encoder else 0
        self._on = SparseRows(
            (batch, own.n_sparse),
            torch.empty(batch + 1, dtype=torch.int32),
            torch.empty(room, dtype=torch.int32),
            self._pre.new_empty(room),
        )

    def _dense(self, x: Batch) -> Tensor:
        if isinstance(x, Tensor):
            return x
        if self._x.shape != self._pre.shape:
            self._x = torch.empty_like(self._pre)
        return x.dense(out=self._x)

    def _by_rows(self, x: Batch, check_cancelled: CheckCancelled) -> Float[Tensor, ""] | float:
        """The gradient through z and dz; returns the summed loss."""
        own, gradient = self.parameters.weights, self.parameters.gradient
        z = self._encode(x)
        check_cancelled()
        self._decode(z, own.W_out)
        check_cancelled()
        loss, on = self._residual(x)
        if on is not None:
            gradient.W_out.copy_(on.T @ z)
            dz = on @ own.W_out
        else:
            self._product_into(gradient.W_out, self._pre.T, z, scale=self._scale)
            check_cancelled()
            dz = self._product(self._pre, own.W_out, self._dz, scale=self._scale)
        check_cancelled()
        if isinstance(x, SparseRows):
            self._add_encoder(x.T @ dz)
        elif self.parameters.tied:
            self._add_encoder(self._product(x.T, dz, self._turned))
        else:
            self._product_into(gradient.W_in.T, x.T, dz)
        return loss

    def _encode(self, x: Batch) -> Float[Tensor, "batch n_dense"]:
        W_in = self.parameters.weights.W_in
        return x @ W_in.T if isinstance(x, SparseRows) else self._product(x, W_in.T, self._z)

    def _decode(self, z: Float[Tensor, "batch k"], matrix: Float[Tensor, "n_sparse k"]) -> None:
        """Writes z matrixᵀ + b to `_pre`; for a ReLU, its output."""
        b = self.parameters.weights.b
        if self.activation == "relu" and not self.half:
            self._pre = linear_relu(z, matrix, b, self._pre)
            return
        self._product(z, matrix.T, self._pre, add=b)
        if self.activation == "relu":
            self._pre.relu_()

    def _residual(self, x: Batch) -> tuple[Float[Tensor, ""] | float, SparseRows | None]:
        """The summed loss, and g: as the active entries that are returned, otherwise in `_pre`.
        Writes the gradient of b."""
        by_b = self.parameters.gradient.b
        if not self._compiled:
            loss = self._residual_by_torch(x)
        elif isinstance(x, Tensor):
            arrays = self._pre.numpy(), x.numpy(), self._weight, by_b.numpy()
            loss = passes.filled_gradient(*arrays)
        else:
            y, targets = self._pre.numpy(), x.arrays
            done, missed = 0, 0.0
            if self.plan.most_on:
                into, own = (self._scale, self._most_on, self._on.arrays), self._weight
                done, loss, missed = passes.sparse_gradient(y, targets, own, *into, by_b.numpy())
                if done == len(y):
                    return loss + missed, self._few_on()
            loss = missed + passes.dense_gradient(y, targets, done, self._weight, by_b.numpy())
        by_b.mul_(self._scale)
        return loss, None

    def _few_on(self) -> SparseRows:
        on = self._on
        count = int(on.starts[-1])
        return SparseRows(on.shape, on.starts, on.columns[:count], on.values[:count])

    def _residual_by_torch(self, x: Batch) -> Float[Tensor, ""]:
        """`_residual` on any device and for any activation, with the gradient of b not yet scaled;
        g is left in `_pre`."""
        pre, weight = self._pre, self.importance
        if self._slope.shape != pre.shape:
            self._slope = torch.empty_like(pre)
        slope = self._slope
        if self.activation == "relu":  # the slope follows from the output
            residual = torch.sub(pre, self._dense(x), out=slope)
            loss = _weighted_squares(residual, weight)
            residual = residual if weight is None else residual.mul_(weight)
            pre = self._pre = torch.ops.aten.threshold_backward(residual, pre, 0)
        else:
            FIXED[self.activation](pre, slope)
            residual = x.add_to(pre, -1.0) if isinstance(x, SparseRows) else pre.sub_(x)
            loss = _weighted_squares(residual, weight)
            residual.mul_(slope if weight is None else slope.mul_(weight))
        torch.sum(pre, 0, out=self.parameters.gradient.b)
        return loss

    def _add_encoder(self, by_W_in: Float[Tensor, "n_sparse n_dense"]) -> None:
        """Added to the decoder's gradient if weights are tied."""
        into = self.parameters.gradient.W_in.T
        into.add_(by_W_in) if self.parameters.tied else into.copy_(by_W_in)

    def _by_full_matrix(
        self, x: Float[Tensor, "batch n_sparse"], check_cancelled: CheckCancelled
    ) -> Float[Tensor, ""] | float:
        """The gradient through C, and the output through W if that is faster; returns the summed
        loss."""
        own, gradient, turned = self.parameters.weights, self.parameters.gradient, self._turned
        if self._full_matrix.forward:  # never without backward
            self._decode(x, self._product(own.W_out, own.W_in, self._square))
        else:
            self._decode(self._encode(x), own.W_out)
        check_cancelled()
        loss, _ = self._residual(x)
        C = self._product(x.T, self._pre, self._square, scale=self._scale)
        check_cancelled()
        gradient.W_out.copy_(self._product(C.T, own.W_in.T, turned))
        self._add_encoder(self._product(C, own.W_out, turned))
        return loss

    @property
    def _scale(self) -> float:
        """d loss / d (summed squares / 2)."""
        return 2 / self._pre.numel()

    def _product_into(
        self, gradient: Tensor, left: Tensor, right: Tensor, *, scale: float = 1.0
    ) -> None:
        """A product over the samples, which a CPU computes faster in a column-major buffer."""
        own = self._turned if gradient.device.type == "cpu" else gradient
        self._product(left, right, own, scale=scale)
        if own is not gradient:
            gradient.copy_(own)

    def _product(
        self,
        left: Float[Tensor, "rows k"],
        right: Float[Tensor, "k columns"],
        out: Float[Tensor, "rows columns"],
        *,
        add: Float[Tensor, " columns"] | None = None,
        scale: float = 1.0,
    ) -> Float[Tensor, "rows columns"]:
        """out = scale · left · right + add."""
        if self.half:
            torch.mul(left.bfloat16() @ right.bfloat16(), scale, out=out)
            return out if add is None else out.add_(add)
        if add is None:  # with beta = 0 the addend is not read
            return torch.addmm(out, left, right, beta=0, alpha=scale, out=out)
        return torch.addmm(add, left, right, alpha=scale, out=out)


def _thin(like: Tensor, rows: int, n_dense: int, *, columns: bool) -> Float[Tensor, "rows n_dense"]:
    """A buffer, column-major on a CPU if `columns`."""
    if columns and like.device.type == "cpu":
        return like.new_empty(n_dense, rows).T
    return like.new_empty(rows, n_dense)


def _weighted_squares(
    residual: Float[Tensor, "batch n_sparse"], weight: Float[Tensor, " n_sparse"] | None
) -> Float[Tensor, ""]:
    """Σ weight_i residual_i² over all samples."""
    if weight is None:
        return residual.view(-1) @ residual.view(-1)
    return (residual * residual).sum(0) @ weight
