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
    if name == "auto":
        return torch.device(_best())
    kind, _, index = name.partition(":")
    if kind == "cuda":
        _require_cuda(name, int(index or 0))
    elif kind == "mps":
        if not torch.backends.mps.is_available():
            raise _absent(name, "no Metal device was found: use cpu or auto")
    elif name != "cpu":
        raise _absent(name, "use auto")
    return torch.device(name)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _require_cuda(name: str, index: int) -> None:
    if not torch.cuda.is_available():
        raise _absent(name, "no CUDA device was found: use cpu or auto")
    found = torch.cuda.device_count()
    if index >= found:
        last = "cuda:0" if found == 1 else f"cuda:0 to cuda:{found - 1}"
        raise _absent(name, f"{found} CUDA device{'s' * (found > 1)} found: use {last}")


def _absent(name: str, hint: str) -> SettingError:
    return SettingError("device", WANTED, repr(name), hint)


def data_type(settings: Settings, device: torch.device) -> torch.dtype:
    """Raises SettingError if the device does not support this precision."""
    if settings.dtype == "float64" and device.type == "mps":
        raise SettingError("dtype", "float32 on mps", "float64", "use device cpu")
    return torch.float64 if settings.dtype == "float64" else torch.float32


@contextmanager
def precision(settings: Settings, device: torch.device) -> Iterator[None]:
    """Lets CUDA use TensorFloat-32 for float32 products inside the block, if `matmul` is "tf32".

    The switch is global: nothing else may compute on CUDA in the meantime.
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
