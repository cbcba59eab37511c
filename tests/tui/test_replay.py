"""The crosshair in the past and the replay: what they ask for, and what the panes then show."""

import dataclasses

from rugtui.live.commands import ShowStep
from rugtui.live.opening import open_run
from rugtui.live.own_run import OwnRun
from rugtui.live.run_session import RunSession
from rugtui.live.session import Session
from rugtui.settings.settings import Settings
from rugtui.tui.app import RugtuiApp
from rugtui.tui.panes.loss import widget
from tests.tui.fake import FakeSession, give, running, some_frame, some_picture

KEPT = (0, 500, 1000, 1500)
BACK = ("weights", "theory", "symmetry")


def titles(app):
    return [str(app.dashboard.query_one(f"#{name}").border_title) for name in BACK]


def at_step(step):
    frame = some_frame(kept_steps=KEPT)
    picture = dataclasses.replace(some_picture(), step=step)
    past = dataclasses.replace(frame, step=step, shown_step=step, picture=picture, phase="paused")
    return dataclasses.replace(frame, past=past)


async def test_the_crosshair_requests_the_nearest_kept_step_and_escape_the_newest():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await give(pilot, some_frame(kept_steps=KEPT))
        await pilot.press("h")
        await pilot.pause()
        assert app.session.heard(ShowStep) == []  # it is on the newest
        await pilot.press("home")
        await pilot.pause()
        assert app.session.heard(ShowStep) == [ShowStep(0)]
        await give(pilot, at_step(0))
        assert all("at step 0" in title for title in titles(app))
        assert "at step" not in str(app.dashboard.query_one("#loss").border_title)
        await pilot.press("t")  # against r there is no step
        assert app.session.heard(ShowStep)[-1] == ShowStep(None)
        await pilot.press("t", "t")
        for pane in ("2", "3", "4"):
            await pilot.press("1", "home")
            await pilot.pause()
            assert app.session.heard(ShowStep)[-1] == ShowStep(0)
            await pilot.press(pane)
            await pilot.pause()
            await pilot.press("escape")
            await pilot.pause()
            assert app.session.heard(ShowStep)[-1] == ShowStep(None)
        await give(pilot, some_frame(kept_steps=KEPT))
        assert not any("at step" in title for title in titles(app))


async def test_the_replay_goes_through_all_steps_waits_for_each_and_ends_at_the_newest(monkeypatch):
    monkeypatch.setattr(widget, "REPLAY_SECONDS", 0.4)
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await give(pilot, some_frame())
        await pilot.press("P")
        assert app.session.heard(ShowStep) == []  # nothing was kept
        await give(pilot, some_frame(kept_steps=KEPT))
        await pilot.press("2", "P")
        while (asked := app.session.heard(ShowStep))[-1:] != [ShowStep(None)]:
            if asked:
                await give(pilot, at_step(asked[-1].step))
            await pilot.pause(0.01)
        steps = [one.step for one in asked[:-1]]
        assert steps[0] == 0
        assert steps == sorted(steps)
        assert set(steps) <= set(KEPT)


async def test_the_same_key_stops_the_replay_where_it_is():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await give(pilot, some_frame(kept_steps=KEPT))
        await pilot.press("P", "P")
        await pilot.pause()
        assert app.session.heard(ShowStep) == [ShowStep(0)]
        pane = app.dashboard.query_one("#loss")
        assert pane._replay is None
        assert pane.kept_step == 0


async def test_an_opened_run_is_seen_at_an_earlier_step(tmp_path):
    settings = Settings(n_sparse=32, n_dense=8, p=0.1, batch=16, steps=300, device="cpu")
    run_session = RunSession.new(settings, into=tmp_path)
    while not run_session.done:
        run_session.advance(lambda: False)
    run_session.close("done")
    session = Session(OwnRun(Settings(), lambda: open_run(run_session.folder)))
    app = RugtuiApp(session)
    async with running(app) as pilot:
        while app.latest.picture is None:
            await pilot.pause(0.02)
        await pilot.press("h", "home")
        while app.latest.past is None:
            await pilot.pause(0.02)
        pane = app.dashboard.query_one("#loss")
        step = pane.kept_step
        assert step in run_session.kept_steps
        await pilot.pause()
        assert all(f"at step {step:,}" in title for title in titles(app))
        text = "\n".join(strip.text for strip in app.dashboard.query_one("#theory")._shown)
        assert f"step {step}" in text or f"@{step}" in text
        await pilot.press("escape")
        while app.latest.past is not None:
            await pilot.pause(0.02)
        await pilot.pause()
        assert not any("at step" in title for title in titles(app))
