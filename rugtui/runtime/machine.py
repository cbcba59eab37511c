"""What this process may use of its machine: cores and memory, as its job or container allows.

Limits of Linux control groups are read in both versions. A group's limit also holds for the groups
inside it; a container sees its own group at the root, under whatever name the host has for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

try:
    import resource
except ImportError:  # Windows has no limits of this kind
    resource = None

ROOT = Path("/")


def cores(root: Path = ROOT) -> int:
    """Cores that this process is granted: those it may run on, and no more than its CPU quota.

    Half a core is not counted: threads that wait for each other would wait for the half one.
    """
    granted = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        granted = len(os.sched_getaffinity(0))
    return max(min([granted, *map(int, _cpu_quotas(root))]), 1)


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process may still take: what the system has, what its groups leave, and what
    its own limit leaves (`ulimit -v`)."""
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
    """The CPU quotas that hold, in cores."""
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
    """What the kernel says in this file; nothing where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
