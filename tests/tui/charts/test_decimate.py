"""Long curves in few points."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from rugtui.tui.charts.axis import Axis
from rugtui.tui.charts.canvas import decimate, strokes

ROWS = 24


def dots(x, y, axis, columns):
    return strokes(axis.dots(axis.place(x), columns), y * (ROWS - 1), columns, ROWS)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 3000),
    st.integers(2, 40),
    st.booleans(),
    st.floats(0, 0.4),
    st.floats(0.5, 1),
)
@example(1988, 1988, 8, False, 0.0, 0.5)  # a point on the edge of two columns
def test_few_points_draw_the_same_dots_as_all_of_them(seed, n, columns, log, first, last):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.integers(1, 5, n)).astype(float)
    y = 0.5 + np.cumsum(rng.normal(0, 0.05, n))
    axis = Axis(0, 1, log)
    whole = axis.place(x[[0, -1]])
    axis = axis.at(*(whole[0] + (whole[1] - whole[0]) * np.array([first, last])))
    few_x, few_y = decimate(x, y, axis.parts(x, columns))
    assert few_x.size <= max(4 * (columns + 2), min(n, 4 * (columns + 1)))
    np.testing.assert_array_equal(dots(few_x, few_y, axis, columns), dots(x, y, axis, columns))


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.integers(2, 50))
def test_no_extreme_is_lost(seed, n, columns):
    rng = np.random.default_rng(seed)
    x, y = np.arange(n) + 1.0, rng.normal(size=n)
    y[rng.random(n) < 0.3] = np.nan
    _, few = decimate(x, y, Axis(1, n + 1, False).parts(x, columns))
    known = np.isfinite(y)
    assert set(few[np.isfinite(few)]) <= set(y[known])
    if known.any():
        assert np.nanmin(few) == np.nanmin(y)
        assert np.nanmax(few) == np.nanmax(y)


def test_each_column_keeps_its_own_extremes():
    x, y = np.arange(1000.0), np.zeros(1000)
    y[[123, 456]] = 7, -7
    few_x, few_y = decimate(x, y, Axis(0, 999, False).parts(x, 10))
    assert few_y.tolist().count(7) == few_y.tolist().count(-7) == 1
    assert abs(few_x[few_y == 7][0] - 123) < 111
    assert abs(few_x[few_y == -7][0] - 456) < 111


def test_a_gap_breaks_the_line_and_a_single_value_is_kept():
    for n in (100, 10_000):  # few enough to be kept, and decimated
        x = np.arange(n) / n
        y = np.full(n, 0.5)
        y[int(0.3 * n) : int(0.7 * n)] = np.nan
        y[n // 2] = 1.0
        drawn = dots(*decimate(x, y, Axis(0, 1, False).parts(x, 21)), Axis(0, 1, False), 21)
        assert drawn.any(axis=0).tolist() == [*[True] * 7, *[False] * 3, True, *[False] * 3] + (
            [True] * 7
        )
        assert drawn[ROWS - 1].nonzero()[0].tolist() == [10]


def test_one_point_beyond_each_end_continues_the_line():
    x = np.arange(100.0)
    few_x, _ = decimate(x, x, np.searchsorted(x, [40.2, 50.0, 60.7]))
    assert few_x[[0, -1]].tolist() == [40.0, 61.0]
