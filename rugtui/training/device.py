"""The device to compute on, and the precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rugtui.errors import SettingError
from rugtui.settings.settings import Settings

WANTED = "auto, cpu, cuda, cuda:N or mps"


def resolve(name: str) -> torch.device:
    """The device of this name; auto prefers cuda, then mps, then cpu. Raises SettingError."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, index = name.partition(":")
    hint = "" if kind in ("cuda", "mps") or name == "cpu" else "use auto"
    if kind == "cuda" and not cuda:
        hint = "no CUDA device was found: use cpu or auto"
    elif kind == "cuda" and int(index or 0) >= (found := torch.cuda.device_count()):
        there = "cuda:0" if found == 1 else f"cuda:0 to cuda:{found - 1}"
        hint = f"{found} CUDA device{'s' * (found > 1)} found: use {there}"
    elif kind == "mps" and not mps:
        hint = "no Metal device was found: use cpu or auto"
    if hint:
        raise SettingError("device", WANTED, repr(name), hint)
    return torch.device(name)


def data_type(settings: Settings, device: torch.device) -> torch.dtype:
    """Raises SettingError if the device does not support this precision."""
    if settings.dtype == "float64" and device.type == "mps":
        raise SettingError("dtype", "float32 on mps", "float64", "use device cpu")
    return torch.float64 if settings.dtype == "float64" else torch.float32


@contextmanager
def precision(settings: Settings, device: torch.device) -> Iterator[None]:
    """Lets CUDA use TensorFloat-32 for float32 products inside the block, if `matmul` is "tf32".
    The switch is global: nothing else may compute on CUDA during the block."""
    if settings.matmul != "tf32" or device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
