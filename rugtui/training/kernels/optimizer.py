"""PyTorch's optimizers over blocks of the flat parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rugtui.settings.settings import Settings
from rugtui.training.kernels.torch_private import without_compile_wrappers

FUSED = ("cpu", "cuda")
REFERENCE_EPS = 1e-7


class Optimizer:
    """A PyTorch optimizer with a rate for each block. Its state, tensors by name, is empty before
    the first step."""

    def __init__(
        self, kind: type[torch.optim.Optimizer], blocks: list[tuple[Tensor, Tensor]], **recipe: Any
    ) -> None:
        """`blocks` are (values, gradient), contiguous and of one size each."""
        self._blocks = [values for values, _ in blocks]
        for values, gradient in blocks:
            values.grad = gradient
        if self._blocks[0].device.type in FUSED:
            recipe["fused"] = True
        self._descent = without_compile_wrappers(kind)(
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
        """Raises ValueError for tensors that do not have the size of their block: fused kernels
        would read beyond them."""
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
