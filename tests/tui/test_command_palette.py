"""The palette has everything, and what it has works; the failure tells its traceback on request."""

import asyncio
import dataclasses

import pytest
from textual.command import CommandList, CommandPalette
from textual.widgets import Input, OptionList, Static

from rugtui.cli import main
from rugtui.cli.options import given_settings
from rugtui.errors import SettingError
from rugtui.live.commands import Change, Pause
from rugtui.settings.presets import PRESETS, Preset, preset
from rugtui.settings.settings import Settings
from rugtui.tui.app import RugtuiApp
from rugtui.tui.command_palette import Commands
from rugtui.tui.keys import KEYS
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.screens.failure import Failure
from rugtui.tui.screens.help import Help
from rugtui.tui.screens.runs import Runs
from rugtui.tui.screens.settings_form import SettingsForm
from tests.tui.fake import FakeSession, running, some_frame


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession(Settings(seed=7)), keymap={"pause": "f2"})
    async with running(app) as pilot:
        await pilot.pause()
        app.session.give(some_frame(settings=Settings(seed=7)))
        app.take_frame()
        await pilot.pause()
        yield pilot


async def test_every_key_preset_and_theme_is_in_the_palette(pilot):
    known = list(pilot.app.get_system_commands(pilot.app.screen))
    titles = [command.title for command in known]
    for key in KEYS:
        if key.pane in ("form", "list", "failure") or key.name == "command_palette":
            continue  # those of what is not open
        assert any(key.title in title for title in titles)
    assert {f"preset: {one.name}" for one in PRESETS} <= set(titles)
    assert {"theme: dark", "theme: light", "pause (f2)"} <= set(titles)
    assert len(set(titles)) == len(titles)
    assert all(command.help.endswith(".") for command in known)


async def test_the_palette_begins_with_what_works_everywhere_and_in_the_focused_pane(pilot):
    await pilot.press("2", "ctrl+p")
    palette = pilot.app.screen.query_one(OptionList)
    for _ in range(100):
        if palette.option_count > len(KEYS):
            break
        await pilot.pause(0.02)
    shown = [str(palette.get_option_at_index(k).prompt) for k in range(palette.option_count)]
    places = [
        next(k for k, prompt in enumerate(shown) if name in prompt)
        for name in ("swap weights (w)", "compare (c)", "preset: small", "scales (l)", "(p)")
    ]
    assert places == sorted(places)


async def test_a_command_does_what_its_key_does(pilot):
    commands = {one.title: one.callback for one in pilot.app.get_system_commands(pilot.app.screen)}
    await commands["pause (f2)"]()
    assert Pause(True) in pilot.app.session.told
    await pilot.press("2")
    before = pilot.app.dashboard.query_one(LossPane).look
    await commands["Loss: scales (l)"]()
    await pilot.pause()
    assert pilot.app.dashboard.query_one(LossPane).look != before
    assert pilot.app.focused.id == "loss"
    commands["theme: light"]()
    assert not pilot.app.current_theme.dark


async def test_a_preset_fills_the_form_and_enter_applies_it(pilot):
    await pilot.app.action_edit(preset("small"))
    await pilot.pause()
    assert isinstance(pilot.app.screen, SettingsForm)
    assert not any(isinstance(command, Change) for command in pilot.app.session.told)
    await pilot.press("enter")
    (change,) = (one for one in pilot.app.session.told if isinstance(one, Change))
    assert change.settings == preset("small").over(Settings(seed=7))


def said(pilot):
    return str(pilot.app.screen.query_one("#failure").render())


async def test_a_traceback_is_shown_on_request_and_e_edits(pilot):
    pilot.app.session.give(some_frame(phase="failed", failure="oh", traceback="Traceback: line 1"))
    pilot.app.take_frame()
    await pilot.pause()
    assert isinstance(pilot.app.screen, Failure)
    assert "saved" not in said(pilot)
    failed = some_frame(phase="failed", failure="oh", kept="Step 9 is saved in /runs/a.")
    pilot.app.session.give(failed)
    pilot.app.take_frame()
    await pilot.pause()
    assert said(pilot) == "oh\n\nStep 9 is saved in /runs/a."
    trace = pilot.app.screen.query_one("#traceback")
    assert not trace.display
    await pilot.press("t")
    assert trace.display
    await pilot.press("t")
    assert not trace.display
    await pilot.press("e")
    await pilot.pause()
    assert isinstance(pilot.app.screen, SettingsForm)


def test_presets_are_frozen_valid_and_have_a_sentence():
    assert len({one.name for one in PRESETS}) == len(PRESETS) == 6
    assert all(one.about.endswith(".") and one.over(Settings()) != Settings() for one in PRESETS)
    assert preset("paper").over(Settings()).n_sparse == 1024
    with pytest.raises(SettingError):
        Preset("wrong", "Never.", {"p": 2})
    with pytest.raises(TypeError):
        PRESETS[0].changes["p"] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS[0].name = "x"


def test_options_beat_a_preset():
    assert given_settings({"preset": "small"}) == preset("small").over(Settings())
    given = {"preset": "small", "ratio": 0.5}
    assert given_settings(given).n_dense == 64


def test_a_preset_that_is_none_is_one_sentence(capsys):
    assert main(["train", "--preset", "tiny"]) == 2
    assert "preset must be one of small, paper, sparse, large, break" in capsys.readouterr().err


SHEETS = {
    "e": ("escape", "Form"),
    "R": ("escape", "Runs"),
    "x": ("escape", "Form"),  # without any sweep, that of a new one
}


@pytest.mark.parametrize("key", SHEETS)
async def test_help_and_palette_are_there_on_every_sheet(pilot, key, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    await pilot.press(key)
    await pilot.pause()
    sheet, group = pilot.app.screen, SHEETS[key][1]
    await pilot.press("f1")
    assert isinstance(pilot.app.screen, Help)
    told = str(pilot.app.screen.query_one(Static).render())
    assert told.startswith(f"{group}\n")
    assert "Zoom in and out" not in told
    assert ("Quit at once" in told) == (key == "R"), "q is a letter where one types"
    await pilot.press("escape")
    assert pilot.app.screen is sheet
    await pilot.press("ctrl+p")
    assert isinstance(pilot.app.screen, CommandPalette)


async def test_a_command_goes_to_the_screen_that_has_its_key(pilot):
    titles = {one.title: one.callback for one in pilot.app.get_system_commands(pilot.app.screen)}
    assert not any(title.startswith("Form:") for title in titles), "there is no form"
    await titles["Runs: hide run (h)"]()
    await pilot.pause()
    runs = pilot.app.screen
    assert isinstance(runs, Runs)
    await titles["Runs: close runs (escape)"]()
    await pilot.pause()
    assert pilot.app.screen is pilot.app.dashboard
    await pilot.press("e")
    here = {one.title: one.callback for one in pilot.app.get_system_commands(pilot.app.screen)}
    form = pilot.app.screen
    await here["edit (e)"]()
    assert pilot.app.screen is form, "there is one already"
    await here["Form: next row (down tab)"]()
    assert form.form.row.name == "activation"
    await here["Loss: crosshair (h)"]()
    assert pilot.app.screen is pilot.app.dashboard
    assert pilot.app.dashboard.query_one(LossPane).look.view.cross is not None


async def test_one_can_type_before_the_list_of_commands_is_there(pilot, monkeypatch):
    held = asyncio.Event()
    listed = Commands.discover

    async def discover(self):
        await held.wait()
        async for hit in listed(self):
            yield hit

    monkeypatch.setattr(Commands, "discover", discover)
    pilot.app.action_command_palette()
    await pilot.pause()
    palette = pilot.app.screen
    field, listing = palette.query_one(Input), palette.query_one(CommandList)
    assert not listing.option_count
    assert palette.get_widget_at(*field.region.offset)[0] is field
    held.set()
    while not listing.option_count:
        await pilot.pause()
    await pilot.press("z")
    assert field.value == "z"
