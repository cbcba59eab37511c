"""Faults of terminals, shells and keyboards that the dashboard must survive."""

import os
import signal
import sys
import time

import pytest

from tests.terminal import Terminal, private_home
from tests.test_terminal import RUGTUI, SMALL, dashboard, trained_steps

PANES = ("1 loss", "3 theory", "4 symmetry", "q quit")
JUNK = (
    b"\x82\xff\xfe\xc0\xaf\xed\xa0\x80",  # a continuation alone, no UTF-8, overlong, half a pair
    b"\x00\x1b[\x1b[999;\x1bO\x1b[<1;2\x1bP1$r0m\x1b\\\x1b]0;title\x07",  # sequences cut short
    b"\x1b[99999999999999;1u\x1b[1114112;1u\x1b[97;1;55296u",  # no character's numbers
    b"\x1b[<0;99999;99999M\x1b[<0;-5;0m\x1b[M   \x1b[2;99999R\x1b[0;0R",  # clicks outside
    b"\x1b[48;0;0;0;0t\x1b[48;65535;65535;1;1t",  # sizes that no terminal has
    "\u202e\u0301\ud7ff\U0010ffff".encode(),
)
WITHOUT_PARSER = """
from rugtui.tui.terminal import textual_private
textual_private.new_parser = lambda broken=None: None
from rugtui.cli import main
main()
"""


def shows_panes(text):
    return all(part in text for part in PANES)


@pytest.mark.parametrize("command", [RUGTUI, [sys.executable, "-c", WITHOUT_PARSER]])
def test_bytes_that_are_not_keys_are_ignored(tmp_path, command):
    with Terminal([*command, *SMALL, "--steps", "0"], **private_home(tmp_path)) as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0)
        for junk in JUNK:
            os.write(terminal.fd, junk)
            terminal.listen(0.15)
        for byte in "€".encode():
            os.write(terminal.fd, bytes([byte]))
        terminal.listen(0.3)
        for byte in b"\x1b[B":  # an arrow, split across reads
            os.write(terminal.fd, bytes([byte]))
        terminal.listen(0.3)
        terminal.type("escape")
        terminal.listen(0.3)
        terminal.type("?")
        terminal.wait_for("─ Help", 10)
        terminal.type("escape")
        terminal.wait_for(shows_panes, 10)
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        assert terminal.is_restored


def test_after_a_stop_everything_is_drawn_again(tmp_path):
    """SIGSTOP cannot be handled: only the SIGCONT after it shows that it happened."""
    with dashboard(tmp_path, "--steps", "0") as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0 and shows_panes(text))
        for stop in (signal.SIGTSTP, signal.SIGSTOP):
            os.kill(terminal.pid, stop)
            stopped_by(terminal)
            if stop == signal.SIGTSTP:
                assert terminal.is_restored
            terminal.screen.reset()
            os.kill(terminal.pid, signal.SIGCONT)
            terminal.wait_for(shows_panes)
            terminal.type("?")
            terminal.wait_for("─ Help")
            terminal.type("escape")
            terminal.wait_for(lambda text: "─ Help" not in text and shows_panes(text))
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        assert terminal.is_restored


def stopped_by(terminal):
    """Wait until the program has stopped."""
    deadline = time.monotonic() + 20
    while not os.WIFSTOPPED(os.waitpid(terminal.pid, os.WUNTRACED | os.WNOHANG)[1]):
        terminal.listen(0.05)
        assert time.monotonic() < deadline


def is_back(terminal):
    """Whether the shell shows its prompt after the dashboard left the screen a second time."""
    parts = terminal.output.split(b"\x1b[?1049l")
    return len(parts) == 3 and b"ready> " in parts[2]


def test_ctrl_z_returns_to_the_shell_and_fg_to_the_dashboard(tmp_path):
    home = private_home(tmp_path)
    with Terminal(["bash", "--norc", "-i"], PS1="ready> ", **home) as terminal:
        terminal.type(" ".join([*RUGTUI, *SMALL, "--steps", "0"]), "enter")
        terminal.wait_for(shows_panes)
        terminal.type("\x1a")
        terminal.wait_for("Stopped")
        terminal.screen.reset()
        terminal.resize(100, 30)
        terminal.type("fg", "enter")
        terminal.wait_for(lambda text: "1 loss" in text and "3 theory" in text)
        terminal.type("q")
        terminal.wait_for(lambda _: is_back(terminal))
        terminal.type("echo ended: $?", "enter")
        terminal.wait_for("ended: 0")


def test_ctrl_z_and_ctrl_c_without_a_shell_and_with_standard_error_in_a_file(tmp_path):
    line = " ".join([*RUGTUI, *SMALL, f"2>{tmp_path / 'err.log'}"])
    with Terminal(["sh", "-c", f"exec {line}"], **private_home(tmp_path)) as terminal:
        terminal.wait_for(shows_panes)
        terminal.type("\x1a")
        terminal.wait_for("No shell to return to")
        terminal.type("e")
        terminal.wait_for("Nothing changed yet")
        terminal.type("\x03")
        terminal.wait_for("Press ctrl+c again to quit.")
        terminal.type("\x03")
        assert terminal.wait_for_exit() == 0
        assert terminal.is_restored
    assert (tmp_path / "err.log").read_text() == ""


@pytest.mark.parametrize(("redirection", "what"), [("</dev/null", "input"), (">out", "output")])
def test_without_a_terminal_at_one_end_it_says_which(tmp_path, redirection, what):
    line = " ".join([*RUGTUI, redirection])
    with Terminal(["sh", "-c", f"cd {tmp_path}; exec {line}"]) as terminal:
        terminal.wait_for(f"standard {what} is not a terminal")
        assert terminal.wait_for_exit() == 2


def test_a_signal_ends_it_on_a_terminal_that_reads_nothing(tmp_path):
    with dashboard(tmp_path, "--steps", "0", "--link", "fast") as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0)
        time.sleep(2)  # what the kernel holds is full by then
        os.kill(terminal.pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while terminal.status is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert terminal.status == 143


def test_keys_work_on_a_terminal_of_one_cell(tmp_path):
    with dashboard(tmp_path, columns=1, rows=1) as terminal:
        terminal.listen(1)
        for key in ("?", "escape", "e", "escape"):
            terminal.type(key)
            terminal.listen(0.4)
        terminal.type(*"qwek?")  # the keys after q come while it quits
        assert terminal.wait_for_exit() == 0
        assert b"Traceback" not in terminal.output


def test_keys_typed_before_the_first_paint_are_obeyed_in_order(tmp_path):
    with dashboard(tmp_path, "--steps", "0") as terminal:
        terminal.type(" ")
        terminal.wait_for("loading PyTorch")
        terminal.type("w", "w", "w", "]")
        text = terminal.wait_for(lambda text: "paused" in text and "rug, sampled" in text)
        assert trained_steps(text) == 0
        assert "lr 0.00075" in text


def test_in_the_c_locale_the_dashboard_is_ascii_and_an_empty_no_color_is_not_set(tmp_path):
    with dashboard(tmp_path, LC_ALL="C", NO_COLOR="") as terminal:
        terminal.wait_for(lambda text: trained_steps(text) > 0 and "KS to normal" in text)
        terminal.wait_for(lambda text: "@@" in text and "dots: normal" in text)
        assert terminal.output.isascii()
        assert b"[38;2;" in terminal.output
