"""Panels against the matrix itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.live.commands import Look
from rugtui.live.picture_maker import PictureMaker, window_of
from rugtui.models.base import Window
from rugtui.models.rug import Rug
from tests.models.test_ordering import matrix, some_dense
from tests.models.test_rug import seeded


@settings(deadline=None)
@given(data=st.data(), order=st.sampled_from(["natural", "sequency", "clustered"]))
def test_a_panel_is_the_block_means_and_its_cell_the_cell(data, order):
    n = 32
    weights = some_dense(n, 5, dtype=torch.float64)
    top, left = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    window = Window(
        top, left, data.draw(st.integers(top + 1, n)), data.draw(st.integers(left + 1, n))
    )
    row = data.draw(st.integers(top, window.bottom - 1))
    column = data.draw(st.integers(left, window.right - 1))
    look = Look(data.draw(st.integers(1, 40)), 4, window, order, cursor=(row, column))
    panel = PictureMaker().panel("trained", weights, look)

    W = matrix(weights)
    i, j = panel.cell.i, panel.cell.j
    assert panel.cell.value == pytest.approx(W[i, j])
    assert panel.cell.bias == weights.biases()[i]
    if order == "natural":
        assert (i, j) == (row, column)
    assert panel.order == order
    assert panel.pixels.shape == (
        min(look.height, window.bottom - top),
        min(4, window.right - left),
    )
    area = (window.bottom - top) * (window.right - left)
    if panel.pixels.size == area:
        assert panel.pixels[row - top, column - left] == pytest.approx(W[i, j])
    block = panel.cell.block
    assert block.top <= row < block.bottom
    assert block.left <= column < block.right
    assert panel.cell.low - 1e-12 <= W[i, j] <= panel.cell.high + 1e-12
    k = [*range(len(panel.biases))][-1]
    assert len(panel.biases) == len(panel.pixels)
    assert np.isfinite(panel.biases[k])


@settings(deadline=None)
@given(start=st.integers(0, 9), length=st.integers(1, 40), blocks=st.integers(1, 40))
def test_the_block_of_a_cell_is_the_one_that_its_pixel_averages(start, length, blocks):
    weights = some_dense(50, 3, dtype=torch.float64)
    height = min(blocks, length)
    for place in {start, start + length // 2, start + length - 1}:
        look = Look(height, 1, Window(start, 0, start + length, 1), cursor=(place, 0))
        panel = PictureMaker().panel("trained", weights, look)
        block = panel.cell.block
        means = [
            matrix(weights)[block.top : block.bottom, 0].mean(),
        ]
        assert np.isclose(panel.pixels[:, 0], means[0]).any()
        edges = start + np.arange(height + 1) * length // height
        assert block.top in edges
        assert block.bottom in edges
        assert np.isclose(panel.biases, weights.biases()[block.top : block.bottom].mean()).any()


def test_a_cursor_outside_has_no_cell():
    weights = some_dense(20, 3)
    assert PictureMaker().panel("trained", weights, Look(5, 5, cursor=(20, 0))).cell is None
    assert PictureMaker().panel("trained", weights, Look(5, 5)).cell is None


def test_a_window_beyond_smaller_weights_shows_all_of_them():
    painter = PictureMaker()
    look = Look(4, 4, Window(100, 100, 200, 200), cursor=(150, 150))
    assert window_of(look, 20) == Window.whole(20)
    assert painter.panel("trained", some_dense(20, 3), look).pixels.shape == (4, 4)


def test_an_impossible_order_becomes_natural_with_a_reason():
    rug = Rug.build(64, 40, 1, 0, generator=seeded())
    panel = PictureMaker().panel("rug", rug, Look(64, 64, order="clustered"))
    assert panel.order == "natural"
    assert "no clusters" in panel.note
    np.testing.assert_array_equal(panel.pixels, matrix(rug))
    uneven = PictureMaker().panel("trained", some_dense(12, 3), Look(9, 9, order="sequency"))
    assert (uneven.order, "power of two" in uneven.note) == ("natural", True)


def test_a_clustered_order_does_not_change_until_another_is_shown():
    painter, look = PictureMaker(), Look(40, 40, order="clustered", cursor=(0, 0))
    before = painter.panel("trained", some_dense(40, 5, seed=0), look)
    moved = some_dense(40, 5, seed=1)
    after = painter.panel("trained", moved, look)
    assert after.cell.i == before.cell.i
    painter.panel("trained", moved, Look(4, 4))
    places = [painter.panel("trained", moved, look).pixels, after.pixels]
    assert not np.array_equal(*places)


def test_trained_and_rug_are_ordered_separately():
    painter, look = PictureMaker(), Look(32, 32, order="clustered")
    painter.panel("trained", some_dense(32, 5), look)
    rug = Rug.build(32, 20, 1, 0, generator=seeded())
    np.testing.assert_array_equal(painter.panel("rug", rug, look).pixels, matrix(rug))


def test_a_million_features_cost_only_the_pixels():
    """A rug of 2^20 in another order, its picture, a cell and the range of its block."""
    rug = Rug.build(2**20, 2**18, 1.1, -0.4, generator=seeded())
    panel = PictureMaker().panel("rug", rug, Look(64, 64, order="sequency", cursor=(2**19, 5)))
    assert panel.pixels.shape == (64, 64)
    assert panel.cell.low <= panel.cell.value <= panel.cell.high
    assert not panel.cell.sampled
    assert set(panel.biases) == {-0.4}
