"""Every key of the loss pane, pressed in a running app."""

import dataclasses

import numpy as np
import pytest
from textual import events

from rugtui.live.commands import Pause
from rugtui.live.frame import Reading
from rugtui.live.history import EMPTY
from rugtui.settings.preferences import Preferences
from rugtui.theory.levels import Curves, LevelCurves
from rugtui.tui.app import RugtuiApp
from rugtui.tui.charts.chart import shown
from rugtui.tui.charts.view import NEWEST, ChartView
from rugtui.tui.footer import KeyBar
from rugtui.tui.keys import KEYS
from rugtui.tui.panes.loss.series import SPANS, Smoother
from rugtui.tui.panes.loss.view import LossView
from rugtui.tui.panes.loss.widget import LossPane
from tests.tui.fake import FakeSession, give, running, some_frame, some_history


def some_curves(r=0.25, p=0.05) -> Curves:
    """Lines with the right ends and order, not the theory's."""

    def sweep(x, r, p):
        best = (1 - r) * p**1.5 / (3 * r + 3 * p)
        linear = (1 - r) * (p / 3 - p * p / 4)
        return LevelCurves(x, best, linear, 0.9 * best, 0.25 * best, 0.8 * best, 0.7 * best)

    ratios = np.union1d(np.linspace(0.01, 0.99, 60), r)
    densities = np.union1d(np.geomspace(1e-6, 1, 60), p)
    return Curves(r, p, sweep(ratios, ratios, p), sweep(densities, r, densities))


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession(), Preferences(link="fast"))
    async with running(app) as pilot:
        await pilot.pause()
        await give(pilot, some_frame(curves=some_curves()))
        yield pilot


def pane(pilot) -> LossPane:
    return pilot.app.dashboard.query_one(LossPane)


def axes(pilot):
    one = pane(pilot)
    return shown(one.chart(one.frame, one.palette), one.look.view)


def text(pilot):
    one = pane(pilot)
    return "\n".join(one.render_line(y).text for y in range(one.content_size.height))


def width(axis):
    return axis.last - axis.first


async def press(pilot, *keys):
    """Press, and see that the pane's picture changed with the last of them."""
    await pilot.press(*keys[:-1])
    before = text(pilot), str(pane(pilot).border_subtitle)
    await pilot.press(keys[-1])
    assert (text(pilot), str(pane(pilot).border_subtitle)) != before


async def test_l_steps_through_four_pairs_of_scales_and_says_which(pilot):
    seen = {str(pane(pilot).border_subtitle)}
    for _ in range(3):
        await press(pilot, "l")
        seen.add(str(pane(pilot).border_subtitle))
    assert len(seen) == 4
    await press(pilot, "l")
    assert pane(pilot).look == LossView()


async def test_h_shows_and_hides_the_crosshair(pilot):
    await press(pilot, "h")
    assert pane(pilot).look.view.cross == NEWEST
    await press(pilot, "h")
    assert pane(pilot).look.view.cross is None


async def test_arrows_move_the_crosshair_and_the_readout_follows(pilot):
    await pilot.press("l", "left")  # linear steps; the first press shows the crosshair
    assert "step 2,000" in text(pilot)
    await press(pilot, "left")
    assert "step 1,9" in text(pilot)
    here = pane(pilot).look.view.cross
    await press(pilot, "comma")
    assert pane(pilot).look.view.cross < here - 100
    await press(pilot, "full_stop", "right", "left", "right")
    assert pane(pilot).look.view.cross >= here


async def test_home_and_end_go_to_the_first_and_the_newest(pilot):
    await press(pilot, "home")
    assert "step 10 " in text(pilot)
    await press(pilot, "end")
    assert "step 2,000" in text(pilot)
    await give(pilot, some_frame(history=some_history(300).view()))
    assert "step 3,000" in text(pilot)


async def test_i_and_o_zoom_around_the_crosshair(pilot):
    await pilot.press("h", *["comma"] * 3)
    before, cross = axes(pilot).x, pane(pilot).look.view.cross
    await press(pilot, "i")
    assert width(axes(pilot).x) == pytest.approx(width(before) / 2)
    assert pane(pilot).look.view.cross == cross
    assert "held" in str(pane(pilot).border_subtitle)
    await press(pilot, "o")
    assert axes(pilot).x == before


async def test_capitals_zoom_the_losses(pilot):
    before = axes(pilot).y
    await press(pilot, "I")
    assert width(axes(pilot).y) == pytest.approx(width(before) / 2)
    await press(pilot, "O")
    assert width(axes(pilot).y) == pytest.approx(width(before))


async def test_zooming_the_losses_leaves_the_curve_at_the_crosshair_where_it_is(pilot):
    await pilot.press("h")
    smooth = Smoother()(pane(pilot).frame.history.column("loss"), pane(pilot).look.span)
    end = np.log10(smooth[-1])
    share = (end - axes(pilot).y.first) / width(axes(pilot).y)
    await press(pilot, "I", "I")
    assert (end - axes(pilot).y.first) / width(axes(pilot).y) == pytest.approx(share)


async def test_shift_and_arrows_pan_and_keep_the_width(pilot):
    await pilot.press("i")
    before = axes(pilot).x
    await press(pilot, "shift+left")
    assert axes(pilot).x.first < before.first
    assert width(axes(pilot).x) == pytest.approx(width(before))
    await press(pilot, "shift+right")
    assert axes(pilot).x.last == pytest.approx(before.last)
    assert pane(pilot).look.view.follow


async def test_shift_and_arrows_pan_the_losses(pilot):
    before = axes(pilot).y
    await press(pilot, "shift+up")
    assert axes(pilot).y.first > before.first
    await press(pilot, "shift+down")
    assert axes(pilot).y.first == pytest.approx(before.first)


async def test_panning_one_axis_leaves_the_other_following_the_data(pilot):
    await pilot.press("i", "shift+left")
    assert pane(pilot).look.view.y is None
    await pilot.press("0", "shift+up")
    assert pane(pilot).look.view.x is None


async def test_a_click_puts_the_crosshair_there(pilot):
    await pilot.press("l", "l")  # linear steps
    plot = pane(pilot).content_size.width - 12 - 7
    await pilot.click(LossPane, offset=(1 + 7 + plot // 2, 5))
    assert pane(pilot).look.view.cross == pytest.approx(1000, abs=30)
    await pilot.click(LossPane, offset=(1 + 7 + plot + 3, 5))
    assert pane(pilot).look.view.cross == NEWEST


async def test_the_wheel_zooms(pilot):
    before = axes(pilot).x
    nowhere = dict.fromkeys(("x", "y", "delta_x", "delta_y", "button"), 0)
    keys = dict.fromkeys(("shift", "meta", "ctrl"), False)
    for wheel, factor in ((events.MouseScrollUp, 0.5), (events.MouseScrollDown, 1.0)):
        pane(pilot).post_message(wheel(pane(pilot), **nowhere, **keys))
        await pilot.pause()
        assert width(axes(pilot).x) == pytest.approx(factor * width(before))


async def test_a_zoom_survives_new_data_until_a_shows_all(pilot):
    await pilot.press("h", "comma", "i", "i", "I")
    before = axes(pilot)
    await give(pilot, some_frame(history=some_history(900).view()))
    assert (axes(pilot).x, axes(pilot).y) == (before.x, before.y)
    await press(pilot, "0")
    assert axes(pilot).x == axes(pilot).whole_x


async def test_f_holds_and_follows(pilot):
    await pilot.press("i")
    await press(pilot, "f")
    before = axes(pilot).x
    await give(pilot, some_frame(history=some_history(400).view()))
    assert axes(pilot).x == before
    await press(pilot, "f")
    assert axes(pilot).x.last == axes(pilot).whole_x.last
    await give(pilot, some_frame(history=some_history(800).view()))
    assert axes(pilot).x.last == axes(pilot).whole_x.last == pytest.approx(np.log10(8000))


async def test_less_and_greater_smooth_less_and_more(pilot):
    def roughness():
        return np.abs(
            np.diff(pane(pilot).chart(pane(pilot).frame, pane(pilot).palette).curves[1].y[100:])
        ).mean()

    before = roughness()
    await press(pilot, "greater_than_sign")
    assert roughness() < before
    await press(pilot, "less_than_sign", "less_than_sign")
    assert roughness() > before
    await pilot.press(*["less_than_sign"] * 9)
    assert pane(pilot).look.span == SPANS[0]
    await pilot.press(*["greater_than_sign"] * 9)
    assert pane(pilot).look.span == SPANS[-1]


async def test_t_turns_to_theory_against_r_and_p_and_back(pilot):
    await press(pilot, "t")
    assert "r 0.25 · run 0.005800 · L*" in pane(pilot).readout()
    assert "oracle" in text(pilot)
    assert "●" in text(pilot)
    await press(pilot, "t")
    assert pane(pilot).readout().startswith("p 0.05 · run 0.005800 · L*")
    await press(pilot, "t")
    assert "step 2,000" in text(pilot)


async def test_each_tab_keeps_its_own_view(pilot):
    await pilot.press("i", "t", "h", "i")
    assert pane(pilot).look.views[0].x is not None
    assert pane(pilot).look.views[1].cross == 0.25
    assert pane(pilot).look.views[2] == ChartView()
    await press(pilot, "left")
    assert "run" not in pane(pilot).readout()


async def test_the_run_s_point_follows_p_before_the_curves_are_computed(pilot):
    await pilot.press("t", "t")
    before = text(pilot)
    column = max(line.find("●") for line in before.splitlines())
    settings = some_frame().settings.replace(p=0.5)
    await give(pilot, some_frame(curves=some_curves(), settings=settings))
    assert max(line.find("●") for line in text(pilot).splitlines()) > column


async def test_the_rug_has_its_point_too(pilot):
    frame = some_frame(curves=some_curves(), rug=Reading(loss=0.004, standard_error=1e-5))
    await give(pilot, frame)
    await pilot.press("t", "2", "1")
    assert text(pilot).count("●") == 2


async def test_the_readout_has_every_series_at_the_crosshair(pilot):
    await pilot.press("h")
    history = some_frame().history
    told = pane(pilot).readout()
    assert told.startswith("step 2,000 · train 0.00")
    smooth = Smoother()(history.column("loss"), pane(pilot).look.span)
    for column in (history.column("loss"), smooth, history.column("heldout")):
        assert f"{column[-1]:.6f}" in told
    assert " ± 2e-5 · L* 0.005789 · × L* " in told


async def test_a_result_of_another_p_is_not_held_against_this_p(pilot):
    levels = dataclasses.replace(some_frame().levels, p=0.1)
    await give(pilot, some_frame(levels=levels))
    told = pane(pilot).readout()
    assert "L*" not in told
    assert told.endswith("p 0.05")


async def test_without_data_no_key_does_harm(pilot):
    await give(pilot, some_frame(history=EMPTY))
    keys = [key.keys for key in KEYS if key.pane == "loss"]
    assert len(keys) >= 20
    await pilot.press(*keys, *keys)
    assert pane(pilot).readout() == ""
    pane(pilot).look = LossView()
    await pilot.press("t")
    assert "theory" in text(pilot)


@pytest.mark.parametrize(
    ("size", "ascii_only"),
    [((120, 40), False), ((80, 24), True), ((40, 12), False), ((30, 8), True)],
)
async def test_every_key_works_at_every_size(size, ascii_only):
    app = RugtuiApp(FakeSession(), Preferences(ascii=ascii_only))
    async with running(app, size) as pilot:
        await pilot.pause()
        one = pane(pilot)
        await give(pilot, some_frame(curves=some_curves()))
        for key in KEYS:
            if key.pane == "loss":
                await pilot.press(key.keys)
                room = one.content_size
                assert [len(one.render_line(y).text) for y in range(room.height)] == (
                    [room.width] * room.height
                )
                if ascii_only:
                    assert text(pilot).replace("·", "").replace("±", "").replace("×", "").isascii()


async def test_a_failure_before_the_first_result_is_shown_in_the_chart_s_place(pilot):
    frame = some_frame(history=EMPTY, phase="failed", failure="Training diverged by step 18.")
    await give(pilot, frame)
    await pilot.press("escape")
    await pilot.pause()
    told = " ".join(text(pilot).split())
    assert told == "Training stopped before its first result. Training diverged by step 18."
    await pilot.press("space")
    assert not pilot.app.session.heard(Pause)


async def test_a_tab_that_is_clicked_comes_to_the_front(pilot):
    for k, name in [(1, " r "), (2, " p "), (0, " steps ")]:
        at = "   1 loss against steps  r  p ".index(name)
        await pilot.click(LossPane, offset=(at, 0))
        assert pane(pilot).look.tab == k


async def test_a_double_click_on_the_title_maximises_and_restores(pilot):
    for maximised in (pane(pilot), None):
        await pilot.click(LossPane, offset=(5, 0), times=2)
        await pilot.pause()
        assert pilot.app.dashboard.maximized is maximised
        header, footer = (
            pilot.app.dashboard.query_one("#headline"),
            pilot.app.screen.query_one(KeyBar),
        )
        assert header.region.y == 0
        assert footer.region.bottom == 40
        assert ("all panes" in [hint.word for hint in footer.hints]) == (maximised is not None)


async def test_the_mouse_reads_out_what_it_is_over(pilot):
    before = text(pilot)
    await pilot.press("l", "l")
    await pilot.hover(LossPane, offset=(20, 5))
    one = pane(pilot)
    assert one.look.view.cross is None
    pointed = one.facts(one.frame, one.chart(one.frame, one.palette))
    assert 0 < float(pointed[0].value.replace(",", "")) < 1000
    assert pointed[0].text in text(pilot)
    assert len(text(pilot).splitlines()) == len(before.splitlines())
    await pilot.hover("#theory", offset=(20, 5))
    assert "step 2,000" in text(pilot)


async def test_a_range_that_is_dragged_over_is_zoomed_into(pilot):
    await pilot.press("l", "l")
    plot = pane(pilot).content_size.width - 12 - 7
    first, last = 8 + plot // 4, 8 + plot // 2
    await pilot.mouse_down(LossPane, offset=(first, 5))
    await pilot.hover(LossPane, offset=(last, 7))
    assert any(
        segment.style.bgcolor and segment.style.bgcolor.triplet == pane(pilot).palette.grid
        for segment in pane(pilot).render_line(4)
    )
    await pilot.mouse_up(LossPane, offset=(last, 7))
    await pilot.pause()
    view = pane(pilot).look.view
    assert view.x == pytest.approx((500, 1000), abs=60)
    assert not view.follow
    assert view.cross is None
    await pilot.press("0")
    assert pane(pilot).look.view.x is None


async def test_smoothing_is_told_in_steps_and_every_strength_changes_it(pilot):
    await pilot.press(*["less_than_sign"] * 9)
    assert "no smoothing" in str(pane(pilot).border_subtitle)
    told = []
    for _ in range(9):
        before = pane(pilot).look
        await pilot.press("greater_than_sign")
        if pane(pilot).look != before:
            told.append(str(pane(pilot).border_subtitle).rpartition("smoothing ")[2])
    assert len(told) == len(set(told)) >= 3
    await give(pilot, some_frame(history=some_history(20).view()))
    await pilot.press(*["less_than_sign"] * 9, "greater_than_sign")
    assert "smoothing 0" not in str(pane(pilot).border_subtitle)
    assert all(one.endswith(" steps") for one in told)
