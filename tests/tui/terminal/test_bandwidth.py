"""What the way to the terminal bears: the bucket by itself, against ways of a known rate."""

import math

import pytest

from rugtui.tui.app import RugtuiApp
from rugtui.tui.panes.pane import Pane, runs
from rugtui.tui.terminal.bandwidth import (
    CALM,
    KIB,
    LATE,
    LEAST,
    LOST,
    OVER_SSH,
    RATES,
    BandwidthLimiter,
)
from rugtui.tui.terminal.driver import NoTerminal
from rugtui.tui.terminal.frame_throttle import ATTENTION, LONGEST, FrameThrottle
from tests.tui.fake import FakeSession, give, running, some_frame

TICK = 0.05
ROW = 600


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Way:
    """A way to a terminal: bytes leave it at a rate, no more than `holds` of them are in it."""

    def __init__(self, clock, rate, holds=20 * KIB, trip=0.0, answers=False):
        self.clock, self.rate, self.holds, self.trip = clock, rate, holds, trip
        self.answers, self.inside, self.sent, self.most = answers, 0.0, 0, 0.0
        self.due = []

    def run(self, link, seconds):
        """Send all that the link lets through; the most that a key would have had to wait."""
        longest = 0.0
        for _ in range(int(seconds / TICK)):
            self.clock.now += TICK
            self.inside = max(self.inside - TICK * self.rate, 0.0)
            while self.due and self.due[0][1] <= self.clock.now:
                link.note_answer(*self.due.pop(0))
            if self.answers and not self.sent:
                self.ask(link)
            room = link.available()
            if room > 0:
                count = ROW * math.ceil(room / ROW)
                self.take(link, count)
                link.consume(count, wanting=True)
            if self.answers:
                self.ask(link)
            longest = max(longest, self.inside / self.rate)
        return longest

    def take(self, link, count):
        self.sent += count
        self.inside += count
        blocked = max(self.inside - self.holds, 0.0) / self.rate
        self.clock.now += blocked
        self.inside = min(self.inside, self.holds)
        link.note_write(count, blocked, self.clock.now)

    def ask(self, link):
        if number := link.next_question():
            self.due.append((number, self.clock.now + self.inside / self.rate + self.trip))


@pytest.mark.parametrize("kind", RATES)
def test_no_more_than_the_rate_gets_through(kind, clock):
    way = Way(clock, 1e9)
    way.run(BandwidthLimiter(kind, environment={}, clock=clock), 60)
    assert way.sent <= RATES[kind] * 60.5 + ROW
    assert way.sent >= 0.95 * RATES[kind] * 60


def test_a_session_over_ssh_starts_lower(clock):
    assert (
        BandwidthLimiter("auto", environment={"SSH_CONNECTION": "x"}, clock=clock).rate == OVER_SSH
    )
    assert (
        BandwidthLimiter("fast", environment={"SSH_CONNECTION": "x"}, clock=clock).rate
        == RATES["fast"]
    )


@pytest.mark.parametrize("rate", [3 * KIB, 8 * KIB, 16 * KIB])
def test_a_write_that_blocks_tells_the_rate(rate, clock):
    link, way = BandwidthLimiter("auto", environment={}, clock=clock), Way(clock, rate)
    way.run(link, 60)
    assert way.run(link, 60) < 0.5, "what is sent is not far in front of a key"
    assert LEAST <= link.rate <= rate
    assert way.inside < way.holds / 2


def test_a_way_that_is_idle_between_two_keys_is_no_slower_for_that(clock):
    link, rate = BandwidthLimiter("auto", environment={}, clock=clock), 16 * KIB
    for _ in range(8):
        clock.now += 15
        link.note_write(12 * KIB, 8 * KIB / rate, clock.now)
    assert 0.5 * rate < link.rate <= rate


@pytest.mark.parametrize("trip", [0.0, 0.3])
@pytest.mark.parametrize("rate", [3 * KIB, 8 * KIB, 16 * KIB])
def test_answers_tell_the_rate_where_nothing_blocks(rate, trip, clock):
    link = BandwidthLimiter("auto", environment={"SSH_CONNECTION": "x"}, clock=clock)
    way = Way(clock, rate, holds=1e9, trip=trip, answers=True)
    way.run(link, 30)
    assert way.run(link, 120) < 0.8
    before = way.sent
    way.run(link, 60)
    assert way.sent - before > 0.4 * rate * 60, "and what it bears is used"


def test_a_far_terminal_is_no_slow_one(clock):
    link = BandwidthLimiter("auto", environment={"SSH_CONNECTION": "x"}, clock=clock)
    Way(clock, 1e6, holds=1e9, trip=0.6, answers=True).run(link, 60)
    assert link.rate > RATES["auto"]


@pytest.mark.parametrize("kind", ["auto", "slow"])
def test_more_than_at_first_is_sent_where_it_is_wanted_and_known_to_arrive(kind, clock):
    link = BandwidthLimiter(kind, environment={}, clock=clock)
    for _ in range(60):
        clock.now += 1
        link.consume(ROW, wanting=False)
        link.note_answer(link.next_question(), clock.now + 0.01)
    assert link.rate == RATES[kind], "nothing more was wanted"
    Way(clock, 1e9, answers=True).run(link, 60)
    assert (link.rate > 1.5 * RATES[kind]) == (kind == "auto")


def test_calm_earns_the_rate_back(clock):
    link, way = BandwidthLimiter("auto", environment={}, clock=clock), Way(clock, 4 * KIB)
    way.run(link, 30)
    way.rate = 1e9
    way.run(link, CALM)
    assert link.rate < 5 * KIB
    way.run(link, 15 * CALM)
    assert link.rate == RATES["auto"]


def test_a_terminal_that_never_answers_holds_nothing_up(clock):
    link = BandwidthLimiter("auto", environment={}, clock=clock)
    assert link.next_question()
    assert not link.next_question(), "one at a time"
    clock.now += 2 * LATE
    assert link.available() > 0
    clock.now += LOST
    assert link.available() > 0
    assert link.next_question()


def test_an_answer_that_was_given_up_is_no_answer_to_another_question(clock):
    link = BandwidthLimiter("auto", environment={}, clock=clock)
    first = link.next_question()
    clock.now += LOST + 1
    link.available()
    second = link.next_question()
    link.note_answer(first, clock.now + 0.001)
    assert link.answer_due
    link.note_answer(second, clock.now + 0.3)
    assert not link.answer_due
    assert link.rate == RATES["auto"]


def test_a_terminal_that_was_busy_for_once_is_no_slow_one(clock):
    link, way = BandwidthLimiter("auto", environment={}, clock=clock), Way(clock, 1e9)
    for _ in range(10):
        way.run(link, 25)
        link.note_write(ROW, 1.0, clock.now)
    assert link.rate == RATES["auto"]


def test_nothing_is_sent_behind_an_answer_that_is_late(clock):
    link = BandwidthLimiter("auto", environment={}, clock=clock)
    link.note_answer(link.next_question(), clock.now + 0.02)
    link.next_question()
    clock.now += 0.02 + 0.9 * LATE
    assert link.available() > 0
    clock.now += 0.2 * LATE
    assert link.available() == 0


def test_a_key_may_use_more_until_the_way_is_known_to_be_slow(clock):
    link = BandwidthLimiter("auto", environment={}, clock=clock)
    link.key_pressed()
    assert link.available() > 64 * KIB
    link.note_write(ROW, 1.0, 1.0)
    link.note_write(ROW, 1.0, 2.0)
    link.key_pressed()
    assert link.available() == 0
    slow = BandwidthLimiter("slow", environment={}, clock=clock)
    slow.key_pressed()
    assert slow.available() <= KIB


def test_runs_of_rows():
    assert runs([]) == []
    assert runs([0, 1, 2, 5, 7, 8]) == [(0, 3), (5, 6), (7, 9)]


class Behind(NoTerminal):
    """Of a terminal that does not show all yet."""

    dirty = True


async def test_a_picture_on_its_way_is_whole_before_the_next_is_begun(monkeypatch):
    """Unless somebody waits for what a key does, or the way is so slow that nothing would come."""
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        app.throttle = FrameThrottle(clock=(clock := Clock()))
        await give(pilot, some_frame(step=2000))
        app.terminal = Behind()
        clock.now += ATTENTION + LONGEST
        await give(pilot, some_frame(step=2010))
        assert app.latest.step == 2000
        await pilot.press("l")
        app.take_frame()
        assert app.latest.step == 2010
        clock.now += ATTENTION + LONGEST
        await give(pilot, some_frame(step=2020))
        assert app.latest.step == 2010
        monkeypatch.setattr("rugtui.tui.frame_app.SEND_WHOLE", 0.0)
        app.take_frame()
        assert app.latest.step == 2020


async def test_a_new_frame_draws_rows_and_never_a_whole_pane(monkeypatch):
    """What a border says is set only where it says something else: setting it redraws the pane."""
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.pause()
        whole: list[str] = []
        refresh = Pane.refresh

        def spied(pane, *regions, **known):
            if not regions:
                whole.append(pane.id)
            return refresh(pane, *regions, **known)

        monkeypatch.setattr(Pane, "refresh", spied)
        app.session.give(some_frame(step=2010, steps_per_second=99.0))
        app.take_frame()
        await pilot.pause()
        assert whole == []
        await pilot.press("l")
        assert set(whole) == {"loss"}
