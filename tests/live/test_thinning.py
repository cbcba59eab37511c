"""Thinning bounds a long history, and keeps its extremes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.live import history as module
from rugtui.live import history as thinning
from rugtui.live.history import (
    MOST,
    NAMES,
    RECENT,
    History,
    Mark,
    bins,
    loss_now,
    marks_worth_keeping,
    worth_keeping,
)
from rugtui.settings.settings import Settings

STEP, LOSS, HELDOUT = (NAMES.index(name) for name in ("step", "loss", "heldout"))


@pytest.fixture
def small(monkeypatch):
    """Histories of at most 256 rows, the last 64 of them not thinned."""
    monkeypatch.setattr(module, "MOST", 256)
    monkeypatch.setattr(module, "RECENT", 64)
    monkeypatch.setattr(module, "SPAN", 4)
    monkeypatch.setattr(module, "YOUNG", 8)
    monkeypatch.setattr(thinning, "BINS", 16)
    monkeypatch.setattr(thinning, "OCTAVE", 4)


def grown(rows, seed=0, every=7):
    """A history, and everything that was appended to it."""
    rng, history, full = np.random.default_rng(seed), History(), History()
    full._thin = lambda: None
    full._table = np.empty((len(NAMES), rows + 1))
    for k in range(1, rows + 1):
        held = rng.normal() if k % 5 == 0 else None
        row = {"step": every * k, "seconds": 0.1 * k, "loss": 1 / k + rng.exponential()}
        for one in (history, full):
            one.append(**row, heldout=held, heldout_standard_error=held and 0.1)
    return history, full.view()


def assert_has_extremes(table, full, begin, end):
    """Least and greatest of both losses between two steps are the same in both tables."""
    for column in (LOSS, HELDOUT):
        ours, all_of_them = (
            one[column, (begin <= one[STEP]) & (one[STEP] < end)] for one in (table, full)
        )
        known = all_of_them[np.isfinite(all_of_them)]
        if known.size:
            assert np.nanmin(ours) == known.min()
            assert np.nanmax(ours) == known.max()


def test_repeated_thinning_keeps_the_extremes_of_every_bin(small):
    history, full = grown(5000)
    view = history.view()
    assert len(view) <= 256
    rows = {tuple(row) for row in np.nan_to_num(full.table, nan=-9).T}
    assert {tuple(row) for row in np.nan_to_num(view.table, nan=-9).T} <= rows
    assert 0 < view.old < len(view) - 64 + 1
    np.testing.assert_array_equal(
        view.table[:, view.old :], full.table[:, full.column("step") > view.thinned]
    )
    np.testing.assert_array_equal(view.table[:, 0], full.table[:, 0])

    # Bins by hand: powers of two, a quarter of their first step wide, and no wider than there are
    # more than 16 of.
    widest = 1
    while view.thinned // widest >= 16:
        widest *= 2
    begin, count = 0, 0
    while begin < view.thinned:
        width = 1
        while 2 * width <= min(begin / 4, widest):
            width *= 2
        if begin + width <= view.thinned:
            assert_has_extremes(view.table, full.table, begin, begin + width)
        begin, count = begin + width, count + 1
    assert count < 80
    assert view.old <= 4 * count + 1


def test_a_very_long_history_stays_within_its_bound():
    rows = 2 * MOST
    history, full = grown(rows, every=500)
    view = history.view()
    assert RECENT < len(view) <= MOST
    assert history._table.nbytes <= 72 * MOST
    assert_has_extremes(view.table, full.table, 0, math.inf)
    assert view.last("heldout") == full.last("heldout")
    assert history.recent_loss(Settings(p=0.05)) == loss_now(
        full.column("step")[-16:], full.column("loss")[-16:]
    )
    # What is said to be smoothed is what was smoothed when all results were there.
    at = np.isin(full.column("step"), view.column("step"))
    np.testing.assert_array_equal(view.column("smoothed"), full.column("smoothed")[at])


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_there_are_never_too_many_bins(step, last):
    """Those before `step` are at most BINS, and OCTAVE for each octave below."""
    step = min(step, last)
    width, number = bins(np.array([step]), last)[:, 0].tolist()
    begin, end = number << width, (number + 1) << width
    assert begin <= step < end
    assert width == 0 or end - begin <= max(1, begin / thinning.OCTAVE)
    assert last >> width < thinning.BINS or end - begin <= max(1, begin / thinning.OCTAVE)
    worst = thinning.BINS + thinning.OCTAVE * 53
    assert 4 * worst + 1 < MOST - RECENT  # thinning always makes room


def test_bins_of_a_longer_run_are_unions_of_bins_of_a_shorter_one():
    steps = np.arange(1, 200_000, 37)
    for last in (200_000, 300_000, 1 << 22, 1 << 30):
        short, long = bins(steps, 200_000), bins(steps, last)
        pairs = {tuple(one): tuple(two) for one, two in zip(short.T, long.T, strict=True)}
        together = [
            pairs[tuple(one)] == tuple(two) for one, two in zip(short.T, long.T, strict=True)
        ]
        assert all(together)


def test_nan_is_no_extreme_and_of_equal_values_one_is_kept():
    steps = np.arange(1e6, 1e6 + 8)
    nothing = np.full(8, math.nan)
    assert worth_keeping(steps, (nothing, nothing)).tolist() == [0]
    same = np.ones(8)
    assert worth_keeping(steps, (same, nothing)).tolist() == [0]
    assert worth_keeping(steps[:0], (same[:0],)).size == 0


def test_marks_keep_the_last_change_of_a_setting_in_a_bin():
    known = ((10, "lr 1"), (10, "lr 2"), (10, "p 0.1"), (10, "lr 3"), (99, "lr 4"), (99, "lr 5"))
    marks = tuple(Mark(*one) for one in known)
    assert marks_worth_keeping(marks, 50) == ((10, "p 0.1"), (10, "lr 3"), *marks[4:])
    assert marks_worth_keeping(marks, 99) == ((10, "p 0.1"), (10, "lr 3"), (99, "lr 5"))


def test_marks_of_a_long_history_stay(small):
    history, _ = grown(100)
    history.mark(350, "lr 0.1")
    history.mark(700, "p 0.2")
    for k in range(101, 1000):
        history.append(step=7 * k, seconds=0, loss=1.0)
    assert [(mark.step, mark.text) for mark in history.view().marks] == [
        (350, "lr 0.1"),
        (700, "p 0.2"),
    ]


def test_a_resumed_history_thins_as_if_it_had_never_stopped(small):
    through, full = grown(1500)
    for stopped_at in (100, 255, 256, 257, 900):
        again = History.of(grown(stopped_at)[0].past())
        for row in full.table.T[stopped_at:]:
            known = dict(zip(NAMES, row, strict=True))
            del known["smoothed"]
            again.append(**known)
        np.testing.assert_array_equal(again.view().table, through.view().table)
        assert again.view().thinned == through.view().thinned
