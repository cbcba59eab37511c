"""Figures in PNG and SVG files."""

import numpy as np
from PIL import Image

from rugtui.reports.figure import Figure, LinePanel, Series, WeightsPanel
from rugtui.reports.matplotlib_figures import number, write
from rugtui.reports.sweep_figures import sweep_figures
from rugtui.tui.charts.palette import picture_colours
from tests.reports.some import some_rows

COLOURS = picture_colours(dark=False)


def test_every_kind_of_panel_is_written_as_png_and_svg(tmp_path):
    weave = WeightsPanel("W", 8, 0.5, np.eye(8), np.full(8, -0.4))
    x = np.geomspace(1, 100, 9)
    error = LinePanel("t", "step", "loss", (Series("n", x, 1 / x, place=0, error=0.1 / x),))
    maps = next(one for one in sweep_figures(some_rows()) if one.name.startswith("maps"))
    for figure in (Figure("a", "c", (weave, weave), 2), Figure("b", "c", (error,)), maps):
        paths = tmp_path / f"{figure.name}.png", tmp_path / f"{figure.name}.svg"
        write(figure, COLOURS, *paths)
        assert Image.open(paths[0]).size[0] >= 900
        svg = paths[1].read_text()
        assert svg.rstrip().endswith("</svg>")
    assert "step" in (tmp_path / "b.svg").read_text()


def test_the_same_figure_gives_the_same_svg(tmp_path):
    figure = sweep_figures(some_rows())[0]
    for name in ("one", "two"):
        write(figure, COLOURS, tmp_path / f"{name}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_numbers_are_short():
    assert [number(x) for x in (0, 0.05, 1e-4, 2048, 12.5)] == [
        "0",
        "0.05",
        "1e-4",
        "2,048",
        "12.5",
    ]
