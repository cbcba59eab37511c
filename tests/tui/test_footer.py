"""The line of keys: what has room, and what is under the mouse."""

import pytest
from rich.style import Style

from rugtui.tui.footer import Hint, fitting, hint_at, key_bar

HINTS = [
    Hint(shown, word, shown)
    for shown, word in [("w", "rug"), ("[ ]", "lr"), ("e", "edit"), ("?", "help"), ("q", "quit")]
]
KEY, WORD = Style(color="red"), Style(color="blue")


def test_all_hints_are_shown_if_they_fit():
    text = key_bar(HINTS, KEY, WORD, 60).text
    assert text == "w rug [ ] lr e edit ? help q quit".ljust(60)


@pytest.mark.parametrize("width", range(14, 40))
def test_the_last_hints_stay_and_none_is_cut(width):
    text = key_bar(HINTS, KEY, WORD, width).text
    assert len(text) == width
    assert text.rstrip().endswith("? help q quit")
    assert [hint for hint in HINTS if hint.word in text.split()] == fitting(HINTS, width)


def test_no_keys_and_no_room():
    assert key_bar([], KEY, WORD, 5).text == "     "
    assert key_bar(HINTS, KEY, WORD, 3).cell_length == 3


def test_the_mouse_finds_the_key_whose_cells_it_is_on():
    text = key_bar(HINTS, KEY, WORD, 40).text
    assert hint_at(HINTS, text.index("rug"), 40) == HINTS[0]
    assert hint_at(HINTS, text.index("[ ]"), 40) == HINTS[1]
    assert hint_at(HINTS, text.index("quit") + 3, 40) == HINTS[4]
    assert hint_at(HINTS, 39, 40) is None
