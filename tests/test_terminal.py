"""The program on a real pseudo-terminal."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.terminal import Terminal, private_home

RUGTUI = [sys.executable, "-m", "rugtui"]
SMALL = ["--n-sparse", "64", "--n-dense", "16", "--batch", "64", "--device", "cpu"]


@contextmanager
def dashboard(home, *options, columns=120, rows=40, **environment):
    given = private_home(home) | environment
    with Terminal([*RUGTUI, *SMALL, *options], columns, rows, **given) as terminal:
        yield terminal


def trained_steps(text: str) -> int:
    found = re.search(r"step ([\d,]+)", text)
    return int(found[1].replace(",", "")) if found else 0


def test_start_resize_see_the_rug_redraw_and_quit(tmp_path):
    with dashboard(tmp_path) as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0 and "L*(r, p)" in text)
        for pane in ("1 loss", "2 W", "3 theory", "4 symmetry"):
            terminal.wait_for(pane)
        terminal.resize(40, 12)
        text = terminal.wait_for(lambda text: "1 loss" in text and "3 theory" not in text)
        assert len(max(text.splitlines(), key=len)) <= 40
        terminal.resize(120, 40)
        terminal.wait_for(lambda text: "4 symmetry" in text and "3 theory" in text)
        terminal.type("w")
        terminal.wait_for("rug, sampled")
        terminal.wait_for("hadamard")
        terminal.type(" ")
        terminal.wait_for("paused")
        everywhere = ("paused", "1 loss", "3 theory", "4 symmetry", "q quit")
        assert all(place in terminal.text for place in everywhere)
        terminal.screen.reset()  # as if another program had written over it
        terminal.type("\x0c")
        terminal.wait_for(lambda text: all(place in text for place in everywhere), 10)
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        assert terminal.is_restored


def test_quitting_in_the_middle_of_a_long_step(tmp_path):
    long = ["--n-sparse", "8192", "--n-dense", "1024", "--batch", "8192"]
    with dashboard(tmp_path, *long) as terminal:
        terminal.wait_for(" training", 60)
        terminal.type("q")
        assert terminal.wait_for_exit(5) == 0
        assert terminal.is_restored


def test_a_small_terminal_shows_one_sentence(tmp_path):
    with dashboard(tmp_path, columns=20, rows=5) as terminal:
        terminal.wait_for("needs at")
        terminal.resize(60, 5)
        terminal.wait_for("60 × 5. Enlarge it")
        terminal.type("q")
        assert terminal.wait_for_exit() == 0


def test_a_hang_up_ends_it_soon_if_asked_to_with_the_terminal_restored(tmp_path):
    with dashboard(tmp_path, "--on-hangup", "stop") as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0)
        os.kill(terminal.pid, signal.SIGHUP)
        assert terminal.wait_for_exit(3) == 129  # a thread computes the curves of theory for longer
        assert terminal.is_restored


def test_without_colours_and_blocks_only_plain_ascii_is_sent(tmp_path):
    with dashboard(tmp_path, "--ascii", NO_COLOR="1") as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0)
        terminal.type("e")
        terminal.wait_for("Nothing changed yet")
        attributes = re.findall(rb"\x1b\[([\d;]*)m", terminal.output)
        sent = {number for one in attributes for number in one.split(b";")}
        assert sent <= {b"", b"0", b"1", b"2", b"7"}  # bold, dim, reverse
        assert terminal.output.isascii()


def test_a_terminal_that_cannot_move_its_cursor_is_refused(tmp_path):
    with dashboard(tmp_path, TERM="dumb") as terminal:
        terminal.wait_for("but TERM is dumb")
        assert terminal.wait_for_exit() == 2
        assert b"\x1b" not in terminal.output


def test_without_a_terminal_it_says_so(tmp_path):
    done = subprocess.run(
        [*RUGTUI, *SMALL],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | private_home(tmp_path),
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "needs a terminal" in done.stderr
    assert "rugtui train" in done.stderr
    assert len(done.stderr.splitlines()) == 1


class SlowReader(Terminal):
    """Reads `rate` bytes per second, like a slow link; the rest waits in the pipe."""

    portion = 512
    rate = 16 * 1024

    def look_at(self, data: bytes) -> None:
        super().look_at(data)
        time.sleep(len(data) / self.rate)


class SlowAnswerer(SlowReader):
    """Also answers questions about the position of the cursor, as real terminals do."""

    def __init__(self, *given, **known):
        super().__init__(*given, **known)
        self.answers = 0
        self.screen.write_process_input = self.answer

    def answer(self, data):
        if self.status is None:
            self.answers += 1
            os.write(self.fd, data.encode())


def test_a_slow_link_is_not_filled_with_what_can_wait(tmp_path):
    command = [*RUGTUI, *SMALL, "--link", "slow"]
    with SlowReader(command, 120, 40, **private_home(tmp_path)) as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0)
        deadline = time.monotonic() + 20  # the first paint takes a while
        while terminal.listen(1.5) > 1.5 * 6 * 1024:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("reader", [SlowReader, SlowAnswerer])
def test_a_key_does_not_wait_behind_pictures(tmp_path, reader):
    """A terminal that reads 16 KiB/s shows the effect of a key within half a second."""
    with reader([*RUGTUI, *SMALL], 120, 40, **private_home(tmp_path)) as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0)
        terminal.listen(4)  # until the speed of the link is known
        for key, word in (("?", "─ Help"), ("e", "Settings")):
            # if other tests occupy the cores, pictures are sent while the screen of the key is
            # drawn
            most = terminal.rate / 2
            assert any(bytes_until(terminal, key, word) <= most for _ in range(3))
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        questions = terminal.output.count(b"\x1b[6n")
        assert questions > 0
        assert questions == getattr(terminal, "answers", questions), (
            "an answer that comes too late goes to the shell"
        )


def bytes_until(terminal: Terminal, key: str, word: str) -> int:
    """Bytes that the terminal reads from a key until it shows the word; escape closes it again."""
    before = len(terminal.output)
    terminal.type(key)
    terminal.wait_for(word, 10)
    read = len(terminal.output) - before
    terminal.type("escape")
    terminal.wait_for(lambda text: word not in text and "q quit" in text)
    return read


def test_many_changes_of_size_leave_no_debris(tmp_path):
    with dashboard(tmp_path, "--steps", "20") as terminal:
        terminal.wait_for("done")
        for columns in (*range(30, 160, 9), 100):
            terminal.resize(columns, columns // 4 + 7)
            terminal.listen(0.02)
        terminal.wait_for("L_end")  # the last thing that theory computes
        terminal.listen(1)
        after = at_rest(terminal)
        assert "theory" in after
        terminal.type("?")
        terminal.wait_for("Help")
        terminal.type("escape")
        terminal.wait_for("3 theory")
        terminal.listen(0.5)
        assert at_rest(terminal) == after


def at_rest(terminal: Terminal) -> str:
    """The screen without numbers, which change, and without white space that depends on them."""
    return re.sub(r"[\d.,]+| +$", "0", terminal.text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("colorterm", "term", "wanted", "unwanted"),
    [
        ("truecolor", "xterm-256color", rb"[34]8;2;", rb"[34]8;5;"),
        ("", "xterm-256color", rb"[34]8;5;", rb"[34]8;2;"),
        ("", "xterm", rb"\[(3|9)\d;?", rb"[34]8;[25];"),
    ],
    ids=["truecolor", "256", "16"],
)
def test_a_terminal_gets_the_colours_that_it_has_and_can_be_quit_while_torch_loads(
    tmp_path, colorterm, term, wanted, unwanted
):
    with dashboard(tmp_path, COLORTERM=colorterm, TERM=term) as terminal:
        terminal.wait_for("loading PyTorch")
        terminal.type("q")
        assert terminal.wait_for_exit(5) == 0
        assert terminal.is_restored
        assert re.search(wanted, terminal.output)
        assert not re.search(unwanted, terminal.output)
