"""On Windows every command says what rugtui needs instead of failing on an import."""

import subprocess
import sys

import pytest

from rugtui.cli import main

WITHOUT_POSIX = """
import signal, sys
for name in ("fcntl", "resource", "curses", "termios", "pwd", "grp", "tty", "pty"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGTSTP", "SIGKILL", "SIGCONT", "SIGSTOP", "SIGWINCH"):
    delattr(signal, name)
import click
from rugtui.cli import main
sys.platform = "win32"
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [[], ["train"], ["--help"]])
def test_one_sentence_points_to_wsl(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "WSL" in said.err
    assert len(said.err.splitlines()) == 1


def test_nothing_that_windows_lacks_is_imported_before_it_is_said():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, "sweep"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("rugtui: Windows lacks")
