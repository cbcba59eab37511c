"""A dashboard that looks on: its header says so, and keys that would change the run say why not."""

from rugtui.live.commands import Change, Pause, Save, Show
from rugtui.tui.app import RugtuiApp
from rugtui.tui.footer import KeyBar
from rugtui.tui.header import Header
from rugtui.tui.screens.settings_form import SettingsForm
from tests.tui.fake import FakeSession, give, running, some_frame

WATCHED = some_frame(
    phase="watching",
    source="PID 1234, read-only",
    read_only="read-only: process 1234 trains this run; change it there.",
    save_age=4.0,
)


def notices(app):
    return [notice.message for notice in app._notifications]


async def test_keys_that_would_change_training_are_refused_in_a_sentence():
    session = FakeSession()
    async with running(RugtuiApp(session)) as pilot:
        await give(pilot, WATCHED)
        for count, key in enumerate(["space", "[", "]", "{", "}", "e"], 1):
            await pilot.press(key)
            assert notices(pilot.app) == [WATCHED.read_only] * count
        assert not isinstance(pilot.app.screen, SettingsForm)
        assert session.heard(Pause) == session.heard(Change) == []
        assert pilot.app.settings == WATCHED.settings
        await pilot.press("w")  # what only looks works
        await pilot.press("s")  # where the worker says what can be done
        assert session.shows() == [Show("rug")]
        assert len(session.heard(Save)) == 1
        await give(pilot, some_frame())
        await pilot.press("space")
        assert session.heard(Pause) == [Pause(True)]


async def test_the_footer_has_only_keys_that_work():
    async with running(RugtuiApp(FakeSession())) as pilot:

        def words():
            return {hint.word for hint in pilot.app.screen.query_one(KeyBar).hints}

        await give(pilot, WATCHED)
        assert {"rug", "runs", "help"} <= words()
        assert not {"pause", "resume", "lr", "p", "edit", "save"} & words()
        await give(pilot, some_frame(phase="opened"))
        assert {"resume", "lr", "p", "edit", "save"} <= words()
        await give(pilot, some_frame())
        assert {"pause", "lr", "p", "edit", "save"} <= words()


async def test_the_header_says_who_trains_and_how_old_the_picture_is():
    async with running(RugtuiApp(FakeSession())) as pilot:
        await give(pilot, WATCHED)
        said = pilot.app.dashboard.query_one(Header).render_line(0).text
        assert said.startswith(" watching PID 1234, read-only · 512 × 128 · ")
        assert "saved 4 s ago" in said
        await give(pilot, some_frame(phase="finished", source="read-only"))
        said = pilot.app.dashboard.query_one(Header).render_line(0).text
        assert said.startswith(" finished read-only · ")
        assert "ago" not in said
