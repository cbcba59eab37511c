"""`rugtui watch` on a terminal, beside a process that trains."""

import re
import sys

import pytest

from rugtui.cli import main
from rugtui.cli.watch import run_to_watch
from rugtui.errors import RunError
from rugtui.live.run_session import RunSession
from rugtui.storage.lock import Lock, holder
from rugtui.storage.run_directory import checkpoints, find_run
from rugtui.sweeps.folder import SweepFolder
from rugtui.sweeps.grid import Grid
from tests.cli.test_resume import started
from tests.processes import until
from tests.storage.some import SETTINGS
from tests.terminal import Terminal

WATCH = [sys.executable, "-m", "rugtui", "watch"]


def step_in(text):
    found = re.search(r"step ([\d,]+)", text.splitlines()[0])
    return int(found[1].replace(",", "")) if found else 0


def test_the_step_on_the_screen_rises_and_training_continues_after_q():
    with started() as trainer, Terminal(WATCH) as terminal:
        terminal.wait_for(f"watching PID {trainer.pid}, read-only")
        first = step_in(terminal.text)
        assert step_in(terminal.wait_for(lambda text: step_in(text) > first)) > first
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        run = find_run(None)
        assert holder(run)[1].pid == trainer.pid
        there = checkpoints(run)[0]
        until(lambda: checkpoints(run)[0] != there)
        assert trainer.poll() is None


def test_a_sweep_is_refused_with_a_hint(tmp_path):
    SweepFolder.begin(tmp_path / "grid", Grid(n_sparse="16", ratio="0.5")).close(tables=False)
    with pytest.raises(RunError, match="grid' is a sweep: watch it in the dashboard"):
        run_to_watch(str(tmp_path / "grid"))


def test_the_default_is_the_latest_live_run(capsys):
    assert main(["watch", "nothing"]) == 2
    runs = []
    for _ in range(3):
        session = RunSession.new(SETTINGS)
        session.advance(bool)
        session.close("paused")
        runs.append(session.writer.run)
    assert run_to_watch(None) == runs[2]
    lock = Lock.take(runs[1], screen=False)
    assert run_to_watch(None) == runs[1]
    assert run_to_watch(runs[0].name) == runs[0]
    lock.release()
