"""The stand-in for a session: a test that fails with it ends."""

import pytest

from rugtui.tui.app import RugtuiApp
from tests.tui.fake import FakeSession, running


async def fail(session):
    async with running(RugtuiApp(session)) as pilot:
        await pilot.pause()
        assert not session.finished.is_set()
        raise ZeroDivisionError


async def test_a_test_that_fails_ends_as_soon_as_it_fails():
    session = FakeSession()
    with pytest.raises(ZeroDivisionError):
        await fail(session)
    assert session.finished.wait(5)
