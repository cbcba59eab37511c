"""What the process takes of its machine: processor, memory and, on CUDA, the GPU."""

from __future__ import annotations

import contextlib
import importlib
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """One sample. What cannot be measured is NaN."""

    cpu: float
    """Since the sample before, in percent of one core."""
    memory: float
    """Bytes that the process has in memory."""
    gpu: float = math.nan
    """Percent of the time in which the GPU computed, for any process."""
    gpu_memory: float = math.nan
    """Bytes in use on the GPU, by all processes."""
    gpu_power: float = math.nan
    """Watts."""

    @property
    def text(self) -> str:
        """In one line; the processor in steps of 5 %, so that it seldom changes."""
        said = [f"CPU {round(self.cpu / 5) * 5} %", size(self.memory)]
        if not math.isnan(self.gpu):
            said += [f"GPU {self.gpu:.0f} %", size(self.gpu_memory)]
        if not math.isnan(self.gpu_power):
            said.append(f"{self.gpu_power:.0f} W")
        return " · ".join(said)


class UsageMeter:
    """Samples this process; cheap enough for once a second (a tenth of a millisecond)."""

    def __init__(self) -> None:
        import psutil

        self._process = psutil.Process()
        self._process.cpu_percent()  # the first answer covers no time
        self._gpu: Any = None
        self._asked = ""

    def sample(self, device: str = "cpu") -> Usage:
        """`device`: where the run computes."""
        with self._process.oneshot():
            cpu, memory = self._process.cpu_percent(), self._process.memory_info().rss
        if device != self._asked:
            self._asked, self._gpu = device, open_gpu(device)
        return Usage(cpu, memory, *(read_gpu(self._gpu) if self._gpu is not None else ()))


def open_gpu(device: str) -> Any:
    """NVML's handle of a device such as cuda:0; None for others, and without nvidia-ml-py or a
    driver."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    try:
        pynvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    with contextlib.suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        with contextlib.suppress(AssertionError, AttributeError, RuntimeError):
            import torch

            # CUDA_VISIBLE_DEVICES may number devices otherwise than NVML does
            identity = str(torch.cuda.get_device_properties(int(number or 0)).uuid)
            return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{identity}")
        return pynvml.nvmlDeviceGetHandleByIndex(int(number or 0))
    return None


def read_gpu(handle: Any) -> tuple[float, float, float]:
    """Percent of the time, bytes and watts of a GPU; NaN where it does not say."""
    pynvml, found = importlib.import_module("pynvml"), []
    for ask in (
        lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
        lambda: pynvml.nvmlDeviceGetMemoryInfo(handle).used,
        lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
    ):
        try:
            found.append(float(ask()))
        except pynvml.NVMLError:
            found.append(math.nan)
    return found[0], found[1], found[2]


def size(count: float) -> str:
    """Bytes in MiB or GiB."""
    mib = count / 2**20
    return f"{mib:,.0f} MiB" if mib < 10_000 else f"{mib / 1024:,.1f} GiB"
