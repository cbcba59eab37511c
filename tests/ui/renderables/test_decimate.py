"""Long curves in few points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rugtui.ui.renderables.decimate import decimate


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.integers(1, 50), st.booleans())
def test_no_extreme_is_lost_and_order_is_kept(seed, n, columns, gaps):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 10, n))
    y = rng.normal(size=n)
    if gaps:
        y[rng.random(n) < 0.3] = np.nan
    few_x, few_y = decimate(x, y, x[0], x[-1], columns)
    known = np.isfinite(y)
    assert len(few_x) <= max(2 * columns, min(known.sum(), 2 * columns))
    assert (np.diff(few_x) >= 0).all()
    assert set(zip(few_x, few_y, strict=True)) <= set(zip(x, y, strict=True))
    if known.any():
        assert few_y.min() == np.nanmin(y)
        assert few_y.max() == np.nanmax(y)


def test_each_column_keeps_its_own_extremes():
    x = np.arange(1000.0)
    y = np.zeros(1000)
    y[[123, 456]] = 7, -7
    few_x, few_y = decimate(x, y, 0, 999, 10)
    assert len(few_x) <= 20
    assert few_y[few_x == 123].tolist() == [7]
    assert few_y[few_x == 456].tolist() == [-7]


def test_only_what_lies_between_is_kept():
    x = np.arange(100.0)
    few_x, _ = decimate(x, x, 40, 60, 500)
    assert few_x.min() >= 39
    assert few_x.max() <= 61
