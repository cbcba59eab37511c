"""The sweep screen: every key of it on a prepared folder, and a real process that it starts."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from textual.widgets import Input, OptionList, Static

from rugtui.live.commands import Open
from rugtui.settings.preferences import Preferences
from rugtui.sweeps import watch as process
from rugtui.sweeps.folder import SweepFolder, grid_of, run
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import Cell, empty_row, failed_row, units
from rugtui.tui.app import RugtuiApp
from rugtui.tui.footer import KeyBar
from rugtui.tui.panes.sweep.view import offered
from rugtui.tui.screens.sweep import SweepScreen, without_weights
from rugtui.tui.screens.sweep_choice import SweepForm, Sweeps
from tests.sweeps import in_process
from tests.tui.fake import FakeSession, running, some_frame

SMALL = Grid(
    n_sparse="16,32",
    ratio="0.25,0.5",
    p="0.05,0.1,0.3",
    samples=64,
    steps=20,
    rows=8,
    save_weights=True,
    device="cpu",
)
PATIENCE = 60.0


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = SweepFolder.begin(tmp_path_factory.mktemp("sweeps") / "small", SMALL)
    for _ in run(folder, in_process.outcomes):
        pass
    folder.close()
    return folder.path


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """No sweeps but those that a test makes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


async def opened(pilot):
    pilot.app.session.give(some_frame())
    pilot.app.take_frame()
    await pilot.press("x")
    await until(pilot, lambda: isinstance(pilot.app.screen, (Sweeps, SweepForm)))
    if isinstance(pilot.app.screen, SweepForm):  # there is no sweep yet
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, Sweeps))


async def until(pilot, condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await pilot.pause(0.02)


async def watch(pilot, folder):
    await opened(pilot)
    pilot.app.screen.query_one(Input).value = str(folder)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, SweepScreen))
    await until(pilot, lambda: pilot.app.screen.pane.sweep is not None)


def text(pilot) -> str:
    pane = pilot.app.screen.pane
    return "\n".join(pane.render_line(y).text for y in range(pane.size.height))


def app() -> RugtuiApp:
    return RugtuiApp(FakeSession(), Preferences(link="fast"))


async def test_keys_move_over_cells_quantities_and_sizes(swept):
    async with running(app()) as pilot:
        await watch(pilot, swept)
        pane = pilot.app.screen.pane
        assert text(pilot).startswith("48 of 48 cells · done · n_sparse 32 · small")
        assert "r 0.25 · p 0.05" in text(pilot)
        await pilot.press("up", "right")
        assert "r 0.5 · p 0.1" in text(pilot)
        await pilot.press("up", "right", "right", "left")
        assert "r 0.5 · p 0.1" in text(pilot)
        assert "trained loss / L* against p at r = 0.5" in text(pilot)
        await pilot.press("c")
        assert "trained loss / L* against r at p = 0.1" in text(pilot)
        await pilot.press("g")
        assert "n_sparse 16" in text(pilot)
        known = offered(pane.sweep)
        for one in (*known[1:], known[0]):
            await pilot.press("t")
            assert f"{one.label} against r" in text(pilot)
        await pilot.press("T")
        assert f"{known[-1].label} against r" in text(pilot)
        await pilot.press("v")
        assert "against r" not in text(pilot)
        await pilot.press("escape", "x")
        assert isinstance(pilot.app.screen, SweepScreen), "the sweep is remembered"
        await until(pilot, lambda: pilot.app.screen.pane.sweep is not None)
        assert "n_sparse 16" in text(pilot)


async def test_one_escape_closes_where_no_sweep_was_chosen(tmp_path):
    async with running(app()) as pilot:
        await opened(pilot)  # from the form to the list
        await pilot.press("tab", "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SweepForm))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.dashboard)
        process.prepare(tmp_path / "mine", SMALL)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Sweeps))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.dashboard)


def words(pilot):
    """Of the keys in the footer."""
    return [hint.word for hint in pilot.app.screen.query_one(KeyBar).hints]


async def test_only_keys_that_do_something_are_in_the_footer(swept):
    async with running(app()) as pilot:
        await opened(pilot)
        await pilot.app.pop_screen()  # as where a sweep that was chosen cannot be read
        await until(pilot, lambda: words(pilot) == ["new", "list", "close", "help", "quit"])
        await pilot.press("p", "t", "g", "v", "c", "enter", "up")
        assert "No sweep yet" in text(pilot)
        pilot.app.screen.follow(swept)
        await until(pilot, lambda: "n_sparse" in words(pilot))
        assert "stop/resume" not in words(pilot), "every cell is computed"
        assert not {"variant", "seed"} & {*words(pilot)}, "it has one of each"


async def test_the_footer_shows_how_to_close_at_80_columns(tmp_path):
    process.prepare(tmp_path / "mine", dataclasses.replace(SMALL, n_sparse="16"))
    async with running(app(), (80, 24)) as pilot:
        await watch(pilot, tmp_path / "mine")
        await until(pilot, lambda: "stop/resume" in words(pilot))
        assert (
            "escape close ? help q quit" in pilot.app.screen.query_one(KeyBar).render_line(0).text
        )
        assert "n_sparse" not in words(pilot), "there is one alone"


def test_a_cell_without_weights_says_why():
    row = empty_row(units(SMALL)[-1], Cell(0.05, 0), "population")
    failed, done = failed_row(row, "died"), dataclasses.replace(row, status="done")
    unsaved = dataclasses.replace(SMALL, save_weights=False)
    only = dataclasses.replace(SMALL, kinds="trained,theory")
    assert without_weights(SMALL, "rug", [failed]) == "this cell has no rug weights: it failed"
    assert without_weights(SMALL, "rug", []) == "the rug weights of this cell are not computed yet"
    assert "are not saved: set save_weights" in without_weights(unsaved, "rug", [done])
    assert without_weights(only, "rug", []) == "this sweep has no rug weights"


async def test_enter_opens_the_weights_of_the_cell_and_leaves_them_as_they_are(swept):
    async with running(app()) as pilot:
        await watch(pilot, swept)
        await pilot.press("up", "right", "right", "enter")
        assert not isinstance(pilot.app.screen, SweepScreen)
        (asked,) = pilot.app.session.heard(Open)
        found = asked.settings
        assert (found.n_sparse, found.n_dense, found.p) == (32, 16, 0.3)
        assert asked.path == str(swept / "weights/trained-32x16-p0.3-s0.safetensors")
        await pilot.press("x")
        await until(pilot, lambda: pilot.app.screen.pane.sweep is not None)
        await pilot.press("t", "enter")
        assert "rug-32x16" in pilot.app.session.heard(Open)[-1].path


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
async def test_the_map_and_the_readout_have_room(swept, size):
    async with running(app(), size) as pilot:
        await watch(pilot, swept)
        lines = text(pilot).splitlines()
        assert len(lines) == size[1] - 1
        assert {len(line) for line in lines} == {size[0]}
        assert any(line.split()[:1] == ["p"] or "against p" in line for line in lines)
        assert "p 0.05" in "".join(lines[-2:])
        await pilot.press("v", "v")
        assert "against p at r" in text(pilot)


async def test_the_list_has_what_is_known_and_refuses_what_is_no_sweep(tmp_path):
    process.prepare(tmp_path / "mine", SMALL)
    async with running(app()) as pilot:
        await opened(pilot)
        options = pilot.app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count)
        assert str(options.get_option_at_index(0).prompt).startswith("mine  n_sparse 16,32  r 0.25")
        field = pilot.app.screen.query_one(Input)
        field.value = "nothing"
        field.focus()
        await pilot.press("enter")
        assert "not a sweep's folder" in str(
            pilot.app.screen.query_one("#looking", Static).render()
        )
        assert not options.option_count, "what is typed filters, too"
        field.value = ""
        await until(pilot, lambda: options.option_count)
        options.focus()
        await pilot.press("slash", *"16 mine", "enter", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SweepScreen))
        await until(pilot, lambda: pilot.app.screen.pane.sweep is not None)
        assert text(pilot).startswith("0 of 48 cells · stopped")
        assert "not computed yet" in text(pilot)
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, SweepScreen), "there are no weights to open"


async def test_a_sweep_is_set_up_started_stopped_and_continued(tmp_path, monkeypatch):
    async with running(app()) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.dashboard)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, SweepForm))
        form = pilot.app.screen
        written = {"n_sparse": "16", "ratio": "0.25,", "p": "0.1,0.3", "kinds": "trained,theory"}
        for name, value in (
            written | {"steps": "10000000", "patience": "0", "device": "cpu", "folder": "grid"}
        ).items():
            form.go_to(name)
            await pilot.press("ctrl+u", *value)
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, SweepForm), "0.25, is no list of numbers"
        assert form.form.row.name == "ratio"
        await pilot.press(*"0.25")
        consequence = form.query_one("#consequence", Static)
        await until(
            pilot,
            lambda: (
                "4 cells of 1 shape × 2 p × 1 seed: 2 trained, 2 theory; about"
                in str(consequence.render())
            ),
        )
        await pilot.press("enter")
        screen = pilot.app.screen
        folder = tmp_path / "grid"
        await until(pilot, lambda: folder in screen._desk.processes)
        child = screen._desk.processes[folder]
        try:
            await until(pilot, lambda: screen.pane.sweep and screen.pane.sweep.rows)
            await until(pilot, lambda: screen.pane.sweep.doing == "computing")
            assert f"computing by process {child.pid}" in text(pilot)
            await pilot.press("p")
            await until(pilot, lambda: screen.pane.sweep.doing == "stopped")
        finally:
            child.kill()
            child.wait(PATIENCE)
        assert grid_of(folder).p == "0.1,0.3"
        assert {row.kind for row in screen.pane.sweep.rows} == {"theory"}
        continued = []
        monkeypatch.setattr(process, "start", lambda folder: continued.append(folder) or child)
        await pilot.press("p")
        await until(pilot, lambda: continued == [folder])
