"""What the link bears: the budget by itself, and the rows that it lets through."""

import math

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.preferences import Preferences
from rugtui.ui.app import RugtuiApp
from rugtui.ui.link import CALM, KIB, LEAST, OVER_SSH, RATES, Link, cost
from rugtui.ui.widgets.pane import Pane, runs
from tests.ui.fake import FakeSession, give, running, some_frame, some_history, some_picture


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def spend(link, clock, seconds, row=600, backlog=0):
    """Bytes that get through when more is wanted than the link bears."""
    sent = 0
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        link.tick(backlog)
        while link.affords(row):
            sent += row
    return sent


@pytest.mark.parametrize("kind", RATES)
def test_no_more_than_the_rate_gets_through(kind, clock):
    link = Link(kind, environment={}, clock=clock)
    sent = spend(link, clock, 60)
    assert sent <= RATES[kind] * 60.5 + 600
    assert sent >= 0.95 * RATES[kind] * 60


def test_a_session_over_ssh_starts_lower(clock):
    assert Link("auto", environment={"SSH_CONNECTION": "x"}, clock=clock).rate == OVER_SSH
    assert Link("fast", environment={"SSH_CONNECTION": "x"}, clock=clock).rate == RATES["fast"]


def test_a_backlog_halves_the_rate_down_to_a_least_and_calm_earns_it_back(clock):
    link = Link("auto", environment={}, clock=clock)
    spend(link, clock, 2, backlog=5)
    assert link.rate == LEAST
    spend(link, clock, CALM * 12)
    assert link.rate == RATES["auto"]


def test_the_cost_of_a_row_is_near_what_is_sent():
    style = Style.parse("#112233 on #445566")
    row = Strip([Segment("▀" * 10, style), Segment("abc", Style.parse("#999999"))])
    codes = len("\x1b[38;2;17;34;51;48;2;68;85;102m") + len("\x1b[38;2;153;153;153m")
    assert cost(row) == pytest.approx(codes + 30 + 3 + 12, abs=15)


def test_runs_of_rows():
    assert runs([]) == []
    assert runs([0, 1, 2, 5, 7, 8]) == [(0, 3), (5, 6), (7, 9)]


async def test_what_is_not_afforded_comes_later_and_all_of_it_comes():
    app = RugtuiApp(FakeSession(), Preferences(link="slow"))
    async with running(app) as pilot:
        clock = app.link._clock = Clock()
        app.link._then = 0.0
        app.link._saved = -math.inf
        await pilot.pause()
        app.session.give(some_frame())
        app.take_frame()
        moved = some_picture()
        moved.panels[0].pixels[:] *= -1
        app.session.give(some_frame(picture=moved))
        app.take_frame()
        pane = app.dashboard.query_one("#weights", Pane)
        owed = [row for row, strip in enumerate(pane._wanted) if strip != pane._shown[row]]
        assert len(owed) > 10
        app.link._saved = 0.0
        ticks = 0
        while any(pane._wanted != pane._shown for pane in app.dashboard.query(Pane)):
            clock.now += 0.1
            app.session.give(some_frame(picture=moved))
            app.take_frame()
            ticks += 1
            assert ticks < 400
        assert ticks * 0.1 * RATES["slow"] > 10 * KIB


async def test_what_the_user_did_shows_at_once():
    app = RugtuiApp(FakeSession(), Preferences(link="slow"))
    async with running(app) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.pause()
        app.link._saved = -math.inf
        app.session.give(some_frame(shown="rug", picture=some_picture("rug")))
        app.take_frame()
        assert all(pane._wanted == pane._shown for pane in app.dashboard.query(Pane))


async def test_the_first_losses_do_not_wait_for_what_pictures_owe():
    app = RugtuiApp(FakeSession(), Preferences(link="slow"))
    async with running(app) as pilot:
        for results in range(4):
            app.link._saved = -math.inf
            await give(pilot, some_frame(history=some_history(results).view(), step=10 * results))
        pane = app.dashboard.query_one("#loss", Pane)
        assert any("smoothed" in strip.text for strip in pane._shown)


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
