"""Plates on paper."""

import numpy as np
from PIL import Image

from rugtui.reports.plate import Lines, Plate, Series, Weave
from rugtui.reports.printed import number, write
from rugtui.reports.sweep import sweep_plates
from rugtui.tui.charts.palette import picture_colours
from tests.reports.some import some_rows

COLOURS = picture_colours(dark=False)


def test_every_sort_of_panel_is_written_as_png_and_svg(tmp_path):
    weave = Weave("W", 8, 0.5, np.eye(8), np.full(8, -0.4))
    x = np.geomspace(1, 100, 9)
    error = Lines("t", "step", "loss", (Series("n", x, 1 / x, place=0, error=0.1 / x),))
    maps = next(one for one in sweep_plates(some_rows()) if one.name.startswith("maps"))
    for plate in (Plate("a", "c", (weave, weave), 2), Plate("b", "c", (error,)), maps):
        paths = tmp_path / f"{plate.name}.png", tmp_path / f"{plate.name}.svg"
        write(plate, COLOURS, *paths)
        assert Image.open(paths[0]).size[0] >= 900
        svg = paths[1].read_text()
        assert svg.rstrip().endswith("</svg>")
    assert "step" in (tmp_path / "b.svg").read_text()


def test_the_same_plate_gives_the_same_svg(tmp_path):
    plate = sweep_plates(some_rows())[0]
    for name in ("one", "two"):
        write(plate, COLOURS, tmp_path / f"{name}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_numbers_are_short():
    assert [number(x) for x in (0, 0.05, 1e-4, 2048, 12.5)] == [
        "0",
        "0.05",
        "1e-4",
        "2,048",
        "12.5",
    ]
