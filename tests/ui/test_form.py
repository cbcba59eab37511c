"""The form: draft against current, validation as one types, what restarts."""

import textwrap

import pytest
from textual.widgets import Input, Select, Static

from rugtui.config import Settings, fields
from rugtui.presets import preset
from rugtui.session.commands import Change
from rugtui.ui.app import RugtuiApp
from rugtui.ui.screens.settings_form import SettingsForm
from tests.ui.fake import FakeSession, running, some_frame


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession())
    async with running(app, (100, 40)) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.press("e")
        yield pilot


async def write(pilot, name, text):
    pilot.app.screen.query_one(f"#row-{name} Input", Input).value = text
    await pilot.pause()


def said(pilot, selector):
    return str(pilot.app.screen.query_one(selector, Static).render())


def changes(pilot):
    return pilot.app.session.heard(Change)


async def test_there_is_a_row_for_every_setting(pilot):
    rows = {row.declared.name for row in pilot.app.screen.query("FormRow")}
    assert rows == {one.name for one in fields()}


async def test_enter_applies_a_valid_draft(pilot):
    await write(pilot, "p", "0.1")
    assert "without a restart" in said(pilot, "#consequence")
    await pilot.press("enter")
    assert [change.settings for change in changes(pilot)] == [Settings(p=0.1)]
    assert not isinstance(pilot.app.screen, SettingsForm)


async def test_a_choice_is_applied_too(pilot):
    pilot.app.screen.query_one("#row-method Select", Select).value = "population"
    await pilot.pause()
    await pilot.press("ctrl+s")
    assert [change.settings.method for change in changes(pilot)] == ["population"]


async def test_what_restarts_is_said(pilot):
    await write(pilot, "n_dense", "64")
    assert "new run: n_dense" in said(pilot, "#consequence")
    assert "now 128; starts a new run" in said(pilot, "#row-n_dense .about")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("p", "1.5", "p must be a number above 0 and at most 1, but it is 1.5"),
        ("p", "lots", "p must be a number above 0 and at most 1, but it is 'lots'"),
        ("lr", "-1", "lr must be a number above 0, or auto, but it is -1"),
        ("n_dense", "600", "n_dense must be a whole number from 1 to n_sparse"),
        ("device", "gpu", "device must be auto, cpu, cuda, cuda:N or mps"),
    ],
)
async def test_what_cannot_be_is_said_and_not_applied(pilot, name, text, sentence):
    await write(pilot, name, text)
    assert sentence in said(pilot, f"#row-{name} .about")
    assert "Training goes on" in said(pilot, "#consequence")
    await pilot.press("enter")
    assert isinstance(pilot.app.screen, SettingsForm)
    assert changes(pilot) == []
    await pilot.press("escape")
    assert changes(pilot) == []


async def test_a_preset_fills_the_rows_and_is_a_draft(pilot):
    pilot.app.screen.query_one("#preset", Select).value = "paper"
    await pilot.pause()
    assert changes(pilot) == []
    assert "starts a new run: n_sparse" in said(pilot, "#consequence")
    await pilot.press("ctrl+s")
    assert [change.settings for change in changes(pilot)] == [preset("paper").over(Settings())]


async def test_what_cannot_be_together_is_said_beside_other_faults(pilot):
    await write(pilot, "p", "lots")
    await write(pilot, "n_dense", "600")
    assert "n_dense must be a whole number from 1" in said(pilot, "#row-n_dense .about")
    await write(pilot, "n_sparse", "?")  # now nobody knows whether 600 are too many
    assert "n_dense must" not in said(pilot, "#row-n_dense .about")
    assert "p must be" in said(pilot, "#row-p .about")


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_the_row_at_work_is_legible_in_small_terminals(size):
    app = RugtuiApp(FakeSession())
    async with running(app, size) as pilot:
        await pilot.press("e")
        await write(pilot, "p", "7")
        about, field = (app.screen.query_one(f"#row-p {one}") for one in (".about", "Input"))
        assert about.region.width >= 30
        assert field.region.width >= 10
        inside = app.screen.query_one("VerticalScroll").region
        assert inside.contains_region(field.region)


async def test_a_small_terminal_has_room_for_the_last_sentence():
    app = RugtuiApp(FakeSession())
    async with running(app, (40, 12)) as pilot:
        await pilot.press("e")
        await write(pilot, "p", "2")
        told = pilot.app.screen.query_one("#consequence", Static)
        assert len(textwrap.wrap(str(told.render()), told.size.width)) == told.size.height
