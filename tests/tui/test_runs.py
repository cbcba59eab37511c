"""The sheet of runs: every key of it, pressed in a running app."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Input

from rugtui.live.commands import Forget, ListSaved, Load, Open, Preview
from rugtui.live.frame import OtherRun
from rugtui.live.history import SPAN, History
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings
from rugtui.storage.listing import Listed
from rugtui.tui.app import RugtuiApp
from rugtui.tui.panes.loss.series import Smoother, smoothed
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.panes.pane import Pane
from rugtui.tui.panes.runs import RunsPane
from rugtui.tui.screens.runs import Runs
from tests.tui.fake import FakeSession, give, running, some_frame
from tests.tui.test_layout import until
from tests.tui.test_loss_pane import some_curves


def some_run(letter="A", loss=0.006, steps=1000, **settings) -> OtherRun:
    """A run that fell to its loss as 1/step."""
    history = History()
    for step in range(10, steps + 1, 10):
        noise = 0.0005 * (-1) ** (step // 10)
        history.append(step=step, seconds=step, loss=loss + 0.05 / step + noise)
    return OtherRun(
        key=f"/runs/{letter}",
        letter=letter,
        name=f"20260101-{letter}",
        state="finished",
        settings=Settings(**settings),
        step=steps,
        loss=loss,
        standard_error=1e-5,
        optimum=0.00578942774445478,
        history=history.view(),
    )


OTHERS = (some_run("A", n_dense=64), some_run("B", 0.007, 3000, p=0.02))


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession(), Preferences(link="fast"))
    async with running(app) as pilot:
        await pilot.pause()
        await give(pilot, some_frame(curves=some_curves(), others=OTHERS, run="/runs/live"))
        yield pilot


def table(pilot) -> str:
    pane = pilot.app.screen.query_one("#runs")
    return "\n".join(pane.render_line(y).text for y in range(pane.content_size.height))


def loss(pilot) -> LossPane:
    return pilot.app.dashboard.query_one(LossPane)


def told(pilot, kind):
    return pilot.app.session.heard(kind)


async def test_R_opens_the_table_and_escape_closes_it(pilot):
    await pilot.press("R")
    assert isinstance(pilot.app.screen, Runs)
    rows = table(pilot).splitlines()
    assert rows[1].split()[:3] == ["*", "live", "training"]
    assert rows[2].split()[:6] == ["B", "20260101-B", "finished", "3,000", "0.007000", "1.209"]
    assert "n_dense 64" in rows[3]
    await pilot.press("escape")
    assert not isinstance(pilot.app.screen, Runs)


async def test_n_names_a_run_on_the_screen(pilot):
    await pilot.press("R", "down", "n", "ctrl+u", *"try", "enter")
    assert "try" in table(pilot)
    assert loss(pilot).runs_view.names == {"/runs/B": "try"}
    await pilot.press("n", "ctrl+u", "escape")
    assert isinstance(pilot.app.screen, Runs)
    assert not pilot.app.screen.query_one(Input).display
    await pilot.press("n", "ctrl+u", "enter", "escape")
    assert not isinstance(pilot.app.screen, Runs)
    assert not loss(pilot).runs_view.names


def listed(name: str, **changes) -> Listed:
    path = Path("/runs") / name
    known = {"state": "paused", "size": 1, "snapshots": 0, "settings": Settings(), "step": 5}
    return Listed(path, **(known | changes))


def on_disk() -> tuple[Listed, ...]:
    damaged = listed("C", state="damaged", settings=None, trouble="no settings")
    wide = listed("D", loss=0.01, step=700, optimum=0.005, settings=Settings(n_dense=64))
    return (listed("live"), damaged, listed("B"), wide, listed("E", loss=0.002))


async def give_saved(pilot, **changes):
    """R, and what the worker finds on disk."""
    await pilot.press("R")
    assert told(pilot, ListSaved)
    known = {"others": OTHERS, "run": "/runs/live", "saved": on_disk()} | changes
    await give(pilot, some_frame(**known))


def names(pilot) -> list[str]:
    return [row.name for row in pilot.app.screen.query_one(RunsPane).rows]


async def test_runs_on_disk_are_rows_of_the_same_table(pilot):
    await give_saved(pilot)
    assert names(pilot) == ["live", "20260101-B", "20260101-A", "C", "D", "E"]
    rows = table(pilot).splitlines()
    assert rows[4].split()[:2] == ["C", "damaged"]
    assert "no settings" in rows[4]
    assert rows[5].split()[:5] == ["D", "paused", "700", "0.010000", "2.000"]
    await pilot.press(*["down"] * 4, "l")
    assert told(pilot, Load) == [Load("/runs/D")]
    await pilot.press("h", "c", "delete")  # of a run that is in the charts alone
    assert not told(pilot, Forget)
    await pilot.press("enter")
    assert told(pilot, Open) == [Open("/runs/D", Settings(n_dense=64))]
    assert not isinstance(pilot.app.screen, Runs)


async def test_s_and_a_click_on_a_heading_sort(pilot):
    await give_saved(pilot)
    await pilot.press(*"ssss")  # name, state, step, loss
    assert [name for name in names(pilot) if name < "a"] == [
        *("E", "20260101-A", "20260101-B", "D"),
        *(["C"]),  # which has no loss
    ]
    pane = pilot.app.screen.query_one(RunsPane)
    heading = pane.render_line(0).text
    assert "loss ▲" in heading
    await pilot.click(pane, offset=(heading.index("loss") + 1, 0))
    assert "loss ▼" in pane.render_line(0).text
    assert names(pilot)[0] == "D"
    await pilot.click(pane, offset=(heading.index("name") + 1, 0))
    assert names(pilot) == sorted(names(pilot))
    await pilot.click(pane, offset=(heading.index("name"), 2))
    assert pane.rows[pane.selected].name == names(pilot)[1]


async def test_a_filter_keeps_the_runs_that_have_its_words(pilot):
    await give_saved(pilot)
    await pilot.press("slash", *"paused 64")
    assert names(pilot) == ["live", "D"]
    await pilot.press("enter", "down")
    assert pilot.app.screen.row.name == "D"
    await pilot.press("escape")
    assert isinstance(pilot.app.screen, Runs)
    assert len(names(pilot)) == 6


async def test_the_selected_run_shows_its_curve(pilot):
    await give_saved(pilot)
    pane = pilot.app.screen.query_one(RunsPane)
    foot = "\n".join(pane.render_line(y).text for y in range(-9 + pane.content_size.height, 99))
    assert "┤" in foot
    await pilot.press(*["down"] * 4)
    assert "Reading its curve" in table(pilot)
    await until(pilot, lambda: told(pilot, Preview))
    assert told(pilot, Preview) == [Preview("/runs/D")]
    seen = dataclasses.replace(some_run("", loss=0.02), key="/runs/D")
    frame = some_frame(others=OTHERS, run="/runs/live", saved=on_disk(), preview=seen)
    await give(pilot, frame)
    assert "Reading its curve" not in table(pilot)
    assert "┤" in table(pilot)


async def test_a_run_from_elsewhere_is_typed_in(pilot, tmp_path):
    await pilot.press("R", "slash")
    field = pilot.app.screen.query_one(Input)
    field.value = str(tmp_path)
    await pilot.press("enter")
    assert not told(pilot, Load)
    (tmp_path / "run.json").touch()
    await pilot.press("enter")
    assert not field.display
    assert told(pilot, Load) == [Load(str(tmp_path))]


async def test_h_hides_and_shows_a_run(pilot):
    await pilot.press("R", "down", "h")
    assert [run.letter for run in loss(pilot).runs_view.shown(pilot.app.latest)] == ["A"]
    await pilot.press("h")
    assert len(loss(pilot).runs_view.shown(pilot.app.latest)) == 2


async def test_c_compares_with_a_run_and_again_with_none(pilot):
    await pilot.press("R", "down", "c")
    assert "× B" in table(pilot)
    assert "A" not in loss(pilot).readout()
    assert "× B" in loss(pilot).readout()
    await pilot.press("c")
    assert "× B" not in table(pilot)


async def test_delete_takes_a_run_off_the_list(pilot):
    await pilot.press("R", "down", "c", "delete")
    assert told(pilot, Forget) == [Forget("/runs/B")]
    assert not loss(pilot).runs_view.reference


async def test_the_live_run_is_not_changed_by_any_of_it(pilot):
    await pilot.press("R", "up", "n", "h", "c", "delete")
    assert not told(pilot, Forget)
    assert loss(pilot).runs_view.shown(pilot.app.latest) == list(OTHERS)


async def test_every_run_has_its_curve_its_letter_and_its_name(pilot):
    pane = loss(pilot)
    await pilot.press("z")
    shown = [pane.render_line(y).text for y in range(pane.content_size.height)]
    assert any(row.rstrip().endswith("A n_dense 64") for row in shown)
    assert any(row.rstrip().endswith("B p 0.02") for row in shown)
    chart = pane.chart(pane.frame, pane.palette)
    assert [curve.tag for curve in chart.behind] == ["A", "B"]
    assert np.array_equal(chart.behind[1].y, smoothed(OTHERS[1].history, SPAN, Smoother()))
    await pilot.press("t")  # against r: only what has this p
    assert [curve.tag for curve in pane.chart(pane.frame, pane.palette).behind] == ["A"]
    await pilot.press("t")
    assert [curve.tag for curve in pane.chart(pane.frame, pane.palette).behind] == ["B"]


async def test_the_other_runs_are_as_smooth_as_the_live_one(pilot):
    def drawn():
        pane = loss(pilot)
        return pane.chart(pane.frame, pane.palette).behind[1].y

    losses = OTHERS[1].history.column("loss")
    before = drawn()
    await pilot.press("greater_than_sign")
    assert np.abs(np.diff(drawn()[100:])).max() < np.abs(np.diff(before[100:])).max() * 0.7
    await pilot.press(*["less_than_sign"] * 9)
    assert np.array_equal(drawn(), losses)
    await pilot.press("home")
    assert f"B p 0.02 {losses[0]:.6f}" in loss(pilot).readout()


async def test_the_crosshair_reads_out_every_run_on_the_screen(pilot):
    await pilot.press("h")
    pane = loss(pilot)
    shown = "".join(pane.render_line(y).text for y in range(pane.content_size.height))
    for name in ("train 0.0", "smoothed 0.0", "held out 0.0", "L* 0.0", "B p 0.02 0.0"):
        assert name in shown
    assert "A n_dense 64 0.0" not in shown  # it ended before
    await pilot.press("home")
    shown = "".join(pane.render_line(y).text for y in range(pane.content_size.height))
    assert "A n_dense 64 0.0" in shown
    rows = [pane.render_line(y).text for y in range(pane.content_size.height)]
    foot = next(y for y, row in enumerate(rows) if "┼" in row or "└" in row)
    await pilot.press("end")
    rows = [pane.render_line(y).text for y in range(pane.content_size.height)]
    assert foot == next(y for y, row in enumerate(rows) if "┼" in row or "└" in row)


@pytest.mark.parametrize("size", [(160, 50), (80, 24), (40, 12), (30, 8)])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_the_sheet_has_room_in_every_terminal(size, ascii_only):
    app = RugtuiApp(FakeSession(), Preferences(link="fast", ascii=ascii_only))
    async with running(app, size) as pilot:
        await pilot.pause()
        await give(pilot, some_frame(others=OTHERS))
        await pilot.press("R", "down")
        text = table(pilot)
        room = app.screen.query_one("#runs").content_size
    assert "0.007000" in text
    assert "1.209" in text or size[0] < 40
    assert [len(row) for row in text.splitlines()] == [room.width] * room.height
    if ascii_only:
        assert text.replace("×", "").isascii()


async def test_the_first_paint_of_a_sheet_has_its_table(pilot, monkeypatch):
    """What the pane is told of its size comes a turn later, 20 ms for whoever pressed the key."""
    monkeypatch.setattr(Pane, "on_resize", lambda pane: None)
    await pilot.press("R")
    await pilot.pause()
    assert "n_dense 64" in table(pilot)
