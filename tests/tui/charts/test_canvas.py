"""Dots, cells and layers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.tui.charts.canvas import Canvas, Font, Pen, strokes

RED, BLUE = Pen((255, 0, 0), "r"), Pen((0, 0, 255), "b")


def text(canvas):
    return ["".join(s.text for s in canvas.segments(row)) for row in range(canvas.height)]


def line(*points):
    return np.array(points, dtype=float).T


@pytest.mark.parametrize(
    ("dot", "char"),
    [((0, 0), "⡀"), ((1, 0), "⢀"), ((0, 1), "⠄"), ((1, 2), "⠐"), ((0, 3), "⠁"), ((1, 3), "⠈")],
)
def test_each_dot_is_its_bit(dot, char):
    canvas = Canvas(1, 1, Font())
    canvas.line(*line(dot), RED)
    assert text(canvas) == [char]


def test_the_first_row_of_dots_is_at_the_bottom():
    canvas = Canvas(2, 2, Font())
    canvas.line(*line((0, 0)), RED)
    assert text(canvas) == ["  ", "⡀ "]


def test_ascii_draws_one_letter_per_cell():
    canvas = Canvas(3, 3, Font(ascii=True))
    canvas.line(*line((0, 0), (2, 2)), RED)
    canvas.across(1, BLUE)
    assert text(canvas) == ["  r", "bbb", "r  "]


def test_a_later_layer_hides_what_is_under_it_in_its_cells_only():
    canvas = Canvas(2, 1, Font())
    canvas.line(*line((0, 0), (3, 0)), RED)
    canvas.line(*line((0, 3)), BLUE)
    (first, second) = canvas.segments(0)
    assert (first.text, first.style.color.triplet) == ("⠁", BLUE.colour)
    assert (second.text, second.style.color.triplet) == ("⣀", RED.colour)


def test_a_merged_layer_keeps_the_dots_under_it():
    canvas = Canvas(1, 1, Font())
    canvas.line(*line((0, 0)), RED)
    canvas.bars(np.array([0.0]), np.array([3.0]), np.array([3.0]), BLUE, merge=True)
    (cell,) = canvas.segments(0)
    assert (cell.text, cell.style.color.triplet) == ("⡁", BLUE.colour)


def test_text_is_drawn_over_everything_and_spaces_take_the_colour_before_them():
    canvas = Canvas(8, 1, Font())
    canvas.write(0, 1, "lr 2", RED)
    assert text(canvas) == [" lr 2   "]
    assert len(list(canvas.segments(0))) == 2


@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_a_line_is_one_piece_and_ends_where_its_points_are(seed, n):
    rng = np.random.default_rng(seed)
    x, y = np.cumsum(rng.integers(0, 4, n)), rng.integers(0, 40, n)
    columns = int(x[-1]) + 1
    dots = strokes(x.astype(float), y.astype(float), columns, 40)
    assert dots[y, x].all()
    assert dots.any(axis=0)[int(x[0]) :].all()
    # Neighbouring columns touch: nowhere does the line jump.
    for left, right in zip(dots.T[:-1], dots.T[1:], strict=True):
        if left.any() and right.any():
            a, b = np.flatnonzero(left), np.flatnonzero(right)
            assert np.abs(a[:, None] - b[None, :]).min() <= 1


@given(st.integers(0, 2**32 - 1))
def test_lines_are_clipped_without_bending(seed):
    """A canvas shows the same dots as the middle of a larger one."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-60, 90, 20).astype(float), rng.integers(-60, 90, 20).astype(float)
    large = strokes(x + 60, y + 60, 150, 150)
    np.testing.assert_array_equal(strokes(x, y, 30, 30), large[60:90, 60:90])


def test_nothing_finite_draws_nothing():
    empty = np.array([])
    assert not strokes(empty, empty, 4, 4).any()
    assert not strokes(np.array([0.0, 1.0]), np.array([np.nan, np.inf]), 4, 4).any()


def test_a_point_far_outside_costs_no_time():
    dots = strokes(np.array([0.0, 1.0]), np.array([0.0, 1e12]), 2, 8)
    assert dots.nonzero()[1].tolist() == [0] * 8


def test_a_level_goes_through_the_cells_of_a_curve_that_crosses_it():
    canvas = Canvas(4, 1, Font())
    x = np.arange(8.0)
    canvas.line(x, np.full(8, 3.0), Pen((1, 1, 1), "*"))
    canvas.across(1.0, Pen((2, 2, 2), "-"), join=True)
    (segment,) = canvas.segments(0)
    assert segment.text == "⠭" * 4  # dots of both
    assert segment.style.color.triplet == (1, 1, 1)
    empty = Canvas(4, 1, Font())
    empty.across(1.0, Pen((2, 2, 2), "-"), join=True)
    assert not "".join(piece.text for piece in empty.segments(0)).strip()
