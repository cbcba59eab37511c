"""A sweep on the screen, as text and colour."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from rugtui.analysis import numbers
from rugtui.sweeps.grid import Axes, Grid
from rugtui.sweeps.quantities import QUANTITIES, Cells
from rugtui.sweeps.watch import Watched
from rugtui.tui.charts.canvas import Font
from rugtui.tui.charts.palette import HALF_LEVELS, palette_for
from rugtui.tui.panes.sweep.map import MapLayout
from rugtui.tui.panes.sweep.view import (
    LARGEST,
    LINEAR,
    SweepView,
    offered,
    sizes,
    with_weights,
)
from rugtui.tui.panes.sweep.widget import alike, heading, map_room, sweep_strips
from tests.reports.some import some_rows

GRID = Grid(n_sparse="16,32", ratio="0.125,0.25,0.5", p="0.02,0.05,0.1,0.2")
SIZES = [(160, 50), (120, 40), (80, 24), (40, 12), (20, 5), (9, 2)]
PALETTE = palette_for(True)


def watched(rows=None, grid=GRID, **known):
    rows = [*some_rows(16), *some_rows(32, (4, 8, 16))] if rows is None else rows
    known = {"doing": "done", **known}
    return Watched(Path("/at/grid"), grid, Axes.of(grid), tuple(rows), **known)


def shown(sweep=None, look=None, size=(120, 40), palette=PALETTE, ascii_only=False):
    strips = sweep_strips(sweep or watched(), look or SweepView(), palette, Font(ascii_only), *size)
    assert [len(strip.text) for strip in strips] == [size[0]] * size[1]
    return strips


def text(*given, **known):
    return "\n".join(strip.text for strip in shown(*given, **known))


def ink_at(strip, column):
    """The colour of a cell, as (r, g, b)."""
    return strip.crop(column, column + 1)._segments[0].style.color.triplet


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("part", ["both", "map", "curve"])
def test_the_pane_has_the_requested_size_with_any_quantity(size, part):
    for one in offered(watched()):
        look = SweepView(quantity=one.name, part=part, row=2, column=1)
        said = text(look=look, size=size)
        if size[0] >= 40:
            assert said.startswith("72 of 96 cells · done")
            assert "r 0.5 · p 0.05" in said


@pytest.mark.parametrize("size", SIZES[:3])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_failed_and_missing_cells_differ_from_dark_ones(size, ascii_only):
    rows = [row for row in some_rows(32, (4, 8, 16)) if (row.n_dense, row.p) != (8, 0.05)]
    rows = [
        dataclasses.replace(row, status="failed", loss=None, loss_exact=None, error="died")
        if (row.n_dense, row.p, row.kind) == (16, 0.1, "trained")
        else row
        for row in rows
    ]
    palette = palette_for(True, "none", ascii_only=True) if ascii_only else PALETTE
    look = SweepView(size=LARGEST, part="map")
    width, height = map_room(look, *size)
    strips = shown(watched(rows), look, size, palette, ascii_only)[1 : height - 2]
    failed = [(y, strip.text.index("×")) for y, strip in enumerate(strips) if "×" in strip.text]
    missing = [(y, strip.text.index("·")) for y, strip in enumerate(strips) if "·" in strip.text]
    assert len(failed) == len(missing) == 1
    shape, (_, mark) = (3, 4), failed[0]
    room = MapLayout.of(shape, width, height, palette, (0, 0))
    assert room.at(*failed[0], palette) == (2, 2)
    assert room.at(*missing[0], palette) == (1, 1)
    if not ascii_only:
        assert ink_at(strips[failed[0][0]], mark) == PALETTE.style("warning").color.triplet


@pytest.mark.parametrize("size", SIZES[:4])
def test_the_title_of_the_curve_and_the_legend_of_the_map_are_whole(size):
    for one in QUANTITIES:
        if one.name in ("L*", "trained over L*", "trained loss", "skew"):
            look = SweepView(quantity=one.name, row=2, column=1)
            curve = text(look=dataclasses.replace(look, part="curve"), size=size)
            assert "p at r = 0.5" in curve.splitlines()[1]
            assert one.name.split()[0] in curve.splitlines()[1]
            legend = text(look=dataclasses.replace(look, part="map"), size=size).splitlines()
            assert one.name.split()[0] in legend[-2 - (size[1] >= 16)]


@pytest.mark.parametrize("size", SIZES[:4])
def test_the_value_under_the_cursor_is_shown_at_every_size(size):
    told = {"trained over L*": "1.1", "skew": "-0.5", "interferers": "5"}
    for name, value in told.items():
        foot = " ".join(text(look=SweepView(quantity=name, row=2), size=size).splitlines()[-2:])
        words = foot.replace(" · ", "\n").splitlines()
        assert any(word.split()[-1] == value for word in words if word.split()), foot


def test_levels_of_the_map_are_colours_and_without_colours_characters():
    rows = [
        dataclasses.replace(row, skew=(row.ratio - 0.25) * 8) if row.kind == "trained" else row
        for row in some_rows(16)
    ]
    look = SweepView(quantity="skew", part="map", row=0, column=0)
    for name in ("truecolor", "256", "16"):
        palette = palette_for(True, name)
        strips = shown(watched(rows), look, palette=palette)
        top, bottom = (ink_at(strips[row], 30) for row in (2, 20))
        assert top == palette.level(HALF_LEVELS)
        assert bottom == palette.grid, "not as an empty cell"
    plain = shown(watched(rows), look, palette=palette_for(True, "none"))
    above, below = plain[2].text[30], plain[35].text[100]
    assert above != below


def test_only_ascii_on_request():
    palette = palette_for(True, "truecolor", ascii_only=True)
    for part in ("both", "map", "curve"):
        said = text(look=SweepView(part=part), palette=palette, ascii_only=True)
        assert said.replace("·", "").isascii()


def test_failed_cells_say_why_and_missing_ones_that_they_are_missing():
    rows = [
        dataclasses.replace(row, status="failed", error="diverged within 20 steps")
        for row in some_rows(16, (4,), (0.05,))
        if row.kind == "trained"
    ]
    sweep = watched(rows, doing="computing", who="process 7", notes=("a line is damaged",))
    look = SweepView(row=1, column=1)
    said = text(sweep, look)
    assert "trained failed: diverged within 20 steps" in said
    assert said.startswith("1 of 96 cells · computing by process 7 · 1 failed × · n_sparse 16 · a")
    assert "no values on this line yet" in said
    assert "not computed yet" in text(sweep, SweepView(row=0, column=0))
    assert "trained loss / L*  no values yet" in text(sweep)


def test_the_heading_leaves_out_the_least_important_first():
    sweep = watched(doing="computing", who="process 12345 on a-host-of-a-long-name")
    look = SweepView()
    cells = look.cells(sweep)
    said = [heading(sweep, cells, look, width) for width in (120, 70, 40)]
    assert said[0].endswith("n_sparse 16 · grid")
    assert all(len(one) <= width for one, width in zip(said, (120, 70, 40), strict=True))
    assert said[2] == "72 of 96 cells · computing"


def test_moves_end_at_the_edges_and_sizes_go_round():
    sweep, look = watched(), SweepView()
    cells = look.cells(sweep)
    assert (cells.r.tolist(), cells.p.tolist()) == ([0.125, 0.25, 0.5], [0.02, 0.05, 0.1, 0.2])
    assert look.moved(cells, -1, -1).cursor(cells) == (0, 0)
    assert look.moved(cells, 9, 9).cursor(cells) == (2, 3)
    assert sizes(sweep) == [16, 32]
    assert look.next_of(sweep, "size").cells(sweep).n_sparse == 32
    assert look.next_of(sweep, "size").next_of(sweep, "size").cells(sweep).n_sparse == 16
    largest = SweepView(size=LARGEST)
    assert largest.cells(sweep).n_sparse == 32
    assert largest.next_of(sweep, "size").cells(sweep).n_sparse == 16
    smaller = Cells(16, np.array([0.5]), np.array([0.1]), ())
    assert SweepView(row=5, column=5).cursor(smaller) == (0, 0)


def test_one_variant_and_the_mean_over_seeds_or_one_of_them_are_shown():
    grid = dataclasses.replace(
        GRID, n_sparse="16", seed="3,7", bias="yes,no", activation="relu,tanh"
    )
    rows = []
    for k, variant in enumerate(Axes.of(grid).variants):
        for seed in (3, 7):
            rows += [
                dataclasses.replace(
                    row, **dataclasses.asdict(variant), seed=seed, skew=k + seed / 10
                )
                for row in some_rows(16)
                if row.kind == "trained"
            ]
    sweep, look = watched(rows, grid), SweepView(quantity="skew")
    said, skews = [], []
    for _ in Axes.of(grid).variants:
        said.append(look.choices(sweep)[0])
        skews.append(look.cells(sweep).values(look.shown_quantity(sweep))[0, 0])
        look = look.next_of(sweep, "variant")
    assert said == ["bias, relu", "bias, tanh", "no bias, relu", "no bias, tanh"]
    np.testing.assert_allclose(skews, [0.5, 1.5, 2.5, 3.5])
    assert look.cells(sweep).variant == Axes.of(grid).variants[0], "around"
    for told, skew in (("seed 3", 0.3), ("seed 7", 0.7), ("mean of 2 seeds", 0.5)):
        look = look.next_of(sweep, "seed")
        assert f"bias, relu · {told} · n_sparse 16 · grid" in text(sweep, look)
        assert look.cells(sweep).values(look.shown_quantity(sweep))[0, 0] == pytest.approx(skew)


def test_the_cell_under_the_cursor_has_the_spread_over_seeds():
    grid = dataclasses.replace(GRID, n_sparse="16", seed="0,1")
    more = [
        dataclasses.replace(row, seed=1, loss_exact=1.2 * row.loss_exact)
        for row in some_rows(16)
        if row.kind == "trained"
    ]
    losses = [row.loss_exact for row in (some_rows(16)[1], more[0])]
    said = text(watched([*some_rows(16), *more], grid))
    assert f"± {numbers.figure(np.std(losses, ddof=1), 2)}" in said


def test_only_quantities_of_the_sweep_are_offered():
    linear = watched([], Grid(kinds="linear"))
    assert offered(linear) == (LINEAR,)
    assert "best linear model's loss" in text(linear)
    rug = watched([], Grid(kinds="rug"))
    assert {one.kind for one in offered(rug)} == {"rug"}
    look = SweepView(quantity="skew")
    assert look.shown_quantity(rug) == offered(rug)[0]
    last = look.next_quantity(rug, -1)
    assert last.quantity == offered(rug)[-1].name
    assert last.next_quantity(rug, 1).quantity == offered(rug)[0].name


def test_comparable_quantities_are_drawn_together_the_selected_one_last():
    by_name = {one.name: one for one in QUANTITIES}
    ratios = ["trained over L*", "population over L*", "rug over L*"]
    assert [one.name for one in alike(by_name["rug over L*"])] == ratios
    kinds = ["linear", "trained", "rug", "population", "theory"]
    assert [one.kind for one in alike(by_name["L*"])] == kinds
    assert alike(by_name["skew"]) == (by_name["skew"],)
    said = text(look=SweepView(quantity="trained loss", part="curve"))
    assert all(name in said for name in ("trained", "rug", "L*"))


def test_weights_come_from_the_first_seed_that_saved_them():
    rows = some_rows(16, (4,), (0.05,))
    assert with_weights(rows) is None
    kept = dataclasses.replace(rows[-1], weights="weights/w.safetensors")
    assert with_weights([*rows, kept]) == kept
    assert "weights saved" in text(watched([kept]), SweepView(row=1, column=1))


def test_both_parts_are_side_by_side_or_one_below_the_other_where_they_have_room():
    both = SweepView()
    assert map_room(both, 160, 50)[0] < 160
    assert map_room(both, 80, 40)[1] < 37
    assert map_room(both, 80, 24) == (80, 21)
    assert map_room(dataclasses.replace(both, part="curve"), 160, 50) == (0, 0)
