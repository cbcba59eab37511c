"""The W pane's content as text and levels: panels, biases, legend, the cell read out."""

import dataclasses

import numpy as np
import pytest

from rugtui.live.frame import CellReadout
from rugtui.models.base import Window
from rugtui.tui.charts.palette import (
    BLANK,
    CURSOR,
    DARK,
    DIAGONAL,
    LIGHT,
    palette_for,
)
from rugtui.tui.panes.weights.picture import PictureLayout, Shades, weights_picture
from tests.tui.fake import some_picture
from tests.tui.heatmap.test_heatmap import pixels_of

CELL = CellReadout((3, 5), 30, 50, -0.43121, -0.4409, Window(0, 0, 1, 1), -0.43121, -0.43121, False)


def drawn(picture, width=60, height=20, cursor=None, palette=DARK, shades=None):
    return weights_picture(picture, cursor, shades or Shades(), palette, width, height)


def with_cell(picture, *cells):
    panels = [
        dataclasses.replace(panel, cell=cell)
        for panel, cell in zip(picture.panels, cells, strict=True)
    ]
    return dataclasses.replace(picture, panels=tuple(panels))


def text_of(strips):
    return [strip.text.rstrip() for strip in strips]


@pytest.mark.parametrize("palette", [DARK, LIGHT, palette_for(True, "none")])
@pytest.mark.parametrize("size", [(60, 20), (38, 18), (24, 9), (5, 3), (1, 2), (200, 60)])
@pytest.mark.parametrize("kinds", [("trained",), ("trained", "rug")])
def test_every_size_is_filled_exactly(size, kinds, palette):
    strips = drawn(some_picture(*kinds), *size, palette=palette, cursor=(3, 3))
    assert [strip.cell_length for strip in strips] == [size[0]] * size[1]


def test_cells_are_enlarged_and_the_diagonal_is_marked():
    levels = pixels_of(drawn(some_picture(n_sparse=12), 60, 20)[:17], DARK)
    where = np.argwhere(levels == DIAGONAL)
    left, tall, wide = where[:, 1].min(), len(levels), where[:, 1].max() - where[:, 1].min() + 1
    assert (where[:, 0] * 12 // tall == (where[:, 1] - left) * 12 // wide).all()
    assert wide == 60 - 3 - 5  # all that biases and numbers of rows leave


def test_biases_stand_beside_their_rows():
    levels = pixels_of(drawn(some_picture(n_sparse=36), 60, 20)[:17], DARK)
    columns = np.flatnonzero((levels != BLANK).any(0))
    assert columns[-2] - columns[-3] == 2  # a gap between them
    assert (levels[:, columns[-2:]] == -6).all()  # −0.4 of 0.5


def test_rows_and_columns_are_numbered():
    strips = drawn(some_picture(n_sparse=64), 60, 20)
    numbers = [strip.text[:5].strip() for strip in strips[:17]]
    assert [number for number in numbers if number] == ["0", "16", "32", "48"]
    assert strips[17].text.split() == ["0", "16", "32", "48"]
    assert drawn(some_picture(), 38, 12)[0].text.strip()[0] == "▀"  # a low pane has no room


@pytest.mark.parametrize(("size", "stacked"), [((58, 18), False), ((90, 50), True)])
def test_two_pictures_are_stacked_where_that_makes_them_larger(size, stacked):
    assert PictureLayout.of(*size, 2, DARK).stacked == stacked


def test_panels_stand_side_by_side_on_one_scale():
    picture = some_picture("trained", "rug", n_sparse=20)
    quiet = dataclasses.replace(picture.panels[1], pixels=picture.panels[1].pixels / 8)
    picture = dataclasses.replace(picture, panels=(picture.panels[0], quiet))
    levels = pixels_of(drawn(picture, 60, 20)[:10], DARK)
    left, right = levels[:, :32], levels[:, 32:]
    inside = (levels != BLANK) & (np.abs(levels) <= 8)
    assert np.abs(left[inside[:, :32]]).max() == 8
    # all but the two columns of biases
    assert np.abs(right[:, : right.shape[1] - 5][inside[:, 32:-5]]).max() <= 2


@pytest.mark.parametrize("n_sparse", [36, 12, 6])
def test_the_cursor_is_an_outline_of_two_colours(n_sparse):
    before, after = (
        pixels_of(drawn(some_picture(n_sparse=n_sparse), 60, 20, cursor=cursor)[:17], DARK)
        for cursor in (None, (2, 4))
    )
    where = np.argwhere(after == CURSOR)
    (top, left), (bottom, right) = where.min(0), where.max(0)
    inside = slice(top + 1, bottom), slice(left + 1, right)
    assert (after[inside] == before[inside]).all()
    assert set(after[[top, top, bottom, bottom], [left, right, left, right]]) == {DIAGONAL}


def test_a_cursor_outside_the_window_is_not_drawn():
    picture = some_picture(window=Window(0, 0, 20, 20))
    levels = pixels_of(drawn(picture, cursor=(30, 3))[:10], DARK)
    assert not (levels == CURSOR).any()


def test_the_legend_shows_where_the_colours_end():
    lines = text_of(drawn(some_picture()))
    assert lines[-2].startswith("−0.1 █")
    assert lines[-2].endswith("+0.1  █ diagonal  bias −0.4 (colours to ±0.5)")
    log = text_of(drawn(some_picture(), shades=Shades("log")))[-2]
    assert "+1.2 log, from 0.0038" in log
    assert "diagonal" not in log
    assert "fixed" in text_of(drawn(some_picture(), shades=Shades("fixed")))[-2]


def test_without_biases_the_legend_says_so():
    picture = some_picture()
    without = dataclasses.replace(picture.panels[0], biases=np.zeros(64))
    shown = "\n".join(text_of(drawn(dataclasses.replace(picture, panels=(without,)))))
    assert "no bias" in shown
    assert "colours to" not in shown


def test_a_picture_without_colours_says_why():
    """A large rug of few rows has means that are all zero: it looked like a fault."""
    picture = some_picture("rug")
    blank = dataclasses.replace(picture.panels[0], pixels=np.zeros((64, 64)))
    picture = dataclasses.replace(picture, panels=(blank,))
    assert any("cells within each pixel cancel" in row for row in text_of(drawn(picture)))


def test_without_colours_the_legend_shows_the_characters():
    palette = palette_for(True, "none", True)
    strips = text_of(drawn(some_picture(n_sparse=16), palette=palette))
    assert "−0.1 ~=-. :+*# +0.1  @ diagonal" in strips[18]
    assert sum(row.count("@") for row in strips[:17]) >= 16
    assert all(letter in " ~=-.:+*#@" for row in strips[:17] for letter in row[5:])


def test_the_text_is_directly_under_a_low_picture():
    strips = text_of(drawn(some_picture(n_sparse=20), 30, 40))  # which is no longer than 2 : 1
    end = max(k for k, row in enumerate(strips) if "▀" in row)
    assert strips[end + 1].split()[0] == "0"
    assert any(row.startswith("−0.1 █") for row in strips[end + 2 : end + 4])


def test_a_cell_is_read_out():
    picture = with_cell(some_picture(), CELL)
    assert text_of(drawn(picture, cursor=(3, 5)))[-1] == "W[30, 50] −0.43121  bias −0.441"


def test_the_range_of_a_block_is_read_out_and_a_sample_called_one():
    block = dataclasses.replace(CELL, block=Window(0, 0, 8, 16), low=-0.61, high=0.2249)
    line = text_of(drawn(with_cell(some_picture(), block), cursor=(3, 5)))[-1]
    assert line == "W[30, 50] −0.43121  8 × 16: −0.61 … +0.225  bias −0.441"
    sampled = dataclasses.replace(block, sampled=True)
    line = text_of(drawn(with_cell(some_picture(), sampled), cursor=(3, 5)))[-1]
    assert "8 × 16, sampled: −0.61 … +0.225" in line


def test_two_cells_are_read_out_by_name():
    other = dataclasses.replace(CELL, value=0.01)
    line = text_of(drawn(with_cell(some_picture("trained", "rug"), CELL, other), cursor=(3, 5)))[-1]
    assert line.startswith("W[30, 50] trained −0.43121  rug +0.01")


def test_each_panel_names_its_own_cell_if_orders_differ():
    other = dataclasses.replace(CELL, i=3, j=5, value=0.01)
    line = text_of(drawn(with_cell(some_picture("trained", "rug"), CELL, other), cursor=(3, 5)))[-2]
    assert line.startswith("trained W[30, 50] −0.43121  rug W[3, 5] +0.01")


@pytest.mark.parametrize("width", [38, 46, 58, 76, 100])
def test_every_width_reads_out_each_cell_and_the_range_of_its_block(width):
    block = dataclasses.replace(
        CELL, i=272, j=301, block=Window(0, 0, 16, 16), low=-0.783, high=1.29
    )
    other = dataclasses.replace(block, value=1.2547, low=-0.241, high=1.25)
    picture = with_cell(some_picture("trained", "rug"), block, other)
    said = "\n".join(text_of(drawn(picture, width, 20, cursor=(3, 5)))[-5:])
    for piece in ("W[272, 301]", "−0.43121", "−0.783 … +1.29", "rug +1.2547", "−0.241 … +1.25"):
        assert piece in said
    assert "+0.1" in said
    alone = with_cell(some_picture(), block)
    said = "\n".join(text_of(drawn(alone, width, 20, cursor=(3, 5)))[-3:])
    for piece in ("W[272, 301] −0.43121", "16 × 16: −0.783 … +1.29", "bias −0.441"):
        assert piece in said


def test_a_cell_that_was_not_read_yet_shows_no_value():
    picture = with_cell(some_picture(), CELL)
    assert text_of(drawn(picture, cursor=(4, 5)))[-1] == "…"
    assert text_of(drawn(some_picture(), cursor=(4, 5)))[-1] == "…"


def test_the_readout_says_why_an_order_is_not_shown():
    picture = some_picture("rug")
    noted = dataclasses.replace(picture.panels[0], note="A rug has no clusters.")
    picture = dataclasses.replace(picture, panels=(noted,))
    assert text_of(drawn(picture))[-1] == "A rug has no clusters."


def test_a_low_pane_shows_legend_or_readout_in_one_line():
    picture = with_cell(some_picture(), CELL)
    assert "diagonal" in text_of(drawn(picture, height=9))[-1]
    low = text_of(drawn(picture, height=9, cursor=(3, 5)))
    assert low[-1].startswith("W[30, 50]")
    assert "diagonal" not in "".join(low)


def test_noise_around_converged_weights_changes_no_row():
    shades, picture = Shades(), some_picture()
    before = drawn(picture, shades=shades)
    rng = np.random.default_rng(0)
    for _ in range(20):
        pixels = picture.panels[0].pixels + rng.uniform(-0.002, 0.002, (64, 64))
        noisy = dataclasses.replace(picture.panels[0], pixels=pixels)
        after = drawn(dataclasses.replace(picture, panels=(noisy,)), shades=shades)
        assert after == before


def test_another_window_gets_a_new_scale_unless_fixed():
    loud = some_picture(window=Window(0, 0, 8, 8))
    quiet = dataclasses.replace(
        loud, panels=(dataclasses.replace(loud.panels[0], pixels=loud.panels[0].pixels * 0.9),)
    )
    shades = Shades()
    first, _ = shades.of(loud)
    assert shades.of(quiet)[0] == first
    shifted = dataclasses.replace(quiet, window=Window(8, 8, 16, 16))
    assert shades.of(shifted)[0].top < first.top
    fixed = Shades("fixed")
    first, _ = fixed.of(loud)
    assert fixed.of(shifted)[0] == first


def test_the_layout_has_the_size_of_the_picture():
    room = PictureLayout.of(60, 20, 2, DARK)
    assert room.pixels == (32, 23)
    assert PictureLayout.of(60, 20, 1, DARK).pixels == (34, 52)
    assert PictureLayout.of(120, 20, 2, DARK).pixels == (34, 53)
    assert (room.left(0, 23), room.left(1, 23)) == (5, 33)
    assert PictureLayout.of(38, 18, 1, palette_for(True, "none")).tall == 2
