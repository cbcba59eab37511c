"""Smoothing: against lines fitted one by one, at any length, in any pieces."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.live.history import MOST, SPAN, History
from rugtui.tui.panes.loss.series import SPANS, YOUNGS, Deriver, Smoother, smoothed


def one_by_one(values, span):
    """The line of least squares through each result's window, by NumPy; at the newest end no
    further than the results there."""
    out, places = np.full(len(values), np.nan), np.flatnonzero(np.isfinite(values))
    finite = values[places]
    halves = [0 if span == 1 else min(span - 1, int(k / YOUNGS[span])) for k in range(len(finite))]
    for k, (place, half) in enumerate(zip(places, halves, strict=True)):
        begin = min(k - half, len(finite) - 1 - 2 * half)
        window = finite[begin : begin + 2 * half + 1]
        out[place] = window.mean()
        if begin < k - half:
            line = np.polynomial.Polynomial.fit(np.arange(window.size), window, 1)
            newest = finite[len(finite) - 1 - 2 * halves[-1] :]
            out[place] = np.clip(line(k - begin), newest.min(), newest.max())
    return out


@given(st.integers(0, 2**32 - 1), st.integers(1, 900), st.sampled_from(SPANS), st.booleans())
def test_it_is_the_line_through_the_results_around(seed, n, span, gaps):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 3, n))
    if gaps:
        values[rng.random(n) < 0.2] = np.nan
        values[rng.random(n) < 0.05] = np.inf
    np.testing.assert_allclose(Smoother()(values, span), one_by_one(values, span), rtol=1e-6)


@given(st.lists(st.integers(0, 900), min_size=1, max_size=6), st.sampled_from(SPANS))
def test_a_column_that_grows_is_smoothed_as_if_at_once(pieces, span):
    values = np.random.default_rng(1).random(sum(pieces))
    values[::7] = np.nan
    smoother, length = Smoother(), 0
    for piece in pieces:
        length += piece
        whole = Smoother()(values[:length], span)
        np.testing.assert_allclose(smoother(values[:length], span), whole, rtol=1e-9)


def test_another_run_or_strength_is_smoothed_from_the_beginning():
    rng = np.random.default_rng(2)
    one, other = rng.random(300), rng.random(400)
    smoother = Smoother()
    smoother(one, SPAN)
    np.testing.assert_allclose(smoother(other, SPAN), one_by_one(other, SPAN), rtol=1e-9)
    np.testing.assert_allclose(smoother(other, 64), one_by_one(other, 64), rtol=1e-9)
    np.testing.assert_allclose(smoother(one, 64), one_by_one(one, 64), rtol=1e-9)


@pytest.mark.parametrize("span", SPANS)
def test_smoothing_does_not_lag_behind_a_steep_descent(span):
    """Of a loss that falls like 1/step even the strongest shows what it is."""
    falling = 1 / np.arange(1.0, 3001.0)
    smoothed = Smoother()(falling, span)
    np.testing.assert_allclose(smoothed[50:2700], falling[50:2700], rtol=0.01)
    np.testing.assert_allclose(smoothed[2700:], falling[2700:], rtol=0.02)
    np.testing.assert_allclose(Smoother()(falling[:100], span)[-1], falling[99], rtol=0.02)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.sampled_from(SPANS))
def test_no_smoothing_window_crosses_a_break(pieces, span):
    values = np.random.default_rng(4).random(sum(pieces))
    ends = np.cumsum(pieces)
    apart = [Smoother()(part, span) for part in np.split(values, ends[:-1])]
    smoother, breaks = Smoother(), ends[:-1].tolist()
    for length in (ends[0] + 1, sum(pieces) // 2, sum(pieces)):
        told = smoother(values[:length], span, [k for k in breaks if k < length])
    np.testing.assert_allclose(told, np.concatenate(apart), rtol=1e-9)


def test_a_loss_at_another_p_is_not_smoothed_into_this_one():
    history = History()
    for step in range(1, 400):
        p = 0.05 if step < 300 else 0.02
        history.append(step=step, seconds=0.0, loss=p / 10, p=p)
    for span in SPANS:
        told = smoothed(history.view(), span, Smoother())
        np.testing.assert_allclose(told, history.view().column("loss"), rtol=1e-9)


def test_smoothed_values_stay_within_the_measured_ones():
    """A line through a cliff would go below zero, which a logarithmic axis cannot show."""
    cliff = np.concatenate([np.ones(100), np.full(6, 1e-3)])
    for span in SPANS:
        assert Smoother()(cliff, span).min() >= 1e-3


def test_each_strength_smooths_more_than_the_last_early_and_late():
    noise = np.random.default_rng(3).normal(size=20_000)
    for part in (slice(300, 1000), slice(10_000, None)):
        spread = [Smoother()(noise, span)[part].std() for span in SPANS]
        assert all(more < 0.9 * less for less, more in pairwise(spread))


def test_the_shortest_span_is_the_column_itself():
    values = np.array([3.0, np.nan, 1.0])
    np.testing.assert_array_equal(Smoother()(values, 1), values)


def test_the_thinned_part_is_smoothed_by_its_recorded_mean():
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
