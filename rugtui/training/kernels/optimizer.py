"""The descent itself: PyTorch's optimizers over blocks of the flat parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rugtui.settings.settings import Settings

FUSED = ("cpu", "cuda")
REFERENCE_EPS = 1e-7


class Optimizer:
    """A PyTorch optimizer with a rate for each block. Its state, tensors by name, is empty before
    the first step."""

    def __init__(
        self,
        kind: type[torch.optim.Optimizer],
        blocks: list[tuple[Tensor, Tensor]],
        **recipe: Any,
    ) -> None:
        """`blocks` are (values, gradient), contiguous and of one size each."""
        self._blocks = [values for values, _ in blocks]
        for values, gradient in blocks:
            values.grad = gradient
        if self._blocks[0].device.type in FUSED:
            recipe["fused"] = True
        self._descent = bare(kind)(
            [{"params": [values]} for values in self._blocks], lr=1.0, **recipe
        )

    def step(self, *rates: float) -> None:
        """One step, at one rate for each block."""
        for group, rate in zip(self._descent.param_groups, rates, strict=True):
            group["lr"] = rate
        self._descent.step()

    def state(self) -> dict[str, Tensor]:
        return {
            f"{index}.{name}": value.clone()
            for index, values in enumerate(self._blocks)
            for name, value in self._descent.state[values].items()
            if value is not None
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Raises ValueError for what is not as large as its block: fused kernels would read past
        its end."""
        self._descent.state.clear()
        for key, value in state.items():
            index, _, name = key.partition(".")
            values = self._blocks[int(index)]
            like = (values.shape, values.dtype)
            if value.numel() != 1 if name == "step" else (value.shape, value.dtype) != like:
                raise ValueError(f"{key} is no state of its optimizer")
            self._descent.state[values][name] = value.to(values.device).clone()


def named(settings: Settings, blocks: list[tuple[Tensor, Tensor]]) -> Optimizer:
    """The optimizer of these settings; the rate comes with each step."""
    if settings.optimizer == "sgd":
        return Optimizer(torch.optim.SGD, blocks, momentum=settings.momentum)
    eps = REFERENCE_EPS if settings.schedule == "reference" else 1e-8
    if settings.optimizer == "adamw":
        decay = settings.weight_decay
        return Optimizer(torch.optim.AdamW, blocks, eps=eps, weight_decay=decay)
    return Optimizer(torch.optim.Adam, blocks, eps=eps)


@functools.cache
def bare(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """`kind` without its wrappers for torch.compile.

    They import the compiler and SymPy, 700 modules, when the first optimizer is made: 1.3 s, more
    than all else between the import of PyTorch and the first step.
    """
    step = torch.no_grad()(inspect.unwrap(kind.step))
    bared = {"add_param_group": inspect.unwrap(kind.add_param_group), "step": step}
    return type(kind.__name__, (kind,), bared)
