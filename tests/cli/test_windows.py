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
def test_the_command_points_to_wsl(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "WSL" in said.err
    assert len(said.err.splitlines()) == 1


def test_nothing_that_windows_lacks_is_imported_before_that_message():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, "sweep"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("rugtui: Windows lacks")


def test_the_library_predicts_without_posix_and_says_what_runs_need():
    code = (
        "import sys; sys.modules |= dict.fromkeys(('fcntl', 'curses', 'resource', 'termios'))\n"
        "import rugtui; print(rugtui.predict(0.25, 0.05).loss)\n"
        "try: rugtui.train(n_sparse=8, n_dense=2)\n"
        "except rugtui.errors.RugtuiError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loss, error = done.stdout.splitlines()
    assert float(loss) < 0.01
    assert "WSL" in error
