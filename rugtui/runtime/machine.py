"""What this process may use of its machine, as its job or container allows, and what it uses.

Limits of Linux control groups are read in both versions. A group's limit also holds for the groups
inside it; a container sees its own group at the root, whatever name the host has for it.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

try:
    import resource
except ImportError:  # Windows has no limits of this kind
    resource = None

ROOT = Path("/")


def cores(root: Path = ROOT) -> int:
    """Cores that this process is granted: those it may run on, but at most its CPU quota.

    A fraction of a core is not counted: the thread on it would delay all others.
    """
    granted = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        granted = len(os.sched_getaffinity(0))
    return max(min([granted, *map(int, _cpu_quotas(root))]), 1)


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process may still allocate: the least that the system, its control groups and
    its own limit (`ulimit -v`) leave."""
    import psutil

    left = [psutil.virtual_memory().available, *_group_memory(root)]
    if resource is not None:
        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            left.append(max(most - psutil.Process().memory_info().vms, 0))
    return min(left)


def used_memory() -> int:
    """Bytes that this process has in memory."""
    import psutil

    return psutil.Process().memory_info().rss


def _cpu_quotas(root: Path) -> Iterator[float]:
    """The CPU quotas that apply, in cores."""
    for group in _groups(root, "cpu"):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        quota = quota or _read(group / "cpu.cfs_quota_us")
        period = period or _read(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):  # "max" and -1 are no quota
            yield int(quota) / int(period)


def _group_memory(root: Path) -> Iterator[int]:
    """What is left of each memory limit. Cached files count as free: the kernel drops them."""
    for group in _groups(root, "memory"):
        used = _read(group / "memory.current") or _read(group / "memory.usage_in_bytes")
        limits = ("memory.max", "memory.high", "memory.limit_in_bytes")
        known = [int(text) for name in limits if (text := _read(group / name)).isdecimal()]
        if known and used.isdecimal():
            facts = [line.split() for line in _read(group / "memory.stat").splitlines()]
            stat = {fact[0]: int(fact[1]) for fact in facts if len(fact) == 2}
            cached = stat.get("total_inactive_file", stat.get("inactive_file", 0))
            yield max(min(known) - int(used) + cached, 0)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The groups that hold this process and may limit it, from the innermost out."""
    mounts = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, own = rest.partition(":")
        if number == "0":  # version 2, where it is mounted alone or beside version 1
            tops = [mounts / "unified", mounts]
        elif controller in controllers.split(","):
            tops = [mounts / controllers, mounts / controller]
        else:
            continue
        top = next((one for one in tops if one.is_dir()), mounts)
        inside = PurePosixPath(own.lstrip("/"))
        yield from (top / part for part in (inside, *inside.parents) if ".." not in part.parts)


def _read(path: Path) -> str:
    """The content of a file of the kernel; empty if there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process uses of processor, memory and, on CUDA, the GPU; NaN if unknown."""

    cpu: float
    """Percent of one core since the previous sample."""
    memory: float
    """Resident bytes."""
    gpu: float = math.nan
    """Percent of the time in which the GPU computed, for any process."""
    gpu_memory: float = math.nan
    """Bytes in use on the GPU, by all processes."""
    gpu_power: float = math.nan
    """Watts."""

    @property
    def text(self) -> str:
        """One line; the processor in steps of 5 %, so that it seldom changes."""
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

            # CUDA_VISIBLE_DEVICES may number devices differently from NVML
            identity = str(torch.cuda.get_device_properties(int(number or 0)).uuid)
            return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{identity}")
        return pynvml.nvmlDeviceGetHandleByIndex(int(number or 0))
    return None


def read_gpu(handle: Any) -> tuple[float, float, float]:
    """Percent of time busy, bytes and watts of a GPU; NaN for what it does not report."""
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
