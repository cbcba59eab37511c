"""What each key makes of a view, without an app."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.tui.charts.axis import Axis, spanning
from rugtui.tui.charts.view import (
    NEWEST,
    ChartView,
    Limits,
    Shown,
    crosshair,
    move_crosshair,
    nearest,
    next_scales,
    pan_x,
    pan_y,
    put_crosshair,
    show_all,
    toggle_crosshair,
    toggle_follow,
    x_axis,
    y_axis,
    zoom_x,
    zoom_y,
)

STEPS = np.arange(1, 201) * 50.0
COLUMNS = 100


def on(view, steps=STEPS):
    """What the view comes to on a run of these steps, whose loss falls from 1 to 0.01."""
    whole_x = spanning(steps, view.log_x, margin=0)
    whole_y = spanning(np.array([0.01, 1.0]), view.log_y)
    newest = whole_x.place_one(float(steps[-1]))
    reach_y = spanning(np.array([0.001, 1.0]), view.log_y)  # a level lies below the loss
    x, y = x_axis(view, whole_x, newest), y_axis(view, whole_y)
    return Shown(x, y, whole_x, whole_y, reach_y, newest)


@st.composite
def views(draw, follow=None):
    """Any view that keys can come to; where it is said, with limits that follow or stay."""
    view = ChartView(draw(st.booleans()), draw(st.booleans()))
    if follow is not None or draw(st.booleans()):
        first = draw(st.floats(50, 8000))
        x = Limits(first, draw(st.floats(first * 1.05, 10_000)))
        follows = draw(st.booleans()) if follow is None else follow
        view = dataclasses.replace(view, x=x, follow=follows)
    if draw(st.booleans()):
        view = dataclasses.replace(view, y=Limits(draw(st.floats(0.001, 0.1)), 0.5))
    return dataclasses.replace(view, cross=draw(st.none() | st.floats(50, 10_000)))


def close(a, b):
    return pytest.approx((a.first, a.last), abs=1e-6 * (b.last - b.first)) == (b.first, b.last)


def width(axis):
    return axis.last - axis.first


@given(views(), st.floats(0.05, 0.95), st.integers(1, 4))
def test_zooming_in_and_out_again_returns(view, factor, times):
    before = on(view).x
    for _ in range(times):
        view = zoom_x(view, on(view), factor)
    for _ in range(times):
        view = zoom_x(view, on(view), 1 / factor)
    assert close(on(view).x, before)


@given(views(), st.floats(0.05, 0.95))
def test_zooming_leaves_the_crosshair_where_it_is_on_the_screen(view, factor):
    before = on(view)
    after = on(zoom_x(view, before, factor))
    assert width(after.x) == pytest.approx(factor * width(before.x))
    here = crosshair(view, before)
    if here is not None:
        share = (here - before.x.first) / width(before.x)
        assert (here - after.x.first) / width(after.x) == pytest.approx(share, abs=1e-6)


@given(views(), st.floats(1.01, 5))
def test_zooming_out_stays_within_the_data_and_ends_with_all_of_it(view, factor):
    for _ in range(2000):
        view = zoom_x(view, now := on(view), factor)
        assert now.x.first >= now.whole_x.first - 1e-9 * width(now.whole_x)
        if view.x is None:
            break
    assert view.x is None
    assert view.follow


def test_zooming_in_stops_before_float64_runs_out_of_digits():
    view = ChartView(log_x=False)
    for _ in range(200):
        view = zoom_x(view, on(view), 0.5)
    assert 0 < width(on(view).x) < 1e-4
    view = ChartView()
    for _ in range(200):
        view = zoom_y(view, on(view), 0.5)
    assert width(on(view).y) > 0
    for _ in range(400):
        view = zoom_y(view, on(view), 2)
    assert width(on(view).y) == pytest.approx(2 * width(on(view).reach_y))


@given(views(), st.floats(-2, 2))
def test_panning_keeps_the_width_and_stays_within_the_data(view, share):
    before = on(view)
    after = on(pan_x(view, before, share)).x
    assert width(after) == pytest.approx(width(before.x))
    slack = 1e-9 * width(before.whole_x)
    assert after.first >= before.whole_x.first - slack
    assert after.last <= before.whole_x.last + slack


@given(views(), st.floats(-2, 2))
def test_panning_up_moves_by_a_share_of_the_height_within_the_data(view, share):
    now = on(view)
    before, after = now.y, on(pan_y(view, now, share)).y
    assert width(after) == pytest.approx(width(before), rel=1e-6)
    middle, reach = (before.first + before.last) / 2, now.reach_y
    least, most = min(reach.first, middle), max(reach.last, middle)
    wanted = min(max(middle + share * width(before), least), most)
    assert (after.first + after.last) / 2 == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_panning_never_leaves_the_data():
    view = ChartView()
    for _ in range(100):
        view = pan_y(view, on(view), 0.25)
    now = on(view)
    assert now.y.first < now.whole_y.last < now.y.last
    for _ in range(100):
        view = pan_y(view, on(view), -0.25)
    now = on(view)
    assert now.y.first < now.reach_y.first < now.y.last


@given(views(), st.lists(st.sampled_from("ioIO,.<>udxlf0he"), max_size=12), st.integers(1, 400))
def test_the_crosshair_stays_inside_whatever_keys_and_data_come(view, keys, more):
    for key in keys:
        view = pressed(key, view)
    now = on(view, np.arange(1, 200 + more) * 50.0)
    here = crosshair(view, now)
    assert here is None or now.x.first <= here <= now.x.last
    assert width(now.x) > 0
    assert width(now.y) > 0


def pressed(key, view):
    now = on(view)
    return {
        "i": lambda: zoom_x(view, now, 0.5),
        "o": lambda: zoom_x(view, now, 2),
        "I": lambda: zoom_y(view, now, 0.5),
        "O": lambda: zoom_y(view, now, 2),
        ",": lambda: pan_x(view, now, -0.25),
        ".": lambda: pan_x(view, now, 0.25),
        "<": lambda: move_crosshair(view, now, STEPS, COLUMNS, -3),
        ">": lambda: move_crosshair(view, now, STEPS, COLUMNS, 1),
        "u": lambda: pan_y(view, now, 0.25),
        "d": lambda: pan_y(view, now, -0.25),
        "x": lambda: toggle_crosshair(view),
        "l": lambda: next_scales(view, now),
        "f": lambda: toggle_follow(view, now),
        "0": lambda: show_all(view),
        "h": lambda: put_crosshair(view, now, float(STEPS[0])),
        "e": lambda: put_crosshair(view, now, NEWEST),
    }[key]()


@given(views(follow=False))
def test_a_zoom_survives_new_data(view):
    longer = np.arange(1, 2000) * 50.0
    assert on(view, longer).x == on(view).x


@given(views(follow=True), st.integers(201, 5000))
def test_a_following_view_ends_at_the_newest_step_and_keeps_its_width(view, n):
    later = on(view, np.arange(1, n) * 50.0)
    # NumPy and Python take logarithms that differ in the last digit
    assert later.x.last == pytest.approx(later.whole_x.last, rel=1e-14)
    assert width(later.x) == pytest.approx(width(on(view).x))


def test_zooming_at_the_newest_goes_on_following_and_at_the_crosshair_stays():
    view = zoom_x(ChartView(), on(ChartView()), 0.5)
    assert view.follow
    assert on(view).x.last == on(view).whole_x.last
    view = zoom_x(ChartView(cross=1000.0), on(ChartView()), 0.5)
    assert not view.follow


def test_panning_away_stays_and_panning_to_the_end_follows_again():
    view = zoom_x(ChartView(log_x=False), on(ChartView(log_x=False)), 0.5)
    view = pan_x(view, on(view), -0.25)
    assert not view.follow
    view = pan_x(view, on(view), 0.25)
    assert view.follow


def test_following_can_be_switched_off_and_on():
    view = toggle_follow(ChartView(), on(ChartView()))
    longer = np.arange(1, 400) * 50.0
    assert on(view, longer).x == on(ChartView()).x
    view = toggle_follow(view, on(view, longer))
    assert on(view, longer).x.last == on(view, longer).whole_x.last


def test_limits_outside_another_run_show_all_of_it():
    view = ChartView(x=Limits(5000, 9000), follow=False)
    short = np.arange(1, 10) * 50.0
    assert on(view, short).x == on(view, short).whole_x


@given(views())
def test_four_changes_of_scale_return_to_the_same_limits(view):
    before, again = on(view), view
    for _ in range(4):
        again = next_scales(again, on(again))
    assert (again.log_x, again.log_y) == (view.log_x, view.log_y)
    assert close(on(again).x, before.x)
    assert close(on(again).y, before.y)


@given(views(), st.booleans(), st.integers(1, 60))
def test_the_crosshair_always_comes_on(view, right, by):
    """Also where results are sparser than columns; only at the ends of the data it stops."""
    view = dataclasses.replace(view, cross=5000.0)
    view = put_crosshair(view, on(view), 5000.0)
    moved = move_crosshair(view, on(view), STEPS, COLUMNS, by if right else -by)
    assert moved.cross != 5000.0
    assert (moved.cross > 5000.0) == right
    assert moved.cross == NEWEST or moved.cross in STEPS


def test_the_crosshair_pushes_the_limits_along():
    view = ChartView(log_x=False, x=Limits(1000, 2000), follow=False, cross=2000.0)
    view = move_crosshair(view, on(view), STEPS, COLUMNS, 10)
    assert view.cross == 2100.0
    assert close(on(view).x, Axis(1100, 2100, False))


def test_at_the_last_result_the_crosshair_becomes_the_newest():
    view = ChartView(cross=float(STEPS[-2]))
    view = move_crosshair(view, on(view), STEPS, COLUMNS, 1)
    assert view.cross == NEWEST
    longer = np.arange(1, 400) * 50.0
    assert crosshair(view, on(view, longer)) == on(view, longer).x.last


@pytest.mark.parametrize(("x", "index"), [(0, 0), (12, 0), (16, 1), (25, 1), (26, 2), (99, 2)])
def test_nearest(x, index):
    assert nearest(np.array([10.0, 20.0, 30.0]), x) == index
