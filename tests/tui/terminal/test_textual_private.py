"""What is used of Textual's private parts, and doing without."""

import asyncio
import gc
import weakref

import pytest
from textual._styles_cache import StylesCache

from rugtui.tui.app import RugtuiApp
from rugtui.tui.terminal.textual_private import release_drawn
from tests.tui.fake import FakeSession, give, running, some_frame


@pytest.mark.parametrize("key", ["question_mark", "e"])
async def test_a_closed_sheet_leaves_nothing_drawn_behind(key):
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await give(pilot, some_frame())
        await pilot.press(key)
        drawn = [weakref.ref(one._styles_cache) for one in app.screen.walk_children()]
        await pilot.press("escape")
        async with asyncio.timeout(20):  # a sheet is removed some time after it closes
            while any(one() for one in drawn):
                await pilot.pause(0.05)
                gc.collect()


def test_a_textual_without_that_cache(monkeypatch):
    monkeypatch.delattr(StylesCache, "get_inner_outer")
    release_drawn()
