"""What panes say while they have nothing to show."""

import pytest

from rugtui.live.frame import Reading
from rugtui.live.history import EMPTY
from rugtui.tui.charts.lines import NOTHING_COMES, placeholder
from rugtui.tui.charts.palette import DARK
from rugtui.tui.panes.symmetry import waiting
from rugtui.tui.panes.theory import theory_table
from tests.tui.fake import some_frame


def nothing(**changes):
    return some_frame(history=EMPTY, step=0, levels=None, trained=Reading(), **changes)


@pytest.mark.parametrize("phase", ["loading", "training", "watching"])
def test_what_is_still_to_come_is_waited_for(phase):
    assert placeholder(nothing(phase=phase), "waiting") == "waiting"


@pytest.mark.parametrize("phase", NOTHING_COMES)
def test_what_does_not_come_is_not_waited_for(phase):
    frame = nothing(phase=phase)
    told = placeholder(frame, "waiting")
    assert told == NOTHING_COMES[phase]
    assert waiting(frame) == told
    shown = theory_table(frame, DARK, 80, 2)
    assert shown[0].text.strip() == told


def test_a_run_that_has_results_is_not_said_to_have_none():
    assert placeholder(some_frame(phase="failed"), "waiting") == "waiting"
