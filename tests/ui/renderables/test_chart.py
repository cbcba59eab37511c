"""The loss chart as text and colour."""

import numpy as np
import pytest

from rugtui.session.history import EMPTY, History
from rugtui.ui.renderables.chart import LABELS, Level, View, loss_chart
from rugtui.ui.renderables.palette import DARK
from tests.ui.fake import some_history

LSTAR = Level("L*", 0.00579, DARK.optimum)


def drawn(history, levels=(LSTAR,), view=None, width=60, height=16):
    strips = loss_chart(history, levels, view or View(), DARK, width, height)
    assert [strip.cell_length for strip in strips] == [width] * height
    return strips


def text(strips):
    return "\n".join(strip.text for strip in strips)


def rows_in(strips, colour):
    return [
        row
        for row, strip in enumerate(strips)
        for segment in strip
        if segment.style and segment.style.color and tuple(segment.style.color.triplet) == colour
        if any(0x2800 < ord(char) < 0x2900 for char in segment.text)
    ]


def test_without_data_it_says_so():
    assert "waiting" in text(drawn(EMPTY))


def test_the_level_has_its_name_on_its_line():
    strips = drawn(some_history().view())
    named = [row for row, strip in enumerate(strips) if "L*" in strip.text]
    lines = rows_in(strips, DARK.optimum)
    assert named
    assert set(lines) <= {named[0] - 1, named[0], named[0] + 1}


def test_the_curve_falls_from_top_left_to_the_level():
    strips = drawn(some_history().view())
    rows = rows_in(strips, DARK.smooth)
    assert min(rows) <= 2
    assert max(rows) >= 10


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("log_y", [False, True])
def test_all_scales_draw(log_x, log_y):
    strips = drawn(some_history().view(), view=View(log_x, log_y))
    assert rows_in(strips, DARK.smooth)


def test_names_of_close_levels_do_not_collide():
    levels = [Level(f"level {k}", 0.0058 + 1e-6 * k, DARK.text) for k in range(4)]
    shown = text(drawn(some_history().view(), levels))
    assert all(f"level {k}" in shown for k in range(4))


def test_a_level_far_away_does_not_squeeze_the_curve():
    far = Level("far", 100.0, DARK.bound)
    assert "far" not in text(drawn(some_history().view(), [far]))


def test_gaps_leave_the_rest_of_the_curve():
    history = History()
    for step in range(1, 100):
        loss = np.nan if 40 < step < 60 else 1 / step
        history.append(step=step, seconds=0, loss=loss)
    assert rows_in(drawn(history.view()), DARK.smooth)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (LABELS, 3), (25, 4), (30, 5), (200, 60)])
def test_every_size_is_filled_exactly(width, height):
    drawn(some_history().view(), width=width, height=height)
