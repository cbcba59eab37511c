"""States held against each other, bit for bit."""

from __future__ import annotations

import torch

from rugtui.training.state import State


def same_state(one: State, two: State) -> None:
    """Weights, what the optimizer and the generators remember, and where the schedule is."""
    assert one.tensors.keys() == two.tensors.keys()
    assert "weights" in one.tensors
    assert "generator.data" in one.tensors
    for name, tensor in one.tensors.items():
        assert tensor.dtype is two.tensors[name].dtype, name
        # as bytes: −0.0 is not 0.0, and one NaN is the other
        assert torch.equal(_bytes(tensor), _bytes(two.tensors[name])), name
    assert one.facts == two.facts


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
