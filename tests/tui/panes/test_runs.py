"""The table of runs as text, at any size."""

import dataclasses

import pytest

from rugtui.tui.charts.palette import palette_for
from rugtui.tui.panes.runs import RunsTable
from rugtui.tui.panes.runs_view import RunsView, run_rows, varying
from tests.tui.fake import some_frame
from tests.tui.test_runs import OTHERS, some_run

PALETTE = palette_for(True, "truecolor", False)
ALL = RunsView()
FRAME = some_frame(others=OTHERS, run="/runs/20260102-live")


def lines(view=ALL, width=120, height=12, selected=0, frame=FRAME, palette=PALETTE):
    rows = run_rows(frame, view, palette)
    strips = RunsTable(rows, view, palette, width).strips(selected, height)
    assert len(strips) == height
    assert {strip.cell_length for strip in strips} == {width}
    return [strip.text for strip in strips]


@pytest.mark.parametrize("width", [24, 40, 64, 80, 120, 200])
@pytest.mark.parametrize("height", [1, 4, 20])
def test_it_fits_and_the_selected_run_is_there(width, height):
    for selected, letter in enumerate(["*", "B", "A"]):
        told = lines(RunsView(reference="/runs/A"), width, height, selected)
        if height > 1:
            assert any(row.strip().startswith(letter) for row in told[1:])


def test_the_live_run_comes_first_then_the_newest():
    marks = [row[:2] for row in lines()[1:4]]
    assert marks == [" *", "B ", "A "]
    assert "20260102-live" in lines()[1]


def test_names_get_the_columns_that_differences_leave():
    name = "20261124-204507-512x64-p0.05-sgd"
    frame = some_frame(run=f"/runs/{name}")
    assert name in lines(frame=frame, width=80)[1]
    among = some_frame(run=f"/runs/{name}", others=OTHERS)
    heading, live = lines(frame=among, width=80)[:2]
    assert "differs in" in heading
    assert "p 0.05, n_dense 128" in live
    assert name[:14] in live


def test_only_settings_that_differ_are_listed():
    heading, live, newest, oldest = lines()[:4]
    assert "differs in" in heading
    assert varying(run_rows(FRAME, RunsView(), PALETTE)) == ["p", "n_dense"]
    assert "p 0.05, n_dense 128" in live
    assert "p 0.02, n_dense 128" in newest
    assert "p 0.05, n_dense 64" in oldest


def test_losses_are_compared_with_theory_and_with_a_run():
    heading, _, newest, oldest = lines(RunsView(reference="/runs/A"))[:4]
    assert "× A" in heading
    assert oldest[:2] == "A="
    assert f"{0.006 / 0.00578942774445478:.3f}" in oldest
    assert "1.000" in oldest
    assert f"{0.007 / 0.006:.3f}" in newest


def test_hidden_runs_are_marked_and_described():
    told = lines(RunsView(hidden=frozenset({"/runs/B"})), selected=1)
    assert told[2][:2] == "B-"
    assert any("B: 20260101-B, hidden. Differs from the live run: p 0.02." in row for row in told)


@pytest.mark.parametrize(("ascii_only", "cut"), [(False, "…"), (True, "~")])
def test_a_long_name_is_cut_and_says_so(ascii_only, cut):
    view = RunsView().named("/runs/A", "a name that is longer than any column of this table")
    palette = palette_for(True, "none" if ascii_only else "truecolor", ascii_only)
    assert cut in lines(view, width=60, palette=palette)[3]


def test_in_a_wide_terminal_names_and_differences_are_whole():
    name = "20261124-140516-8192x2048-p0.005-sgd"
    heading, _, newest, oldest = lines(RunsView().named("/runs/A", name), width=112)[:4]
    assert name in oldest
    assert newest.rstrip().endswith("p 0.02, n_dense 128")
    assert heading.index("state") == oldest.index("finished")


def test_a_single_run_explains_how_others_get_into_the_list():
    told = lines(frame=some_frame(), height=12)
    assert any("the previous run stays here" in row for row in told)


def test_a_long_list_shows_the_runs_around_the_selected_one():
    many = tuple(dataclasses.replace(some_run(), key=f"/{k}", name=f"run {k}") for k in range(40))
    told = lines(frame=some_frame(others=many), height=10, selected=30)
    assert any("run 10" in row for row in told[1:6])  # the newest, run 39, is the first below
    assert not any("run 39" in row for row in told)
