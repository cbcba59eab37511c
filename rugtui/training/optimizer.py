"""The descent itself: PyTorch's optimizers over one flat tensor, and the rate's schedule."""

from __future__ import annotations

import torch
from torch import Tensor

from rugtui.training.parameters import Parameters

FUSED = ("cpu", "cuda")


class Optimizer:
    """Adam on flat parameters. Its state is tensors by name, empty before the first step."""

    def __init__(self, parameters: Parameters) -> None:
        self._flat = parameters.weights.flat
        self._flat.grad = parameters.gradient.flat
        fused = self._flat.device.type in FUSED
        self._descent = torch.optim.Adam([self._flat], fused=fused)

    def step(self, lr: float) -> None:
        self._descent.param_groups[0]["lr"] = lr
        self._descent.step()

    def state(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self._descent.state[self._flat].items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        device = self._flat.device
        self._descent.state[self._flat] = {n: v.to(device).clone() for n, v in state.items()}
