"""What the terminal shows: the same as if everything had been written, for far fewer bytes."""

import pyte
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rugtui.tui.terminal.ansi import parted, recoloured
from rugtui.tui.terminal.screen_diff import BLANKS, HARMLESS, ScreenDiff, cells_of

COLUMNS, ROWS = 24, 4
INKS = ("", "31", "38;5;200", "38;2;1;2;3", "39")
PAPERS = ("", "44", "48;5;7", "48;2;9;9;9")
ATTRIBUTES = ("", "1", "7", "1;4")
TEXTS = ("", " " * 13, " " * 11 + "x", "loss", "日本", "a日", "▀▄", "e\u0301", "x  y", "· ·    ·")


def shown(*writes, into=None):
    """What a terminal shows, cell by cell: character, colours, attributes."""
    screen = into or pyte.Screen(COLUMNS, ROWS)
    for data in writes:
        pyte.Stream(screen).feed(data)
    cells = [[screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]
    return [[look(cell) for cell in row] for row in cells]


def look(cell):
    """Blanks look alike whatever their ink is."""
    blank = cell.data == " " and not cell.reverse and not cell.underscore
    return cell._replace(fg="", bold=False) if blank else cell


@st.composite
def pieces(draw):
    """A styled text at a place where it fits, as Textual writes one."""
    text = draw(st.sampled_from(TEXTS)) + draw(st.sampled_from(TEXTS))
    text = text if (width := len(cells_of(text, ""))) <= COLUMNS else text[: (width := 8)]
    # behind the last column pyte begins a line for an accent, which no terminal does
    last = COLUMNS + 1 - width - ("\u0301" in text)
    x, y = draw(st.integers(1, last)), draw(st.integers(1, ROWS))
    codes = (draw(st.sampled_from(one)) for one in (ATTRIBUTES, INKS, PAPERS))
    said = ";".join(filter(None, codes))
    return f"\x1b[{y};{x}H" + (f"\x1b[{said}m{text}\x1b[0m" if said else text)


def whole_screen():
    return "".join(f"\x1b[{y};1H{' ' * COLUMNS}" for y in range(1, ROWS + 1))


def glass(**known):
    made = ScreenDiff(**known)
    made.resize(COLUMNS, ROWS)
    assert made.write(whole_screen())
    return made


@given(st.lists(pieces(), max_size=12), st.booleans(), st.lists(st.integers(0, 900), max_size=12))
@example(["\x1b[1;1H日本", "\x1b[1;2H\x1b[44mloss\x1b[0m"], True, [])
def test_the_terminal_shows_what_was_written(writes, erases, rooms):
    one, terminal = glass(erases=erases), pyte.Screen(COLUMNS, ROWS)
    sent = ""
    for data, room in zip(writes, rooms + [0] * len(writes), strict=False):
        assert one.write(data)
        sent += one.flush(room)
    sent += one.flush(1e9)
    assert not one.dirty
    # A terminal leaves half of a wide character where the other is written over; Textual never
    # writes so, and what is left is nobody's: compared is what a fresh terminal shows.
    assert shown(sent, into=terminal) == shown(repaint(one))


def repaint(one):
    """Everything that is wanted, for a terminal of which nothing is known."""
    one.invalidate()
    return one.flush(1e9)


@given(st.lists(pieces(), max_size=12))
def test_a_repaint_shows_what_was_written_where_no_wide_character_was_cut(writes):
    narrow = [data for data in writes if "日" not in data and "e\u0301" not in data]
    one = glass()
    for data in narrow:
        one.write(data)
    assert shown(repaint(one)) == shown(whole_screen(), *narrow)


def test_nothing_is_sent_twice():
    one = glass()
    one.write("\x1b[2;3H\x1b[1;31mloss\x1b[0m")
    assert "loss" in one.flush(1e9)
    one.write("\x1b[2;3H\x1b[1;31mloss\x1b[0m")
    assert one.flush(1e9) == ""
    one.write("\x1b[2;3H\x1b[1;31mlost\x1b[0m")
    assert one.flush(1e9) == "\x1b[2;6H\x1b[1;31mt\x1b[0m"


def test_words_come_before_pictures_and_pictures_come_at_last():
    now = [0.0]
    one = glass(clock=lambda: now[0])
    one.flush(1e9)
    picture = "".join(f"\x1b[38;2;{k};0;0;48;2;0;{k};0m▀\x1b[0m" for k in range(COLUMNS))
    one.write(f"\x1b[1;1H{picture}")
    for step in range(400):
        now[0] += 0.05
        one.write(f"\x1b[4;1Hstep {step}")
        sent = one.flush(1)
        if "▀" in sent:
            break
        assert "\x1b[4;" in sent
    assert 0 < step < 399


def test_rows_of_equal_cost_are_sent_from_top_to_bottom():
    one = glass(clock=lambda: 0.0)
    one.flush(1e9)
    for y in (3, 1, 2):
        one.write(f"\x1b[{y};1Hrow {y}")
    assert [one.flush(1).split("H")[0] for _ in range(3)] == ["\x1b[1;1", "\x1b[2;1", "\x1b[3;1"]


def test_what_a_key_draws_over_rows_that_wait_comes_from_top_to_bottom():
    now = [0.0]
    one = glass(clock=lambda: now[0])
    one.flush(1e9)
    one.write("\x1b[3;1Hold")
    now[0] = 10.0
    one.key_pressed()
    for y in (3, 1):
        one.write(f"\x1b[{y};1Hrow {y}")
    assert one.flush(1).startswith("\x1b[1;1")


def test_after_a_resize_everything_inside_is_sent_again():
    one = glass()
    one.write("\x1b[4;20Hloss")
    one.flush(1e9)
    one.resize(10, 2)
    assert not one.flush(1e9), "nobody has drawn for this size"
    assert one.write("\x1b[1;8Hloss\x1b[4;1Hoss\x1b[2;1H" + "日" * 6)
    sent = one.flush(1e9)
    small = pyte.Screen(10, 2)
    pyte.Stream(small).feed(sent)
    assert small.display == ["       los", "日日日日日"]


@pytest.mark.parametrize(
    "data", ["loss", "\x1b[1;1H\x1b[2J", "\x1b[1;1Hx\r\n", "\x1b[1;1Hx\n!", "\x1b[1;1H\tx", "\x1bM"]
)
def test_what_is_no_drawing_is_said_so(data):
    assert not glass().write(data)


@pytest.mark.parametrize(
    ("data", "harmless"),
    [
        ("\x1b[?2026h", True),
        ("\x1b[?25l\x1b[?1004h", True),
        ("\x1b[?2026$p", True),
        ("\x1b]52;c;AAAA\x07", True),
        ("\x07", True),
        ("\x1b[?1049h", False),
        ("\x1b[?1049l", False),
        ("\x1b[2J", False),
        ("\x1bPtmux;\x1b\x1b]52;c;AAAA\x07\x1b\\", False),
    ],
)
def test_what_leaves_the_screen_alone(data, harmless):
    assert bool(HARMLESS.fullmatch(data)) == harmless


def test_blanks_are_erased_where_that_shows_the_same():
    blank = " " * (BLANKS + 1)
    for paper, erases, erased in (("", False, 1), ("\x1b[44m", False, 0), ("\x1b[44m", True, 1)):
        one = ScreenDiff(erases=erases)
        one.resize(COLUMNS, ROWS)
        one.write(f"\x1b[1;1H{paper}{blank}")
        assert one.flush(1e9).count("X") == erased


def test_only_what_changes_of_a_look_is_said():
    assert recoloured("38;2;1;2;3;48;2;9;9;9", "38;2;1;2;4;48;2;9;9;9") == "\x1b[38;2;1;2;4m"
    assert recoloured("1;31", "31") == "\x1b[0;31m"
    assert recoloured("31;44", "31") == "\x1b[0;31m"
    assert recoloured("31;44", "44;31") == ""
    assert parted("1;38;5;48;4;48;5;38") == ("1;4", "38;5;48", "48;5;38")
