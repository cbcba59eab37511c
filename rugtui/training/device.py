"""Where to compute: the settings' `device` turned into a torch.device that is really there."""

from __future__ import annotations

import torch

from rugtui.errors import SettingError

WANTED = "auto, cpu, cuda, cuda:N or mps"


def resolve(name: str) -> torch.device:
    """The device of this name; auto takes cuda, then mps, then cpu. Raises SettingError."""
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
