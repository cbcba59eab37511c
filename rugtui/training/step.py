"""The gradient of the sampled loss, written out (section 11).

Of the five products of a step only the decoder's forward one, z W_outᵀ, has to be dense. x is
p-sparse, and so nearly is g, the gradient at the pre-activation, once training has made the bias
negative: a ReLU passes nothing back through cells that it holds at 0.

Where all cells count and n_dense is not small beside n_sparse, W = W_out W_in itself is the shorter
way for a whole batch, and C = xᵀ g for all that comes back (rugtui.training.plan.Squares):
    ∂W_out ∝ Cᵀ W_inᵀ,   ∂W_inᵀ ∝ C W_out
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rugtui.config import Activation
from rugtui.training import activation as activations
from rugtui.training import onednn
from rugtui.training.cells import Cells, marked, marks
from rugtui.training.parameters import Parameters
from rugtui.training.plan import DENSE, Plan, Squares

Pause = Callable[[], None]
NARROW, LANES = 32, 16
"""Of n_dense: below the one, or where it is no multiple of the other, a CPU is slower at products
whose rows are that short than at the same ones with long columns (1,024 samples, n_sparse 128, one
thread: 155 µs against 34 at n_dense 6, 123 against 84 at 26, 329 against 277 at 102). From a narrow
z in columns the decoder goes on as fast. Products over the samples want columns at all sizes."""


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
            return self._by_squares(x, pause) / self._pre.numel()
        z = self._encode(x)
        pause()
        self._decode(z, self.parameters.weights.W_out)
        pause()
        loss, dz = self._decoder_gradient(x, z, pause)
        pause()
        self._encoder_gradient(x, dz)
        return loss / self._pre.numel()

    @property
    def rows_on(self) -> Bool[Tensor, " n_sparse"]:
        """Which outputs passed a gradient back in the last batch."""
        return self._db != 0

    def _allocate(self, batch: int) -> None:
        own = self.parameters
        self._pre, self._slope, self._x = (own.weights.flat.new_empty(0),) * 3
        self._pre = own.weights.flat.new_empty(batch, own.n_sparse)
        narrow = not self.plan.sparse_encoder and own.n_dense < NARROW
        ragged = not self.plan.sparse_encoder and own.n_dense % LANES > 0
        self._z = self._thin(batch, columns=narrow)
        self._dz = self._thin(batch, columns=narrow or ragged)
        self._turned = self._thin(own.n_sparse, columns=True)
        on_cpu = self._pre.device.type == "cpu"
        fits = on_cpu and not (self.half or self.plan.sparse_encoder)
        self._squares = Squares.of(own.n_sparse, own.n_dense, batch if fits else 0)
        size = own.n_sparse if self._squares.backward else 0
        self._square = self._pre.new_empty(size, size)
        self._db = self._pre.new_zeros(own.n_sparse)
        self._on = marks(self._pre.numel() if self.plan.most_on else 0)

    def _thin(self, rows: int, *, columns: bool) -> Float[Tensor, "rows n_dense"]:
        """A buffer, which on a CPU may lie in memory column after column."""
        n_dense = self.parameters.n_dense
        if columns and self._pre.device.type == "cpu":
            return self._pre.new_empty(n_dense, rows).T
        return self._pre.new_empty(rows, n_dense)

    def _dense(self, x: Cells | Tensor) -> Tensor:
        if isinstance(x, Tensor):
            return x
        if self._x.shape != self._pre.shape:
            self._x = torch.empty_like(self._pre)
        return x.dense(out=self._x)

    def _encode(self, x: Cells | Tensor) -> Float[Tensor, "batch n_dense"]:
        W_in = self.parameters.weights.W_in
        return x @ W_in.T if isinstance(x, Cells) else self._product(x, W_in.T, self._z)

    def _decode(self, z: Float[Tensor, "batch k"], matrix: Float[Tensor, "n_sparse k"]) -> None:
        """The pre-activation z matrixᵀ + b, of which a ReLU leaves nothing below 0."""
        b = self.parameters.weights.b
        relu = self.activation == "relu"
        if relu and not self.half and z.is_contiguous() and onednn.serves(self._pre):
            self._pre = onednn.linear_relu(z, matrix, b)
            return
        self._product(z, matrix.T, self._pre, add=b)
        if relu:
            self._pre.relu_()

    def _decoder_gradient(
        self, x: Cells | Tensor, z: Tensor, pause: Pause
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "batch n_dense"]]:
        """The summed loss and dz; leaves dW_out and db."""
        if isinstance(x, Tensor) or self.activation != "relu":
            loss = self._residual(x)
        else:
            on = self._few_on()
            if on is not None:
                return self._sparse_decoder_gradient(x, z, on)
            loss = self._relu_residual(x)
        return loss, self._dense_decoder_gradient(z, pause)

    def _residual(self, x: Cells | Tensor) -> Float[Tensor, ""]:
        """Turns the pre-activation into importance · (f − x) f'; returns the summed loss."""
        if self._slope.shape != self._pre.shape:
            self._slope = torch.empty_like(self._pre)
        if self.activation == "relu" and isinstance(x, Tensor):
            return self._full_relu_residual(x)
        pre, slope = self._pre, self._slope
        activations.BY_NAME[self.activation](pre, slope)
        if isinstance(x, Cells):
            pre.view(-1).scatter_add_(0, x.places, -x.values)
        else:
            pre.sub_(x)
        if self.importance is not None:
            slope.mul_(self.importance)
            loss = (pre * pre).sum(0) @ self.importance
        else:
            loss = _squares(pre)
        pre.mul_(slope)
        return loss

    def _full_relu_residual(self, x: Tensor) -> Float[Tensor, ""]:
        """The same for a ReLU, whose slope is seen in what it gave."""
        residual = torch.sub(self._pre, x, out=self._slope)
        if self.importance is None:
            loss = _squares(residual)
        else:
            loss = (residual * residual).sum(0) @ self.importance
            residual.mul_(self.importance)
        torch.ops.aten.threshold_backward.grad_input(residual, self._pre, 0, grad_input=self._pre)
        return loss

    def _relu_residual(self, x: Cells) -> Float[Tensor, ""]:
        """The same for few cells, in passes over them."""
        flat = self._pre.view(-1)
        passed, missed = _at_targets(flat.numpy(), x)
        flat.numpy()[x.places.numpy()] = passed
        if self.importance is None:
            return _squares(flat) + _squares(missed)
        loss = (self._pre * self._pre).sum(0) @ self.importance
        self._pre.mul_(self.importance)
        return loss + missed @ (missed * self.importance[x.columns])

    def _few_on(self) -> Int[np.ndarray, " on"] | None:
        """Places of the positive pre-activations, where they are few enough to be worth it."""
        if not self.plan.most_on:
            return None
        pre = self._pre.view(-1).numpy()
        np.greater(pre, 0, out=self._on[: pre.size])
        if np.count_nonzero(self._on) > self.plan.most_on * pre.size:
            return None
        return marked(self._on)

    def _bias_gradient(self) -> None:
        torch.sum(self._pre, 0, out=self._db).mul_(self._scale)
        self.parameters.gradient.b.copy_(self._db)

    def _by_squares(self, x: Tensor, pause: Pause) -> Float[Tensor, ""]:
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
        encoder = self._product(C, own.W_out, turned)
        into = gradient.W_in.T
        into.add_(encoder) if self.parameters.tied else into.copy_(encoder)
        return loss

    def _dense_decoder_gradient(self, z: Tensor, pause: Pause) -> Tensor:
        own, gradient, g = self.parameters.weights, self.parameters.gradient, self._pre
        self._bias_gradient()
        gradient.W_out.copy_(self._product(g.T, z, self._turned, scale=self._scale))
        pause()
        return self._product(g, own.W_out, self._dz, scale=self._scale)

    def _sparse_decoder_gradient(
        self, x: Cells, z: Tensor, on: Int[np.ndarray, " on"]
    ) -> tuple[Tensor, Tensor]:
        own, gradient = self.parameters.weights, self.parameters.gradient
        flat = self._pre.view(-1).numpy()
        passed, missed = _at_targets(flat, x)
        flat[x.places.numpy()] = passed
        values = flat.take(on)
        g = Cells.at(x.shape, torch.from_numpy(on), torch.from_numpy(values))
        if self.importance is None:
            loss = _squares(g.values) + _squares(missed)
        else:
            weighed = g.values * self.importance[g.columns]
            loss = g.values @ weighed + missed @ (missed * self.importance[x.columns])
            g.values = weighed
        g.values.mul_(self._scale)
        self._db.zero_().index_add_(0, g.columns, g.values)
        gradient.b.copy_(self._db)
        gradient.W_out.copy_(g.T @ z)
        return loss, g @ own.W_out

    @property
    def _scale(self) -> float:
        """d loss / d (summed squares / 2)."""
        return 2 / self._pre.numel()

    def _encoder_gradient(self, x: Cells | Tensor, dz: Tensor) -> None:
        into = self.parameters.gradient.W_in.T
        if self.parameters.tied:
            into.add_(x.T @ dz if isinstance(x, Cells) else self._product(x.T, dz, self._turned))
        elif isinstance(x, Cells):
            into.copy_(x.T @ dz)
        else:
            into.copy_(self._product(x.T, dz, self._turned))

    def _product(
        self,
        left: Tensor,
        right: Tensor,
        out: Tensor,
        *,
        add: Tensor | None = None,
        scale: float = 1.0,
    ) -> Tensor:
        """out = scale · left · right + add, at the precision asked for."""
        if self.half:
            torch.mul(left.bfloat16() @ right.bfloat16(), scale, out=out)
            return out if add is None else out.add_(add)
        if add is None:  # with beta = 0 what is added to is not read
            return torch.addmm(out, left, right, beta=0, alpha=scale, out=out)
        return torch.addmm(add, left, right, alpha=scale, out=out)


def _at_targets(
    pre: Float[np.ndarray, " cells"], x: Cells
) -> tuple[Float[np.ndarray, " active"], Float[Tensor, " active"]]:
    """y − x on the active cells of x: where the ReLU passes it back, and where it holds y at 0."""
    at = pre.take(x.places.numpy())
    passes = at > 0
    residual = np.maximum(at, 0, out=at)
    residual -= x.values.numpy()
    with np.errstate(invalid="ignore"):  # of a run that diverges, which the loop will say
        passed = residual * passes
        residual -= passed
    return passed, torch.from_numpy(residual)


def _squares(x: Tensor) -> Float[Tensor, ""]:
    flat = x.view(-1)
    return flat @ flat
