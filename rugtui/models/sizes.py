"""What sizes are, for those who know no tensor."""

from __future__ import annotations


def is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0
