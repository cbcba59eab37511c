"""Smoothing: against the history's own recursion, at any length, in any pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.session.history import SPAN, YOUNG, History
from rugtui.ui.renderables.smooth import BLOCK, SPANS, Smoother, exponential


def one_by_one(values, span):
    """The recursion, without the cancellation where losses fall by decades from one to the next."""
    smoothed, out, known = np.nan, [], 0
    for value in values:
        if not np.isfinite(value):
            out.append(np.nan)
            continue
        known += 1
        old = value if known == 1 else smoothed
        share = 1 / min(span, 1 + known / YOUNG)
        smoothed = (1 - share) * old + share * value
        out.append(smoothed)
    return np.array(out)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4 * BLOCK), st.sampled_from(SPANS), st.booleans())
def test_it_is_the_recursion(seed, n, span, gaps):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 5, n))
    if gaps:
        values[rng.random(n) < 0.2] = np.nan
        values[rng.random(n) < 0.05] = np.inf
    np.testing.assert_allclose(Smoother()(values, span), one_by_one(values, span), rtol=1e-11)


def test_the_middle_strength_is_the_history_s_own():
    history = History()
    rng = np.random.default_rng(0)
    for step in range(1, 2000):
        history.append(step=step, seconds=0, loss=1 / step + rng.exponential())
    view = history.view()
    own = Smoother()(view.column("loss"), SPAN)
    np.testing.assert_allclose(own, view.column("smoothed"), rtol=1e-11)


@given(st.lists(st.integers(0, 900), min_size=1, max_size=6), st.sampled_from(SPANS))
def test_a_column_that_grows_is_smoothed_as_if_at_once(pieces, span):
    values = np.random.default_rng(1).random(sum(pieces))
    values[::7] = np.nan
    smoother, length, early = Smoother(), 0, []
    for piece in pieces:
        length += piece
        early.append(smoother(values[:length], span))
    whole = Smoother()(values, span)
    for part in early:
        np.testing.assert_allclose(part, whole[: part.size], rtol=1e-11)


def test_another_run_or_another_strength_begins_anew():
    rng = np.random.default_rng(2)
    one, other = rng.random(300), rng.random(400)
    smoother = Smoother()
    smoother(one, SPAN)
    np.testing.assert_allclose(smoother(other, SPAN), one_by_one(other, SPAN), rtol=1e-11)
    np.testing.assert_allclose(smoother(other, 64), one_by_one(other, 64), rtol=1e-11)
    np.testing.assert_allclose(smoother(one, 64), one_by_one(one, 64), rtol=1e-11)


@pytest.mark.parametrize("span", SPANS)
def test_a_steep_descent_is_not_lagged_behind(span):
    """Loss ∝ 1/step: an average over the last eighth of the run is off by about an eighth."""
    falling = 1 / np.arange(1.0, 101.0)
    assert (Smoother()(falling, span)[10:] < 1.4 * falling[10:]).all()


def test_the_shortest_span_is_the_column_itself():
    values = np.array([3.0, np.nan, 1.0])
    np.testing.assert_array_equal(exponential(values, 1), values)
