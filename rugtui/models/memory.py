"""Whether a size fits in memory, asked before anything is allocated."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from rugtui.errors import WeightsError

CGROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Bytes that this process may still take: what the system has, what its job may have, and what
    its limit leaves (`ulimit -v`)."""
    return min([_system(), _limit(), *_groups()])


def used_memory() -> int:
    """Bytes that this process has in memory; 0 where the kernel does not say."""
    return _pages()[1]


def require_memory(needed: int, what: str) -> None:
    """Raise WeightsError unless `needed` bytes are there; `what` begins the sentence."""
    if needed > (there := available_memory()):
        raise WeightsError(
            f"{what} needs {gib(needed)} of memory, but {gib(there)} are "
            "available; take a smaller size."
        )


def gib(size: int) -> str:
    """So many bytes in GiB: three digits, and large ones whole."""
    value = size / 2**30
    return f"{value:.3g} GiB" if value < 100 else f"{value:,.0f} GiB"


def _system() -> int:
    """What Linux calls available; elsewhere what is free, or failing that what is built in."""
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    name = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def _limit() -> int:
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return sys.maxsize if most == resource.RLIM_INFINITY else max(most - _pages()[0], 0)


def _pages() -> tuple[int, int]:
    """Bytes of address space that this process has, and those of it that are in memory."""
    pages = [int(number) for number in _read(Path("/proc/self/statm")).split()[:2]]
    size = os.sysconf("SC_PAGE_SIZE")
    return (pages[0] * size, pages[1] * size) if pages else (0, 0)


def _groups() -> list[int]:
    """What is left to each control group of Linux (version 2) that holds this process and has a
    limit: a container's, a batch job's. Cached files count as free, the kernel drops them."""
    own = _read(Path("/proc/self/cgroup")).strip().rpartition("::")[2]
    inner = CGROUPS / own.lstrip("/")
    left = []
    for group in (inner, *inner.parents):
        limit, used = _read(group / "memory.max").strip(), _read(group / "memory.current").strip()
        if limit.isdigit() and used.isdigit():
            known = dict(line.split() for line in _read(group / "memory.stat").splitlines())
            cached = int(known.get("inactive_file", 0))
            left.append(max(int(limit) - int(used) + cached, 0))
        if group == CGROUPS:
            break
    return left


def _read(path: Path) -> str:
    """What the kernel says in this file; nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
