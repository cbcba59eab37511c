"""`y` copies what is pointed at; `j` puts letters on the panes."""

import base64
import dataclasses

import pytest
from textual.content import Content

from rugtui.live.frame import CellReadout
from rugtui.models.base import Window
from rugtui.tui.app import RugtuiApp
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.panes.theory import TheoryPane
from rugtui.tui.panes.weights.widget import WeightsPane
from rugtui.tui.terminal.terminal_app import passed_through
from tests.tui.fake import FakeSession, give, running, some_frame, some_picture


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await pilot.pause()
        await give(pilot, some_frame())
        yield pilot


def title(pilot, pane):
    return Content.from_markup(pilot.app.dashboard.query_one(f"#{pane}").border_title).plain


async def test_y_copies_the_snapshot_where_nothing_is_pointed_at(pilot, monkeypatch):
    sent = []
    monkeypatch.setattr(pilot.app._driver, "write", sent.append)
    monkeypatch.setattr(type(pilot.app.terminal), "write", lambda _, text: sent.append(text))
    monkeypatch.delenv("TMUX", raising=False)
    await pilot.press("y")
    assert pilot.app.clipboard == ""
    assert "nothing to copy" in [notice.message for notice in pilot.app._notifications][-1]
    await give(pilot, some_frame(snapshot="/runs/a/snapshot"))
    await pilot.press("y")
    assert pilot.app.clipboard == "/runs/a/snapshot"
    assert "\x1b]52;c;" + base64.b64encode(b"/runs/a/snapshot").decode() + "\a" in sent
    assert "copied: /runs/a/snapshot" in [n.message for n in pilot.app._notifications]
    monkeypatch.setenv("TMUX", "x")
    await pilot.press("y")
    assert passed_through("/runs/a/snapshot") in sent


async def test_y_copies_the_reading_of_the_focused_pane_first(pilot):
    await pilot.press("h", "left", "y")
    reading = pilot.app.dashboard.query_one(LossPane).readout()
    assert "step" in reading
    assert pilot.app.clipboard == reading.replace("−", "-")
    await pilot.press("2", "up")
    place = pilot.app.dashboard.query_one(WeightsPane).camera.cursor
    cell = CellReadout(place, 3, 5, -0.25, -0.4, Window(0, 0, 1, 1), -0.25, -0.25, False)
    await pilot.press("y")
    assert pilot.app.clipboard == reading.replace("−", "-")  # the cell is not read yet
    picture = some_picture()
    panel = dataclasses.replace(picture.panels[0], cell=cell)
    await give(pilot, some_frame(picture=dataclasses.replace(picture, panels=(panel,))))
    await pilot.press("y")
    assert pilot.app.clipboard.startswith("W[3, 5] -0.25")
    await pilot.press("1", "y")
    assert pilot.app.clipboard == reading.replace("−", "-")


async def test_y_copies_the_value_under_the_mouse_first(pilot):
    await pilot.press("2", "1", "h")
    theory = pilot.app.dashboard.query_one(TheoryPane)
    lines = [theory.render_line(y).text for y in range(theory.content_size.height)]
    y = next(y for y, line in enumerate(lines) if line.startswith("linear"))
    await pilot.hover(TheoryPane, offset=(5, 1 + y))
    await pilot.press("y")
    assert pilot.app.clipboard.startswith("linear 0.012031: ")
    await pilot.click(TheoryPane, offset=(5, 1 + y))
    assert theory.selected == "linear"
    await pilot.press("1", "h")  # no crosshair
    await pilot.hover(LossPane, offset=(30, 8))
    await pilot.press("y")
    assert pilot.app.clipboard == pilot.app.dashboard.query_one(LossPane).readout()
    assert pilot.app.clipboard.startswith("step ")


async def test_j_jumps_by_letter_and_shift_maximises(pilot):
    before = title(pilot, "loss")
    await pilot.press("j")
    assert [
        title(pilot, name).split()[0] for name in ("loss", "weights", "theory", "symmetry")
    ] == [*"lwts"]
    await give(pilot, some_frame(step=2010))
    assert title(pilot, "loss").startswith(" l ")
    await pilot.press("t")
    assert pilot.app.focused.id == "theory"
    assert title(pilot, "loss") == before
    await pilot.press("j", "W")
    await pilot.pause()
    assert pilot.app.dashboard.maximized.id == "weights"
    assert pilot.app.focused.id == "weights"
    await pilot.press("1", "j", "s")  # in W, j is a step of the cursor
    await pilot.pause()
    assert pilot.app.dashboard.maximized is None
    assert pilot.app.focused.id == "symmetry"


async def test_escape_ends_jump_mode_and_letters_work_as_before(pilot):
    await pilot.press("j", "escape", "w")
    assert [command.kind for command in pilot.app.session.shows()] == ["rug"]
    await pilot.press("j", "question_mark", "j", "ctrl+p")
    await pilot.pause()
    assert not title(pilot, "loss").startswith(" l ")


async def test_a_single_pane_shows_the_letters_of_all():
    app = RugtuiApp(FakeSession())
    async with running(app, (40, 12)) as pilot:
        await give(pilot, some_frame())
        await pilot.press("j")
        assert title(pilot, "loss").split()[:4] == [*"lwts"]
        await pilot.press("s")
        await pilot.pause()
        assert app.focused.id == "symmetry"
