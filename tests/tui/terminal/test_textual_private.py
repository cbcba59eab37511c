"""What is used of Textual's private parts, and doing without."""

import asyncio
import gc

from textual._styles_cache import StylesCache

from rugtui.tui.app import RugtuiApp
from rugtui.tui.terminal.textual_private import release_drawn
from tests.tui.fake import FakeSession, give, running, some_frame


def drawings() -> int:
    gc.collect()
    return sum(isinstance(one, StylesCache) for one in gc.get_objects())


async def test_closed_sheets_leave_nothing_drawn_behind():
    async with running(RugtuiApp(FakeSession())) as pilot:
        await give(pilot, some_frame())
        keys = ("question_mark", "escape", "e", "escape") * 3
        await pilot.press(*keys)
        await pilot.pause()
        before = drawings()
        await pilot.press(*keys)
        async with asyncio.timeout(20):  # a sheet is removed some time after it closes
            while drawings() > before:
                await pilot.pause(0.05)


def test_a_textual_without_that_cache(monkeypatch):
    monkeypatch.delattr(StylesCache, "get_inner_outer")
    release_drawn()
