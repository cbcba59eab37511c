"""The manual in the dashboard: from the help, by digits, and back."""

from textual.widgets import Static

from rugtui.manual import CHAPTERS
from rugtui.tui.app import RugtuiApp
from rugtui.tui.screens.help import Help, Manual
from tests.tui.fake import FakeSession, running


async def test_the_manual_opens_from_the_help_and_its_chapters_by_digits():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        await pilot.press("m")
        await pilot.pause()
        assert isinstance(app.screen, Manual)
        for number, chapter in enumerate(CHAPTERS, 1):
            await pilot.press(str(number))
            await pilot.pause()
            assert chapter.about in str(app.screen.query_one(".sheet").border_title)
            assert app.screen.query_one(Static).size.height > 20
            await pilot.press("escape")
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, Manual | Help)
