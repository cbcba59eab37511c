"""Charts as text and colour."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from rugtui.live.frame import Reading
from rugtui.live.history import EMPTY, SPAN, History, HistoryView, Mark
from rugtui.tui.charts.axis import Axis
from rugtui.tui.charts.canvas import Font, Pen
from rugtui.tui.charts.chart import Chart, Curve, Level, label_rows, shown
from rugtui.tui.charts.drawing import LEAST, chart_strips
from rugtui.tui.charts.palette import DARK, LIGHT
from rugtui.tui.charts.view import NEWEST, ChartView, Limits
from rugtui.tui.panes.loss.curves import loss_chart
from rugtui.tui.panes.loss.series import Deriver
from tests.tui.fake import LEVELS, some_frame, some_history

LSTAR = Level("L*", 0.00579, DARK.optimum)


def frame_with(history=None, **changes):
    return some_frame(history=history or some_history().view(), **changes)


def the_chart(frame=None):
    frame = frame or some_frame()
    return loss_chart(frame, Deriver()(frame.history, SPAN), DARK)


def drawn(chart, view=None, width=70, height=16, font=None):
    strips = chart_strips(chart, view or ChartView(), DARK, font or Font(), width, height)
    assert [strip.cell_length for strip in strips] == [width] * height
    return strips


def text(strips):
    return "\n".join(strip.text for strip in strips)


def cells(strips, colour):
    """(row, column) of every cell of braille in a colour."""
    found = []
    for row, strip in enumerate(strips):
        column = 0
        for segment in strip:
            for char in segment.text:
                painted = segment.style and segment.style.color
                if painted and painted.triplet == colour and 0x2800 < ord(char) < 0x2900:
                    found.append((row, column))
                column += 1
    return found


def rows(strips, colour):
    return {row for row, _ in cells(strips, colour)}


def columns(strips, colour):
    return {column for _, column in cells(strips, colour)}


def test_an_empty_history_makes_an_empty_chart():
    assert the_chart(some_frame(history=EMPTY)).empty
    one = History()
    one.append(step=1, seconds=0, loss=1)
    assert the_chart(some_frame(history=one.view())).empty


def test_the_level_has_its_name_on_its_line():
    strips = drawn(the_chart())
    (named,) = [row for row, strip in enumerate(strips) if "L*" in strip.text]
    assert rows(strips, DARK.optimum) <= {named - 1, named, named + 1}


def test_the_curve_falls_from_top_left_to_the_level():
    where = sorted(cells(drawn(the_chart()), DARK.smooth), key=lambda cell: cell[1])
    assert where[0][0] <= 3
    assert where[-1][0] >= 9
    assert where[-1][1] - where[0][1] > 40


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("log_y", [False, True])
def test_all_scales_draw_the_run_from_end_to_end(log_x, log_y):
    strips = drawn(the_chart(), ChartView(log_x, log_y))
    across = columns(strips, DARK.smooth) | columns(strips, DARK.heldout)
    assert min(across) <= 9
    assert max(across) >= 56


def test_step_zero_is_left_out_of_a_logarithmic_axis():
    history = History()
    for step in range(100):
        history.append(step=step, seconds=0, loss=1 / (1 + step))
    strips = drawn(the_chart(frame_with(history.view())))
    assert max(columns(strips, DARK.smooth)) >= 56


def test_the_raw_loss_is_drawn_under_everything_else():
    """Where the noise band covers the level, one still sees the level."""
    history = History()
    rng = np.random.default_rng(0)
    for step in range(1, 2000):
        history.append(step=step, seconds=0, loss=LEVELS.loss * np.exp(rng.normal(0, 0.3)))
    strips = drawn(the_chart(frame_with(history.view())), ChartView(log_x=False))
    assert len(columns(strips, DARK.optimum) | columns(strips, DARK.smooth)) >= 50
    assert len(rows(strips, DARK.faint)) >= 8


def test_names_of_close_levels_do_not_collide():
    levels = tuple(Level(f"level {k}", 0.0058 + 1e-6 * k, DARK.text) for k in range(4))
    shown_text = text(drawn(dataclasses.replace(the_chart(), levels=levels)))
    assert all(f"level {k}" in shown_text for k in range(4))


def test_more_names_than_rows_leave_the_last_out():
    levels = [Level(str(k), k, DARK.text) for k in range(9)]
    assert {level.name for level in label_rows(levels, Axis(0, 10, False), 5).values()} == set(
        "01234"
    )


def test_a_distant_level_does_not_flatten_the_curve():
    far = dataclasses.replace(the_chart(), levels=(Level("far", 100.0, DARK.bound),))
    assert "↑ far" in text(drawn(far))
    alone = dataclasses.replace(the_chart(), levels=())
    assert columns(drawn(far), DARK.smooth) == columns(drawn(alone), DARK.smooth)


def test_names_are_in_the_order_of_their_values():
    best = LEVELS.loss
    near = (Level("lower", best, DARK.optimum), Level("upper", 1.001 * best, DARK.gaussian))
    said = text(drawn(dataclasses.replace(the_chart(), levels=near)))
    assert said.index("upper") < said.index("lower")


def test_a_level_begins_where_its_p_began():
    history = History()
    for step in range(1, 201):
        history.append(step=step, seconds=0, loss=0.02, p=0.1 if step <= 150 else LEVELS.p)
    chart = the_chart(frame_with(history.view()))
    assert chart.levels[0].since == 150
    strips = drawn(chart, ChartView(log_x=False, y=Limits(0.001, 0.03)))
    assert min(columns(strips, DARK.optimum)) == pytest.approx(7 + 0.75 * 51, abs=2)


def test_the_optimum_keeps_its_past_when_p_changes():
    history = History()
    for step in range(1, 201):
        history.append(step=step, seconds=0, loss=0.02, p=0.1 if step <= 150 else 0.2)
    optima = ((0.1, 0.01), (0.2, 0.015))
    for now, changes in ((0.2, [150]), (LEVELS.p, [150, 200])):  # the last before any result of it
        levels = dataclasses.replace(LEVELS, p=now)
        frame = frame_with(history.view(), levels=levels, past_optima=optima)
        lines = sorted(
            (level.since, level.until, level.value)
            for level in the_chart(frame).levels
            if level.name in ("", "L*")
        )
        values = [value for _, value in optima][: len(changes)]
        assert lines == [
            *zip([-np.inf, *changes], changes, values, strict=False),
            (changes[-1], np.inf, LEVELS.loss),
        ]


def test_levels_off_the_scale_have_arrows_and_stay_in_the_order_of_their_values():
    levels = tuple(
        Level(f"at {value:g}", value, DARK.text) for value in (20.0, 30.0, 1e-6, 10.0, 2e-6)
    )
    view = ChartView(y=Limits(0.005, 0.02))
    strips = drawn(dataclasses.replace(the_chart(), levels=levels), view)
    names = [strip.text[58:].strip() for strip in strips if " at " in strip.text]
    assert names == ["↑ at 30", "↑ at 20", "↑ at 10", "↓ at 2e-06", "↓ at 1e-06"]


def test_a_gap_is_not_drawn_and_does_not_affect_the_limits():
    history = History()
    for step in range(1, 101):
        loss = np.nan if 40 < step < 60 else np.inf if step == 70 else 1 / step
        history.append(step=step, seconds=0, loss=loss)
    chart = dataclasses.replace(the_chart(frame_with(history.view())), levels=())
    strips = drawn(chart, ChartView(log_x=False))
    gap = [7 + round(share * 50) for share in (0.42, 0.45, 0.5, 0.55, 0.58)]
    assert not (columns(strips, DARK.smooth) | columns(strips, DARK.faint)) & set(gap)
    assert shown(chart, ChartView()).y.last < np.log10(2)


def test_the_limits_are_those_of_the_visible_data():
    chart = dataclasses.replace(the_chart(), levels=())
    whole = shown(chart, ChartView(log_y=False)).y
    late = shown(chart, ChartView(log_y=False, x=Limits(1500, 2000))).y
    assert late.last < 0.5 * whole.last
    assert chart.curves[0].y[-50:].max() < late.last


def test_a_spike_is_visible_in_any_history():
    steps = np.arange(1.0, 1e5 + 1)
    loss = np.full(steps.size, 0.01)
    loss[54_321] = 1.0
    chart = Chart((Curve("train", steps, loss, Pen(DARK.smooth, "*")),))
    strips = drawn(chart)
    assert min(rows(strips, DARK.smooth)) <= 1


def test_held_out_has_bars_of_one_standard_error():
    steps = np.arange(1.0, 101.0)
    some = np.array([20.0, 60.0])
    chart = Chart(
        (
            Curve("train", steps, np.linspace(0.1, 2.9, 100), Pen(DARK.faint, "."), under=True),
            Curve(
                "held out",
                some,
                np.array([1.5, 1.5]),
                Pen(DARK.heldout, "o"),
                "points",
                np.array([0.1, 1.0]),
            ),
        )
    )
    strips = drawn(chart, ChartView(False, False))
    low, high = sorted(columns(strips, DARK.heldout))
    where = cells(strips, DARK.heldout)
    assert len([row for row, column in where if column == low]) <= 3
    assert len([row for row, column in where if column == high]) >= 8


def test_many_held_out_points_do_not_hide_the_line():
    strips = drawn(the_chart(frame_with(heldout_everywhere())), ChartView(log_x=False))
    assert len(columns(strips, DARK.smooth)) >= 45


def heldout_everywhere():
    table = some_history(2000).view().table.copy()
    table[4], table[5] = table[2], 1e-4
    return HistoryView(table)


def test_the_crosshair_is_drawn_where_it_is_put():
    steps = np.arange(0.0, 101.0)
    chart = Chart((Curve("train", steps, np.ones(101), Pen(DARK.smooth, "*")),))
    for cross, column in ((0.0, 7), (50.0, 38), (NEWEST, 69)):
        strips = drawn(chart, ChartView(False, False, cross=cross), width=70 + 12)
        assert columns(strips, DARK.text) == {column}
        assert len(rows(strips, DARK.text)) >= 13


def test_texts_of_marks_do_not_overlap():
    marks = (Mark(1000, "lr 0.01"), Mark(1010, "lr 0.02"), Mark(1990, "p 0.1"))
    chart = dataclasses.replace(the_chart(), marks=marks)
    strips = drawn(chart, ChartView(log_x=False))
    assert "lr 0.02" in strips[0].text
    assert "p 0.1" in strips[0].text
    assert "lr 0.01" not in strips[0].text
    assert {7 + 25, 7 + 50} <= columns(strips, DARK.faint)


def test_changes_at_one_step_are_named_together():
    texts = ("p 0.0625", "lr 0.1", "p 0.05", "lr 0.2", "batch 64")
    marks = (Mark(800, "seed 1"), *(Mark(1600, text) for text in texts))
    chart = dataclasses.replace(the_chart(), marks=marks)
    assert "p 0.05, lr 0.2, batch 64" in drawn(chart, ChartView(log_x=False))[0].text
    narrow = drawn(chart, ChartView(log_x=False), width=36)[0].text
    assert "batch 64" in narrow
    assert "lr" not in narrow


def test_the_rug_has_a_level_while_it_is_shown():
    frame = some_frame(shown="rug", rug=Reading(loss=0.0061, standard_error=1e-5))
    assert [level.name for level in the_chart(frame).levels] == [
        "L*",
        "linear",
        "rug",
        "elementwise",
    ]


def test_ascii_has_no_other_character():
    chart = dataclasses.replace(the_chart(), marks=(Mark(1000, "lr 0.01"),))
    strips = drawn(chart, ChartView(cross=NEWEST), font=Font(ascii=True))
    assert text(strips).isascii()
    assert {"*", "o", "-", ".", "|", "+"} <= set(text(strips))


def test_faint_text_is_legible():
    """Contrast of at least 3:1 against the terminal's background, as for large text."""

    def luminance(colour):
        shares = [c / 255 for c in colour]
        parts = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return float(np.dot([0.2126, 0.7152, 0.0722], parts))

    for palette, paper in ((DARK, 0.0), (LIGHT, 1.0)):
        frame = some_frame()
        chart = loss_chart(frame, Deriver()(frame.history, SPAN), palette)
        inks = [curve.pen.colour for curve in chart.curves]
        for colour in [*inks, *(level.colour for level in chart.levels)]:
            light, dark = sorted([luminance(colour), paper], reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3


STRANGE = {
    "nothing known": [np.nan] * 5,
    "diverged": [np.inf] * 4,
    "zero": [0.0] * 10,
    "below zero": [-1.0, 2.0, 3.0],
    "constant": [0.5] * 1000,
    "one known": [np.nan] * 50 + [1.0] + [np.nan] * 50,
    "from end to end of float64": [1e300, np.inf, np.nan, 1e-300, 1.0],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("losses", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("limits", [None, Limits(1, 3)])
def test_any_loss_can_be_drawn(losses, limits):
    history = History()
    for step, loss in enumerate(losses):
        history.append(step=step, seconds=0, loss=loss, heldout=loss, heldout_standard_error=loss)
    chart = the_chart(frame_with(history.view()))
    for log_x, log_y in ((True, True), (True, False), (False, True), (False, False)):
        drawn(chart, ChartView(log_x, log_y, x=limits, follow=limits is None, cross=NEWEST))


@pytest.mark.parametrize(("width", "height"), [LEAST, (25, 5), (35, 9), (40, 12), (200, 60)])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_every_size_is_filled_exactly(width, height, ascii_only):
    view = ChartView(cross=NEWEST)
    drawn(the_chart(), view, width, height, Font(ascii_only))


def test_exact_losses_lie_at_the_steps_whose_weights_they_are_of():
    some = SimpleNamespace(exact=0.009, exact_standard_error=0.0)
    reading = Reading(trend=(some,) * 2, trend_at=(500, 1500))  # of 2,000 steps
    chart = the_chart(frame_with(trained=reading))
    assert all(level.name != "exact(W)" for level in chart.levels)
    strips = drawn(chart, ChartView(log_x=False, log_y=False))
    assert "exact @1.5k" in text(strips)
    beside_rug = the_chart(frame_with(trained=reading, shown="rug"))
    assert "trained W" in text(drawn(beside_rug))
    assert sorted(columns(strips, DARK.exact)) == pytest.approx(
        [7 + 0.25 * 51, 7 + 0.75 * 51], abs=1
    )
