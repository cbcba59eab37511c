"""The form: draft against current, validation as one types, what restarts."""

import textwrap

import pytest
from rich.style import Style
from textual.widgets import Input, Static

from rugtui.live.commands import Change
from rugtui.settings.presets import preset
from rugtui.settings.settings import Settings, fields
from rugtui.tui.app import RugtuiApp
from rugtui.tui.form import FormRow, form_line
from rugtui.tui.screens.settings_form import SettingsForm
from tests.tui.fake import FakeSession, give, running, some_frame


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession())
    async with running(app, (100, 40)) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.press("e")
        yield pilot


async def write(pilot, name, text):
    """At the keyboard: the row, what is in it replaced."""
    pilot.app.screen.go_to(name)
    await pilot.press("ctrl+u", *text)
    await pilot.pause()


def row(pilot, name):
    return next(row for row in pilot.app.screen.form.rows if row.name == name)


def said(pilot, selector):
    return str(pilot.app.screen.query_one(selector, Static).render())


def changes(pilot):
    return pilot.app.session.heard(Change)


async def test_there_is_a_row_for_every_setting(pilot):
    names = [row.name for row in pilot.app.screen.form.rows]
    assert names == ["preset", *(one.name for one in fields())]


async def test_enter_applies_a_valid_draft(pilot):
    await write(pilot, "p", "0.1")
    assert "without a restart" in said(pilot, "#consequence")
    await pilot.press("enter")
    assert [change.settings for change in changes(pilot)] == [Settings(p=0.1)]
    assert not isinstance(pilot.app.screen, SettingsForm)


async def test_a_choice_is_applied_too(pilot):
    pilot.app.screen.go_to("method")
    await pilot.press("right", "enter")
    assert [change.settings.method for change in changes(pilot)] == ["population"]


async def test_what_restarts_is_said(pilot):
    await write(pilot, "n_dense", "64")
    assert "new run: n_dense" in said(pilot, "#consequence")
    assert row(pilot, "n_dense").said == "now 128; starts a new run"
    assert "now 128; starts a new run. Hidden dimensions" in said(pilot, "#said")


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
    assert sentence in row(pilot, name).said
    assert sentence in said(pilot, "#said")
    assert "Fix the marked setting" in said(pilot, "#consequence")
    await pilot.press("enter")
    assert isinstance(pilot.app.screen, SettingsForm)
    assert changes(pilot) == []
    await pilot.press("escape")
    assert changes(pilot) == []


async def test_a_preset_fills_the_rows_and_is_a_draft(pilot):
    pilot.app.screen.go_to("preset")
    await pilot.press("right", "p")
    await pilot.pause()
    assert row(pilot, "preset").text == "paper"
    assert changes(pilot) == []
    assert "starts a new run: n_sparse" in said(pilot, "#consequence")
    await pilot.press("ctrl+s")
    assert [change.settings for change in changes(pilot)] == [preset("paper").over(Settings())]


async def test_what_cannot_be_together_is_said_beside_other_faults(pilot):
    await write(pilot, "p", "lots")
    await write(pilot, "n_dense", "600")
    assert "n_dense must be a whole number from 1" in row(pilot, "n_dense").said
    await write(pilot, "n_sparse", "?")  # now nobody knows whether 600 are too many
    assert "n_dense must" not in row(pilot, "n_dense").said
    assert "p must be" in row(pilot, "p").said


async def test_a_preset_put_away_leaves_what_runs(pilot):
    pilot.app.screen.go_to("preset")
    await pilot.press("right", "left")
    await pilot.pause()
    assert "Nothing changed yet" in said(pilot, "#consequence")


async def test_what_is_typed_stays_in_its_row_however_fast_one_goes_on(pilot):
    await pilot.press(*"0.2", "down", "down", "up", "up", *"0.3", "up")
    await pilot.pause()
    assert [row(pilot, name).text for name in ("p", "n_dense", "activation")] == [
        "0.3",
        "128",
        "relu",
    ]


async def test_a_letter_goes_to_a_value_and_rows_go_round(pilot):
    pilot.app.screen.go_to("optimizer")
    await pilot.press("a", "a", "s")
    assert row(pilot, "optimizer").text == "sgd"
    pilot.app.screen.go_to("preset")
    await pilot.press("up")
    assert pilot.app.screen.form.row.name == "matmul"
    await pilot.press("tab")
    assert pilot.app.screen.form.row.name == "preset"


async def test_the_mouse_reaches_rows_and_values(pilot):
    form = pilot.app.screen.form
    names = [row.name for row in form.rows]
    await pilot.click("FormRows", offset=(20, names.index("bias")))
    await pilot.pause()
    assert (form.row.name, form.row.text) == ("bias", "no")
    await pilot.click("FormRows", offset=(20, names.index("batch")))
    await pilot.press(*"64")
    await pilot.pause()
    assert row(pilot, "batch").text == "64"


async def test_it_is_made_of_few_widgets(pilot):
    assert len(pilot.app.screen.query("*")) < 12, "each is time from the key to the screen"


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_the_row_at_work_is_legible_in_small_terminals(size):
    app = RugtuiApp(FakeSession())
    async with running(app, size) as pilot:
        await pilot.press("e")
        for name in ("matmul", "device", "p"):
            app.screen.go_to(name)
            await pilot.pause()
            await pilot.pause()
            form = app.screen.form
            y = form.query_one("FormRows").region.y + form.at
            assert form.region.y <= y < form.region.bottom
        await write(pilot, "p", "7")
        field = app.screen.query_one(Input)
        assert field.region.y == form.query_one("FormRows").region.y + form.at
        assert field.region.width >= 18
        assert form.region.contains_region(field.region)
        told = app.screen.query_one("#said", Static)
        assert len(textwrap.wrap(str(told.render()), told.size.width)) <= told.size.height


async def test_a_small_terminal_has_room_for_the_last_sentence():
    app = RugtuiApp(FakeSession())
    async with running(app, (40, 12)) as pilot:
        await pilot.press("e")
        await write(pilot, "p", "20.5")
        await pilot.pause()
        assert row(pilot, "p").text == "20.5", "more lines below leave what is typed as it is"
        told = pilot.app.screen.query_one("#consequence", Static)
        assert len(textwrap.wrap(str(told.render()), told.size.width)) == told.size.height
        assert told.region.bottom < 12


def test_a_row_is_one_line_that_says_where_it_is_cut_and_what_can_be_chosen():
    def text(row, at_work, width, ascii_only=False):
        drawn = form_line(row, at_work, lambda _: Style.null(), width, ascii_only)
        assert drawn.cell_length == width
        return drawn.text

    wrong = FormRow("p", "7", "p must be a number above 0 and at most 1", "wrong")
    assert text(wrong, False, 60) == "! p             7                   p must be a number abov…"
    assert text(wrong, True, 36).split() == ["!", "p", "7"]
    chosen = FormRow("method", "sgd", "", choices=("sgd", "population"))
    assert "‹ sgd ›" in text(chosen, True, 60)
    assert "< sgd >" in text(chosen, True, 30, True)
    assert "‹" not in text(chosen, False, 60)


async def test_what_has_no_effect_beside_the_rest_is_said(pilot):
    await write(pilot, "lr", "0.5")
    assert row(pilot, "lr").said == "now auto; no restart"
    pilot.app.screen.go_to("method")
    await pilot.press("right")
    sentence = "now auto; no effect: population training sets its own rates"
    assert row(pilot, "lr").said == sentence
    pilot.app.screen.go_to("lr")
    await pilot.pause()
    assert sentence in said(pilot, "#said").replace("\n", " ")
    await pilot.press("ctrl+s")
    await give(pilot, some_frame(settings=changes(pilot)[-1].settings, counted=1))
    await pilot.press("e")
    assert row(pilot, "lr").said == "No effect: population training sets its own rates."
    assert row(pilot, "schedule").said.startswith("Learning rate schedule")
