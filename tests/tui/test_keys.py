"""Every key of the table, pressed in a running app."""

import itertools

import pytest
from textual.command import CommandList, CommandPalette
from textual.widgets import Input

from rugtui.live.commands import Change, Look, Pause, Save, Show, Stop
from rugtui.settings.settings import Settings
from rugtui.tui.app import RugtuiApp
from rugtui.tui.keys import KEYS, help_lines
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.screens.help import FRAME, Help, help_text
from rugtui.tui.screens.runs import Runs
from rugtui.tui.screens.settings_form import SettingsForm
from tests.tui.fake import FakeSession, give, running, some_frame
from tests.tui.test_layout import until


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await pilot.pause()
        await give(pilot, some_frame())
        yield pilot


def told(pilot, kind):
    return pilot.app.session.heard(kind)


async def test_w_swaps_trained_and_rug_and_back(pilot):
    await pilot.press("w")
    assert told(pilot, Show) == [Show("rug")]
    await give(pilot, some_frame(shown="rug"))
    await pilot.press("w")
    assert told(pilot, Show)[-1] == Show("trained")


async def test_space_pauses_and_continues(pilot):
    await pilot.press("space")
    assert told(pilot, Pause) == [Pause(True)]
    await give(pilot, some_frame(phase="paused"))
    await pilot.press("space")
    assert told(pilot, Pause)[-1] == Pause(False)


@pytest.mark.parametrize(
    ("key", "name", "factor"),
    [
        ("left_square_bracket", "learning_rate", 0.5),
        ("right_square_bracket", "learning_rate", 2),
        ("left_curly_bracket", "p", 0.8),
        ("right_curly_bracket", "p", 1.25),
    ],
)
async def test_brackets_change_rate_and_p_without_a_restart(pilot, key, name, factor):
    before = pilot.app.settings
    await pilot.press(key)
    (change,) = told(pilot, Change)
    changed = getattr(change.settings, name)
    assert changed == pytest.approx(factor * getattr(before, name), rel=1e-5)
    assert changed == float(f"{changed:.6g}"), "no more digits than the form has room for"
    assert before.restarts(change.settings) == []


async def test_presses_add_up_before_the_worker_answers(pilot):
    before = pilot.app.settings.learning_rate
    await pilot.press(*["right_square_bracket"] * 3)
    assert told(pilot, Change)[-1].settings.learning_rate == pytest.approx(8 * before, rel=1e-5)


async def test_presses_add_up_whatever_frames_come_between(pilot):
    rate = pilot.app.settings.learning_rate
    old = pilot.app.latest
    await pilot.press("right_square_bracket")
    await give(pilot, old)  # from before the worker heard of it
    await pilot.press("right_curly_bracket", "right_square_bracket")
    asked = told(pilot, Change)[-1].settings
    assert (asked.learning_rate, asked.p) == (pytest.approx(4 * rate, rel=1e-5), 0.0625)
    refused = some_frame(counted=3)  # the worker had its reasons
    await give(pilot, refused)
    await pilot.press("left_square_bracket")
    assert told(pilot, Change)[-1].settings.learning_rate == pytest.approx(rate / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("key", "changes", "said"),
    [
        ("right_square_bracket", {"method": "population"}, "population training sets its own"),
        ("left_curly_bracket", {"data": "one"}, "exactly one feature is on"),
    ],
)
async def test_a_key_for_what_has_no_effect_says_so_and_changes_nothing(key, changes, said):
    app = RugtuiApp(FakeSession())
    async with running(app, notifications=True) as pilot:
        await give(pilot, some_frame(settings=Settings(**changes)))
        await pilot.press(key)
        assert told(pilot, Change) == []
        (toast,) = app._notifications
        assert "has no effect" in toast.message
        assert said in toast.message


async def test_p_stops_at_one(pilot):
    await pilot.press(*["right_curly_bracket"] * 20)
    assert told(pilot, Change)[-1].settings.p == 1.0


async def test_s_saves_with_the_screen_as_it_is(pilot):
    await pilot.press("s")
    (save,) = told(pilot, Save)
    assert save.screen_svg.startswith("<svg")
    assert "trained" in save.screen_svg


async def test_question_mark_shows_every_key(pilot):
    await pilot.press("question_mark")
    assert isinstance(pilot.app.screen, Help)
    shown = {key for lines in help_lines().values() for keys, _ in lines for key in keys.split()}
    assert {shown for key in KEYS for shown in key.shown({}).split()} <= shown
    await pilot.press("escape")
    assert not isinstance(pilot.app.screen, Help)


async def test_e_opens_the_form_and_escape_leaves_all_as_it_was(pilot):
    await pilot.press("e")
    assert isinstance(pilot.app.screen, SettingsForm)
    await pilot.press("escape")
    assert told(pilot, Change) == []


async def test_l_steps_through_four_pairs_of_scales(pilot):
    pane = pilot.app.dashboard.query_one(LossPane)
    seen = [pane.look.view]
    for _ in range(4):
        await pilot.press("l")
        seen.append(pane.look.view)
    assert len(set(seen)) == 4
    assert seen[0] == seen[-1]


@pytest.mark.parametrize(
    ("key", "pane"), zip("1234", ["loss", "weights", "theory", "symmetry"], strict=True)
)
async def test_numbers_go_to_panes_and_z_gives_them_the_screen(pilot, key, pane):
    await pilot.press(key)
    assert pilot.app.focused.id == pane
    await pilot.press("z")
    assert pilot.app.dashboard.maximized.id == pane
    await pilot.press("z")
    assert pilot.app.dashboard.maximized is None


async def test_plus_and_minus_change_the_refresh_rate(pilot):
    before = pilot.app.fps
    await pilot.press("plus")
    assert pilot.app.fps == 2 * before
    await pilot.press("minus", "minus")
    assert pilot.app.fps == before / 2


async def test_d_changes_between_dark_and_light(pilot):
    assert pilot.app.current_theme.dark
    await pilot.press("d")
    assert not pilot.app.current_theme.dark


async def test_ctrl_p_opens_the_palette(pilot):
    await pilot.press("ctrl+p")
    assert isinstance(pilot.app.screen, CommandPalette)
    await until(pilot, lambda: pilot.app.screen.query_one(CommandList).option_count)


async def test_q_stops_the_worker_and_quits(pilot):
    await pilot.press("q")
    assert told(pilot, Stop)
    assert pilot.app.return_code == 0


async def test_panes_ask_for_as_many_pixels_as_they_have(pilot):
    look = told(pilot, Look)[-1]
    pane = pilot.app.dashboard.query_one("#weights").content_size
    assert 16 <= look.width <= pane.width
    assert 16 <= look.height <= 2 * (pane.height - 2)


def test_no_two_keys_are_the_same():
    for one, other in itertools.combinations(KEYS, 2):
        if one.meets(other):
            assert not set(one.keys.split(",")) & set(other.keys.split(",")), (one, other)


@pytest.mark.parametrize(("key", "screen"), [("question_mark", Help), ("ctrl+p", CommandPalette)])
async def test_what_a_sheet_covers_is_drawn_when_it_is_seen_again(pilot, key, screen):
    pane = pilot.app.dashboard.query_one(LossPane)
    before = pane.frame
    await pilot.press(key)
    assert isinstance(pilot.app.screen, screen)
    assert pilot.app.screen.styles.background.a == 1, "or the panes are drawn behind it"
    rows = [pilot.app.screen.render_line(y).text for y in range(40)]
    assert "1 loss" in rows[1], "the panes stay in sight"
    assert all(len(row) == 120 for row in rows)
    newer = some_frame(step=3000)
    await give(pilot, newer)
    assert pane.frame is before
    await pilot.press("escape")
    await pilot.pause()
    assert pane.frame is newer


async def test_a_letter_right_after_escape_is_no_key_of_its_own(pilot):
    await pilot.press("question_mark")
    await pilot.press("alt+w")
    await pilot.pause()
    assert not isinstance(pilot.app.screen, Help)
    assert told(pilot, Show) == [Show("rug")]
    await pilot.press("question_mark")
    await pilot.press("alt+shift+r")
    await pilot.pause()
    assert isinstance(pilot.app.screen, Runs)


@pytest.mark.parametrize("opens", ["e", "ctrl+p"])
async def test_a_letter_right_after_escape_is_not_typed_into_what_escape_closes(pilot, opens):
    await pilot.press(opens)
    await pilot.pause()
    assert isinstance(pilot.app.focused, Input)
    await pilot.press("alt+shift+r")
    await pilot.pause()
    assert isinstance(pilot.app.screen, Runs)


@pytest.mark.parametrize("columns", [30, 40, 80, 160])
def test_help_wraps_what_is_said_beside_its_key(columns):
    lines = help_text({}, columns).splitlines()
    assert max(map(len, lines)) <= columns - FRAME
    assert {line[2] for line in lines if line.startswith("  ")} - {" "}  # keys in their column
    told = " ".join(" ".join(lines).split())
    assert "Copy the value under the mouse" in told


@pytest.mark.parametrize(("pane", "group"), [("loss", "Loss"), ("weights", "Weights")])
def test_help_begins_with_the_keys_of_the_focused_pane(pane, group):
    groups = [line for line in help_text({}, 80, pane=pane).splitlines() if line[:1].isalpha()]
    assert groups[0] == group
    assert groups.index("Training") < groups.index("Sweep")
    assert sorted(groups) == sorted(help_lines())
