"""The line under the chart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.live.history import SPAN, History
from rugtui.settings.settings import Settings
from rugtui.tui.charts.lines import Fact, facts_text, laid_out
from rugtui.tui.charts.palette import DARK
from rugtui.tui.panes.loss.curves import history_facts, loss_chart
from rugtui.tui.panes.loss.series import Deriver
from tests.tui.fake import LEVELS, some_frame

FACTS = [Fact(0, "step", "1,000"), Fact(2, "train", "0.5"), Fact(1, "smoothed", "0.25")]


def told(history, index):
    return facts_text(history_facts(some_frame(history=history), Deriver()(history, SPAN), index))


@pytest.mark.parametrize(
    ("crossed", "shown"),
    [(True, "step 1,234 · smoothed 0.011579"), (False, "live 0.005800 · × L* 1.002")],
)
def test_a_short_line_keeps_the_step_where_no_header_tells_it(crossed, shown):
    history = History()
    history.append(step=1234, seconds=0, loss=2 * LEVELS.loss, p=LEVELS.p)
    frame = some_frame(history=history.view())
    facts = history_facts(frame, Deriver()(frame.history, SPAN), 0, crossed=crossed)
    assert [facts_text(line) for line in laid_out(facts, 38, 1)] == [shown]


@pytest.mark.parametrize(
    ("width", "lines", "shown"),
    [
        (80, 1, ["step 1,000 · train 0.5 · smoothed 0.25"]),
        (37, 1, ["step 1,000 · smoothed 0.25"]),
        (37, 2, ["step 1,000 · train 0.5", "smoothed 0.25"]),
        (20, 1, ["step 1,000"]),
        (3, 1, ["step 1,000"]),
    ],
)
def test_the_least_important_facts_are_left_out_first(width, lines, shown):
    assert [facts_text(line) for line in laid_out(FACTS, width, lines)] == shown


@given(
    st.lists(st.tuples(st.integers(0, 5), st.text("abc", max_size=9)), min_size=1, max_size=8),
    st.integers(1, 60),
    st.integers(1, 3),
)
def test_it_fits(pieces, width, lines):
    facts = [Fact(rank, "", value) for rank, value in pieces]
    laid = laid_out(facts, width, lines)
    assert len(laid) <= lines
    assert all(len(facts_text(line)) <= width or len(line) == 1 for line in laid)


def test_the_held_out_loss_is_the_last_one_up_to_that_step():
    history = History()
    for step in range(1, 11):
        held = 0.1 * step if step in (3, 7) else None
        history.append(step=step, seconds=0, loss=1.0, heldout=held, heldout_standard_error=0.01)
    view = history.view()
    assert "held out" not in told(view, 1)
    assert "held out 0.300000 ± 1e-2 · L*" in told(view, 2)
    assert "held out 0.300000 ± 1e-2 @3 · L*" in told(view, 5)
    assert "held out 0.700000 ± 1e-2 @7 · L*" in told(view, 9)


def test_the_ratio_is_to_the_optimum_and_a_gap_is_a_dash():
    history = History()
    history.append(step=1, seconds=0, loss=2 * LEVELS.loss, p=LEVELS.p)
    history.append(step=2, seconds=0, loss=np.nan, p=LEVELS.p)
    assert told(history.view(), 0).endswith("L* 0.005789 · × L* 2.000")
    assert "train - · smoothed -" in told(history.view(), 1)


def test_a_weighed_loss_is_held_against_no_line():
    history = History()
    history.append(step=10, seconds=0, loss=1e-4, p=LEVELS.p)
    frame = some_frame(history=history.view(), settings=Settings(importance=1.0))
    facts = history_facts(frame, Deriver()(frame.history, SPAN), 0)
    assert "L*" not in facts_text(facts)
    assert loss_chart(frame, Deriver()(frame.history, SPAN), DARK).levels == ()


def test_a_held_out_loss_of_another_p_is_not_read_out():
    history = History()
    for step, p in ((10, 0.05), (20, LEVELS.p / 2)):
        held = 0.0061 if step == 10 else None
        history.append(step=step, seconds=0, loss=0.006, heldout=held, p=p)
    assert "held out" in told(history.view(), 0)
    assert "held out" not in told(history.view(), 1)


def test_l_star_is_that_of_the_p_at_the_crosshair_and_without_one_that_of_now():
    history = History()
    history.append(step=10, seconds=0, loss=0.0174, heldout=0.0175, p=0.1)
    frame = some_frame(history=history.view(), past_optima=((0.1, 0.0087),))
    derived = Deriver()(frame.history, SPAN)
    past = facts_text(history_facts(frame, derived, 0))
    assert past.endswith("p 0.1 · L* 0.008700 · × L* 2.000")
    now = facts_text(history_facts(frame, derived, 0, crossed=False))
    assert now == "step 2,000 · live 0.005800 · L* 0.005789 · × L* 1.002"
