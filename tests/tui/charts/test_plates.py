"""Plates in characters."""

import numpy as np
import pytest

from rugtui.reports.plate import Lines, Plate, Series
from rugtui.tui.charts.palette import palette_for
from rugtui.tui.charts.plates import drawn

X = np.geomspace(10, 1000, 12)


def lines(*series, **known):
    return Plate("some", "Some curves.", (Lines("t", "step", "loss / L*", series, **known),))


def rows(plate, width=80, *, plain=False):
    palette = palette_for(True, "none", plain)
    return [strip.text for strip in drawn(plate, palette, width, ascii_only=plain)]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("plain", [False, True])
def test_every_row_has_the_width_asked_for(width, plain):
    plate = lines(Series("n 64", X, 1 + 1 / X, place=0), Series("n 128", X, 2 / X, place=1))
    told = rows(plate, width, plain=plain)
    assert {len(row) for row in told} == {width}
    assert told[0].startswith("Some curves.")
    assert "loss / L* against step" in told[2]
    assert "".join(told).isascii() or not plain


def test_curves_and_levels_are_named_at_their_ends():
    plate = lines(
        Series("n 64", X, 2 - X / 1000, place=0), levels=(("L*", 1.5),), log_y=False, log_x=False
    )
    told = "\n".join(rows(plate))
    assert "n 64" in told
    assert "L*" in told.split("against step")[1]


def test_a_curve_of_one_point_is_no_curve():
    plate = lines(Series("n 64", X[:1], X[:1], place=0))
    assert "too few values" in "\n".join(rows(plate))
