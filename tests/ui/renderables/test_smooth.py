"""Smoothing: against the history's own recursion, at any length, in any pieces."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.session.history import MOST, SPAN, History
from rugtui.ui.renderables.loss_chart import Deriver
from rugtui.ui.renderables.smooth import BLOCK, SPANS, YOUNGS, Smoother, exponential


def one_by_one(values, span):
    """The recursion, without the cancellation where losses fall by decades from one to the next."""
    smoothed, out, known = np.nan, [], 0
    for value in values:
        if not np.isfinite(value):
            out.append(np.nan)
            continue
        known += 1
        old = value if known == 1 else smoothed
        share = 1 / min(span, 1 + known / YOUNGS[span])
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
    """Of a loss c/k the recursion with α_k = Y/k makes (Y/(Y − 1)) c/k; none lags more."""
    falling = 1 / np.arange(1.0, 3001.0)
    smoothed, young = Smoother()(falling, span), YOUNGS[span]
    assert (smoothed[50:100] < 1.02 * young / (young - 1) * falling[50:100]).all()
    assert smoothed[-1] < 1.02 * young / (young - 1) * falling[-1]
    if span > 1:
        assert (smoothed[1:] > falling[1:]).all()


def test_each_strength_smooths_more_than_the_last_early_and_late():
    noise = np.random.default_rng(3).normal(size=20_000)
    for part in (slice(300, 1000), slice(10_000, None)):
        spread = [Smoother()(noise, span)[part].std() for span in SPANS]
        assert all(more < 0.85 * less for less, more in pairwise(spread))


def test_the_shortest_span_is_the_column_itself():
    values = np.array([3.0, np.nan, 1.0])
    np.testing.assert_array_equal(exponential(values, 1), values)


def test_what_was_thinned_is_smoothed_by_its_own_average_not_by_that_of_its_extremes():
    history, rng = History(), np.random.default_rng(5)
    for step in range(1, MOST + 2):  # skewed noise: the middle of its extremes is far above 1
        history.append(step=step, seconds=0.0, loss=rng.exponential())
    view, derive = history.view(), Deriver()
    old = slice(view.old // 2, view.old)
    extremes = view.column("loss")[old]
    assert extremes.mean() > 1.3
    for span in SPANS[1:]:
        assert derive(view, span).smoothed[old].mean() == pytest.approx(1, abs=0.15)
    np.testing.assert_array_equal(derive(view, 1).smoothed, view.column("loss"))
    np.testing.assert_array_equal(derive(view, SPAN).smoothed, view.column("smoothed"))
