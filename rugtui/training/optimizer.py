"""The descent itself: PyTorch's optimizers over blocks of the flat parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

FUSED = ("cpu", "cuda")


class Optimizer:
    """Adam, with a rate for each block. Its state is tensors by name, empty before a first step."""

    def __init__(self, blocks: list[tuple[Tensor, Tensor]], **recipe: Any) -> None:
        """`blocks` are (values, gradient), contiguous and of one size each."""
        self._blocks = [values for values, _ in blocks]
        for values, gradient in blocks:
            values.grad = gradient
        fused = self._blocks[0].device.type in FUSED
        groups = [{"params": [values]} for values in self._blocks]
        self._descent = torch.optim.Adam(groups, fused=fused, **recipe)

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
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        self._descent.state.clear()
        for key, value in state.items():
            index, _, name = key.partition(".")
            values = self._blocks[int(index)]
            self._descent.state[values][name] = value.to(values.device).clone()
