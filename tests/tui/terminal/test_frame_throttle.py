"""How seldom the screen is drawn beside training, and that it is there for whoever asks."""

import pytest

from rugtui.tui.terminal.frame_throttle import ATTENTION, EAGER, LONGEST, FrameThrottle

SHARE = 0.02


class Time:
    """A clock and a thread's CPU time, wound by hand."""

    now = worked = 0.0

    def passes(self, seconds: float, working: float = 0.0) -> None:
        self.now += seconds
        self.worked += working


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def throttle(time):
    made = FrameThrottle(clock=lambda: time.now, cpu=lambda: time.worked)
    time.passes(ATTENTION)
    return made


@pytest.mark.parametrize("cost", [0.001, 0.005, 0.015])
def test_over_a_minute_it_takes_its_share_whatever_a_frame_costs(throttle, time, cost):
    began, tick = time.worked, 1 / 60
    for _ in range(3600):
        if throttle.due(SHARE):
            throttle.begin()
            time.passes(0, working=cost)
        time.passes(tick)
    assert SHARE * 0.7 < (time.worked - began) / 60 <= SHARE + cost / 60


def test_whoever_presses_a_key_waits_for_nothing(throttle, time):
    throttle.begin()
    time.passes(0.01, working=0.01)
    assert not throttle.due(SHARE)
    throttle.attend()
    assert throttle.due(SHARE)
    time.passes(ATTENTION / 2, working=ATTENTION / 2)
    assert throttle.due(SHARE)
    time.passes(ATTENTION / 2)
    assert throttle.due(SHARE)  # because LONGEST has passed
    throttle.begin()
    time.passes(0.01, working=0.01)
    assert not throttle.due(SHARE)


def test_what_took_long_once_is_not_paid_for_with_a_minute_of_stillness(throttle, time):
    throttle.begin()
    time.passes(LONGEST / 2, working=LONGEST / 2)
    assert not throttle.due(SHARE)
    time.passes(LONGEST / 2)
    assert throttle.due(SHARE)


def test_an_answer_is_looked_for_only_for_a_while(throttle, time):
    assert not throttle.eager
    throttle.attend()
    assert throttle.eager
    time.passes(EAGER)
    assert not throttle.eager
