"""Which layout a terminal gets."""

from __future__ import annotations

from typing import Literal, get_args

Layout = Literal["broad", "wide", "compact", "single", "none"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
LEAST = 30, 8
"""Columns and rows below which only a sentence is shown."""


def layout_for(columns: int, rows: int) -> Layout:
    """broad: four panes, W over the full height; wide: four in a grid; compact: three, W over the
    full height; single: the focused one."""
    if columns < LEAST[0] or rows < LEAST[1]:
        return "none"
    if columns >= 156 and rows >= 40:  # 64 × 64 pixels of W, and two tables side by side
        return "broad"
    if columns >= 100 and rows >= 32:
        return "wide"
    return "compact" if columns >= 72 and rows >= 20 else "single"
