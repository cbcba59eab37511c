"""Names of runs that a terminal would obey or reorder, or that it shows in another width."""

import dataclasses
import unicodedata

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from rugtui.live.frame import OtherRun
from rugtui.live.other_runs import read_run, saved_runs
from rugtui.live.run_session import RunSession
from rugtui.storage.run_directory import runs_folder
from rugtui.tui.app import RugtuiApp
from rugtui.tui.charts.palette import palette_for
from rugtui.tui.panes.runs import RunsTable
from rugtui.tui.panes.runs_view import RunsView, run_rows
from rugtui.tui.terminal.plain import WithoutControl
from tests.storage.some import SETTINGS
from tests.tui.fake import FakeSession, give, running, some_frame
from tests.tui.test_runs import some_run

EVIL = "a\x1b[31mred\x07\u202e\u200b\x9b2J"
NAMES = (EVIL, "日本語のラン", "e\u0301e\u0301", "z" * 60, "[b]bold[/b]")


def obeyed(text: str) -> bool:
    """Whether a terminal would do something else than show it."""
    return any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in text)


def some_runs() -> tuple[OtherRun, ...]:
    letters = "ABCDE"
    return tuple(
        dataclasses.replace(some_run(letter), name=name, key=letter)
        for letter, name in zip(letters, NAMES, strict=True)
    )


def test_saved_runs_are_listed_newest_first_with_any_name():
    written = []
    for name in ("z", EVIL, "a"):
        session = RunSession.new(SETTINGS, into=runs_folder())
        session.advance(bool)
        session.close("paused")
        assert session.writer.run is not None
        written.append(session.writer.run.rename(runs_folder() / name))
    found = saved_runs()
    assert [run.path for run in found] == written[::-1]
    palette = palette_for(True, "truecolor", False)
    rows = run_rows(some_frame(saved=found), RunsView(), palette)
    assert [row.step for row in rows[1:]] == [run.step for run in found]
    assert not any(obeyed(row.name) for row in rows)
    assert not obeyed(read_run(written[1])[0].name)


@pytest.mark.parametrize("width", [50, 80, 120])
def test_wide_and_combining_characters_do_not_shift_columns(width):
    palette = palette_for(True, "truecolor", False)
    rows = run_rows(some_frame(others=some_runs()), RunsView(), palette)
    table = RunsTable(rows, RunsView(), palette, width).strips(1, 20)[1 : len(rows) + 1]
    ends = set()
    for strip in table:
        loss = next(at for at in range(len(strip.text)) if strip.text.startswith("0.00", at))
        ends.add(cell_len(strip.text[:loss]))
    assert len(ends) == 1
    assert {strip.cell_length for strip in table} == {width}


def test_a_name_that_somebody_types_is_made_printable():
    assert not obeyed(RunsView().named("A", EVIL).names["A"])


async def test_nothing_that_a_terminal_obeys_is_drawn_anywhere():
    app = RugtuiApp(FakeSession())
    async with running(app, notifications=True) as pilot:
        told = some_frame(others=some_runs(), run=f"/runs/{EVIL}", source=f"file {EVIL}")
        await give(pilot, dataclasses.replace(told, verdict=EVIL, failure=f"no {EVIL}"))
        app.notify(f"snapshot in {EVIL}")
        for key in ("escape", "R", "escape"):
            await pilot.press(key)
            await pilot.pause()
            filters = app.get_line_filters()
            for strip in app.screen._compositor.render_strips():
                for one in filters:
                    strip = strip.apply_filter(one, Color.parse("#000000"))
                assert not obeyed(strip.text)


def test_what_is_left_out_takes_no_cell():
    (segment,) = WithoutControl().apply([Segment(EVIL)], Color.parse("#000000"))
    assert segment.text == "a[31mred2J"
    assert cell_len(segment.text) == cell_len(EVIL)
