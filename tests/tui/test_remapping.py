"""Keys moved by their user: the table, the footer, the help and the keys themselves agree."""

import string

import pytest
from textual.keys import _character_to_key

from rugtui.live.commands import Pause, Show, Stop
from rugtui.tui.app import RugtuiApp
from rugtui.tui.footer import KeyBar
from rugtui.tui.keynames import key_name, shown
from rugtui.tui.keys import KEYS, Key, help_lines
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.remapping import remapped
from rugtui.tui.screens.help import Help
from tests.tui.fake import FakeSession, running, some_frame


def test_characters_are_called_as_textual_calls_them():
    for character in string.ascii_letters + string.digits + string.punctuation + "öß§":
        assert key_name(character) == _character_to_key(character)
        if character != "§":
            assert shown(key_name(character)) == character


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("question_mark", "question_mark"),
        ("ctrl+s", "ctrl+s"),
        ("shift+a", "A"),
        ("shift+up", "shift+up"),
        ("f12", "f12"),
        (" ", "space"),
        ("ctrl+[", "ctrl+left_square_bracket"),
        ("", ""),
        ("f99", ""),
        ("ab", ""),
        ("fire", ""),
        ("hyper+x", ""),
        ("\x1b", ""),
    ],
)
def test_what_people_write_is_a_key_or_none(text, name):
    assert key_name(text) == name


def test_key_names_are_unique():
    names = [key.name for key in KEYS]
    assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match="give its key a name"):
        Key("x", "go(1)", "", "", "")


def test_two_keys_may_change_places():
    keymap, faults = remapped({"swap_weights": "s", "snapshot": "w"})
    assert keymap == {"swap_weights": "s", "snapshot": "w"}
    assert faults == {}


@pytest.mark.parametrize(
    ("wanted", "faulty", "sentence"),
    [
        (
            {"swap_weights": "s"},
            "swap_weights",
            "s is bound twice, to swap_weights and to snapshot",
        ),
        ({"pause": "?"}, "pause", "? is bound twice, to pause and to help"),
        ({"follow": "q"}, "follow", "q is bound twice, to follow and to quit"),
        ({"quit": "f"}, "quit", "f is bound twice"),
        ({"quit": "f5", "help": "f5"}, "help", "f5 is bound twice, to help and to quit"),
        ({"quit": "ctrl+c"}, "quit", "ctrl+c always leaves"),
        ({"quit": "ctrl+i"}, "quit", "for ctrl+i terminals send tab"),
        ({"quit": "f5,ctrl+["}, "quit", "for ctrl+[ terminals send escape"),
        ({"quit": "abc"}, "quit", "quit must be a key such as"),
        ({"quit": 7}, "quit", "but it is 7"),
        ({"quitt": "x"}, "quitt", "did you mean quit?"),
        ({"nonsense": "x"}, "nonsense", "doctor"),
    ],
)
def test_what_cannot_be_is_said_and_the_rest_counts(wanted, faulty, sentence):
    keymap, faults = remapped({"edit": "f9", **wanted})
    assert sentence in faults[faulty]
    assert list(faults) == [faulty]
    assert keymap["edit"] == "f9"
    assert faulty not in keymap


def test_an_action_may_have_several_keys():
    keymap, faults = remapped({"help": "?, f3", "pause": ",", "cancel": "escape,f3"})
    assert keymap == {"help": "question_mark,f3"}
    assert "f3 is bound twice, to cancel and to help" in faults["cancel"]
    assert ", is bound twice, to pause and to cross_far_left" in faults["pause"]
    assert "always leaves" in remapped({"help": "f3,ctrl+c"})[1]["help"]
    assert "but it is 'f3,f99'" in remapped({"help": "f3,f99"})[1]["help"]


def test_a_key_whose_place_was_taken_stays_and_drives_the_other_out():
    keymap, faults = remapped({"pause": "w", "swap_weights": "ctrl+c"})
    assert keymap == {}
    assert "bound twice, to pause and to swap_weights" in faults["pause"]


def test_panes_may_use_one_key_each():
    keymap, faults = remapped({"follow": "f2", "next_frame": "f2"})
    assert len(keymap) == 2
    assert not faults


def test_help_says_the_moved_keys():
    lines = help_lines({"halve_lr": "f2", "cursor_up": "f3"})
    assert ("f2 ]", "Halve and double the learning rate.") in lines["Training"]
    moved = [keys for keys, about in lines["Weights"] if about.startswith("Move the cursor")]
    assert moved == ["f3 arrows hjkl"]


@pytest.fixture
async def pilot():
    moved = {"swap_weights": "b", "halve_lr": "f2", "help": "f1", "pause": "w", "quit": "Q"}
    keymap, faults = remapped(moved)
    assert not faults
    app = RugtuiApp(FakeSession(), keymap=keymap)
    async with running(app) as pilot:
        await pilot.pause()
        app.session.give(some_frame())
        app.take_frame()
        await pilot.pause()
        yield pilot


async def test_moved_keys_work_and_their_old_places_do_what_is_there_now(pilot):
    await pilot.press("b", "space", "w")
    told = pilot.app.session.told
    assert [command for command in told if isinstance(command, Show | Pause)] == [
        Show("rug"),
        Pause(True),
    ]


async def test_the_footer_shows_moved_keys_and_pairs(pilot):
    footer = {hint.word: hint.shown for hint in pilot.app.screen.query_one(KeyBar).hints}
    assert footer["rug"] == "b"
    assert footer["pause"] == "w"
    assert footer["lr"] == "f2 ]"
    assert footer["p"] == "{ }"
    assert footer["help"] == "f1"


async def test_help_opens_and_closes_by_its_moved_key(pilot):
    await pilot.press("question_mark")
    assert not isinstance(pilot.app.screen, Help)
    await pilot.press("f1")
    assert isinstance(pilot.app.screen, Help)
    await pilot.press("f1")
    assert not isinstance(pilot.app.screen, Help)
    await pilot.press("f1", "Q")
    assert any(isinstance(command, Stop) for command in pilot.app.session.told)


async def test_a_key_in_the_footer_can_be_clicked(pilot):
    bar = pilot.app.screen.query_one(KeyBar)
    await pilot.click(KeyBar, offset=(bar.render_line(0).text.index("w pause"), 0))
    assert Pause(True) in pilot.app.session.told


async def test_a_key_with_alt_is_no_escape_where_it_is_bound():
    app = RugtuiApp(FakeSession(), keymap=remapped({"help": "alt+h"})[0])
    async with running(app) as pilot:
        await pilot.press("alt+h")
        assert isinstance(app.screen, Help)
        await pilot.press("alt+h")
        assert not isinstance(app.screen, Help)
        assert app.dashboard.query_one(LossPane).look.view.cross is None, "h shows it"
