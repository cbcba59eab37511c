"""A run continues after its terminal is closed."""

import os
import signal
import subprocess
import sys

from rugtui.storage.checkpoint import newest
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import find_run
from tests.processes import until
from tests.terminal import Terminal

RUGTUI = [sys.executable, "-m", "rugtui"]
SMALL = ["--n-sparse", "16", "--n-dense", "4", "--batch", "16", "--device", "cpu"]


def log():
    return (find_run(None) / "log.txt").read_text()


def test_after_a_hang_up_the_dashboard_trains_to_its_last_step():
    with Terminal([*RUGTUI, *SMALL, "--steps", "30000"]) as terminal:
        terminal.wait_for("steps/s")
        run = find_run(None)
        assert holder(run)[1].screen
        terminal.hang_up()
        until(lambda: "the terminal is gone" in log())
        live, other = holder(run)
        if live:  # and not yet done
            assert not other.screen
            os.kill(terminal.pid, signal.SIGHUP)  # shells send a second one
        assert terminal.wait_for_exit() == 0
    assert "goes on to step 30,000" in log()
    assert newest(run)[1].step == 30_000
    assert newest(run)[1].phase == "done"
    assert holder(run) == (False, None)


def test_after_a_hang_up_train_finishes_and_logs_its_result():
    with Terminal([*RUGTUI, "train", *SMALL, "--steps", "30000"]) as terminal:
        terminal.wait_for("step ")
        terminal.hang_up()
        assert terminal.wait_for_exit() == 0
    assert "the terminal is gone" in log()
    assert '"loss_standard_error"' in log()
    assert newest(find_run(None))[1].step == 30_000


def test_a_broken_pipe_for_progress_stops_nothing():
    command = [*RUGTUI, "train", *SMALL, "--steps", "3000", "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, timeout=100)
    os.close(writer)
    assert done.returncode == 0
    assert b'"steps": 3000' in done.stdout
