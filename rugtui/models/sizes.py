"""Memory sizes: checks before anything is allocated, and sizes in words."""

from __future__ import annotations

from rugtui.errors import WeightsError
from rugtui.runtime.machine import available_memory


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


def is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0
