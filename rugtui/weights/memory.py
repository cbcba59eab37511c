"""Whether a size fits in memory, asked before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from rugtui.errors import WeightsError


def available_memory() -> int:
    """Bytes that this process may still take: what the kernel calls available, under any limit."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux: take what is free, or failing that what is built in
    name = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def require_memory(needed: int, what: str) -> None:
    """Raise WeightsError unless `needed` bytes are there; `what` begins the sentence."""
    if needed > (there := available_memory()):
        raise WeightsError(
            f"{what} needs {needed / 2**30:.3g} GiB of memory, but {there / 2**30:.3g} GiB are "
            "available; take a smaller size."
        )
