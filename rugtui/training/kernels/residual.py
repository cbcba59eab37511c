"""From what the decoder gives to g, the gradient at the pre-activation, and the summed loss.

g is importance · (y − x) f' (section 11), half the slope of the summed loss.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.settings.settings import Activation
from rugtui.training.kernels import activation as activations
from rugtui.training.kernels.cells import Cells

Weigh = Float[Tensor, " n_sparse"] | None


def everywhere(
    activation: Activation,
    pre: Float[Tensor, "batch n_sparse"],
    slope: Float[Tensor, "batch n_sparse"],
    x: Cells | Float[Tensor, "batch n_sparse"],
    importance: Weigh,
) -> Float[Tensor, ""]:
    """Turns the pre-activation into g, by way of `slope`; returns the summed loss."""
    activations.BY_NAME[activation](pre, slope)
    if isinstance(x, Cells):
        pre.view(-1).scatter_add_(0, x.places, -x.values)
    else:
        pre.sub_(x)
    if importance is not None:
        slope.mul_(importance)
        loss = (pre * pre).sum(0) @ importance
    else:
        loss = squares(pre)
    pre.mul_(slope)
    return loss


def of_all_targets(
    y: Float[Tensor, "batch n_sparse"],
    spare: Float[Tensor, "batch n_sparse"],
    x: Float[Tensor, "batch n_sparse"],
    importance: Weigh,
) -> Float[Tensor, ""]:
    """The same for a ReLU and all cells of x: its slope is seen in what it gave, y."""
    residual = torch.sub(y, x, out=spare)
    if importance is None:
        loss = squares(residual)
    else:
        loss = (residual * residual).sum(0) @ importance
        residual.mul_(importance)
    torch.ops.aten.threshold_backward.grad_input(residual, y, 0, grad_input=y)
    return loss


def of_few_targets(
    y: Float[Tensor, "batch n_sparse"], x: Cells, importance: Weigh
) -> Float[Tensor, ""]:
    """The same for a ReLU and few targets, in passes over those."""
    missed = at_targets(y, x)
    if importance is None:
        return squares(y) + squares(missed)
    loss = (y * y).sum(0) @ importance
    y.mul_(importance)
    return loss + missed @ (missed * importance[x.columns])


def of_few_cells(
    y: Float[Tensor, "batch n_sparse"], x: Cells, on: Cells, importance: Weigh
) -> Float[Tensor, ""]:
    """The same where few outputs are on, too: leaves g in the values of `on`."""
    missed = at_targets(y, x)
    on.values = torch.from_numpy(y.view(-1).numpy().take(on.places.numpy()))
    if importance is None:
        return squares(on.values) + squares(missed)
    weighed = on.values * importance[on.columns]
    loss = on.values @ weighed + missed @ (missed * importance[x.columns])
    on.values = weighed
    return loss


def at_targets(y: Float[Tensor, "batch n_sparse"], x: Cells) -> Float[Tensor, " active"]:
    """Turns a ReLU's output into y − x, on the active cells of x where it passes that back;
    returns y − x where it holds y at 0, and 0 where it does not."""
    flat, places = y.view(-1).numpy(), x.places.numpy()
    at = flat.take(places)
    passes = at > 0
    residual = np.maximum(at, 0, out=at)
    residual -= x.values.numpy()
    with np.errstate(invalid="ignore"):  # of a run that diverges, which the loop will say
        passed = residual * passes
        residual -= passed
    flat[places] = passed
    return torch.from_numpy(residual)


def squares(x: Tensor) -> Float[Tensor, ""]:
    """Σ x²."""
    flat = x.view(-1)
    return flat @ flat
