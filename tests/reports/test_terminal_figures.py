"""Figures in characters."""

import numpy as np
import pytest

from rugtui.reports.figure import Figure, LinePanel, MapPanel, Series, WeightsPanel
from rugtui.reports.terminal_figures import drawn
from rugtui.tui.charts.palette import picture_colours

X = np.geomspace(10, 1000, 12)


def lines(*series, **known):
    return Figure("some", "Some curves.", (LinePanel("t", "step", "loss / L*", series, **known),))


def rows(figure, width=80, *, plain=False):
    return [line.plain for line in drawn(figure, picture_colours(True), width, ascii_only=plain)]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("plain", [False, True])
def test_every_line_has_the_requested_width(width, plain):
    figure = lines(Series("n 64", X, 1 + 1 / X, place=0), Series("n 128", X, 2 / X, place=1))
    told = rows(figure, width, plain=plain)
    assert {len(row) for row in told} == {width}
    assert told[0].startswith("Some curves.")
    assert "loss / L* against step" in told[2]
    assert "".join(told).isascii() or not plain


def test_curves_and_levels_are_named():
    figure = lines(
        Series("n 64", X, 2 - X / 1000, place=0), levels=(("L*", 1.5),), log_y=False, log_x=False
    )
    told = "\n".join(rows(figure))
    assert "n 64" in told
    assert "L*" in told.split("against step")[1]


def test_a_curve_of_one_point_is_not_drawn():
    figure = lines(Series("n 64", X[:1], X[:1], place=0))
    assert "not enough values yet" in "\n".join(rows(figure))


def test_maps_and_w_are_drawn_in_colour_or_in_characters():
    values = np.array([[0.5, 1.0, 2.0], [1.0, np.nan, 1.5]])
    seen = MapPanel(
        "map", "loss / L*", np.array([0.1, 0.2]), np.array([0.1, 0.2, 0.4]), values, 1.0
    )
    weights = WeightsPanel("W", 4, 0.5, np.diag([1.0, 0.2, -0.5, -1.0]))
    for plain in (False, True):
        told = drawn(Figure("x", "c", (seen, weights)), picture_colours(True), 60, plain=plain)
        text = "\n".join(line.plain for line in told)
        assert "r upwards; loss / L*" in text
        assert "features 0 to 3" in text
        assert ("▀" in text) != plain
        assert ("?" in text) == plain
        colours = {span.style for line in told for span in line.spans}
        assert (len(colours) > 5) != plain
    corner = text[text.index("\nW ") :].splitlines()[2:6]
    assert (corner[0][0], corner[1][1], corner[2][2], corner[3][3]) == ("@", "+", "&", "&")
