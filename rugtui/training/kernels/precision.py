"""How many digits weights and products carry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rugtui.errors import SettingError
from rugtui.settings.settings import Settings


def data_type(settings: Settings, device: torch.device) -> torch.dtype:
    """Raises SettingError where the device has no such numbers."""
    if settings.dtype == "float64" and device.type == "mps":
        raise SettingError("dtype", "float32 on mps", "float64", "use device cpu")
    return torch.float64 if settings.dtype == "float64" else torch.float32


@contextmanager
def precision(settings: Settings, device: torch.device) -> Iterator[None]:
    """Lets CUDA's products of float32 use TensorFloat-32 inside the block, where `matmul` says so.

    The switch is the process's: nobody else may compute on CUDA at other precision meanwhile.
    """
    if settings.matmul != "tf32" or device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
