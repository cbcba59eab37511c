"""Sparklines and histograms as text."""

import math

import numpy as np
from rich.style import Style

from rugtui.tui.panes.symmetry import histogram, sparkline


def test_a_sparkline_runs_from_least_to_greatest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6], [2**k - 1 for k in range(7)], 7) == "▁▂▃▄▅▆▇"


def test_a_sparkline_spans_its_width_and_leaves_gaps():
    assert sparkline([0, math.nan, 1], [1, 3, 7], 3) == "▁ ▇"
    assert sparkline([0, 1], [1, 7], 4) == "▁▁▁▇"
    assert sparkline([], [], 4) == "    "
    assert sparkline([2.0], [5], 3) == "▁  "
    assert sparkline([0, 1], [1, 7], 4, 2.0) == "▁▁▁▄"


def test_bars_reach_as_high_as_their_mass():
    masses = np.array([0, 1, 2, 4]) / 7
    strips = histogram(masses, np.zeros(4), Style(), Style(), 4, 4)
    columns = list(zip(*(strip.text for strip in strips), strict=True))
    assert ["".join(column) for column in columns] == ["    ", "   █", "  ██", "████"]


def test_the_curve_is_drawn_over_the_bars():
    curve = np.array([1.0, 2.0, 1.0])
    strips = histogram(np.zeros(3), curve, Style(), Style(), 9, 4)
    assert strips[0].text == "   •••   "
