"""The terminal goes, the run does not."""

import os
import pty
import signal
import subprocess
import sys
import threading

from rugtui.runtime.terminal import ResilientOutput, watch_for_hangup
from rugtui.storage.checkpoint import newest
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import find_run
from tests.processes import until
from tests.terminal import Terminal

RUGTUI = [sys.executable, "-m", "rugtui"]
SMALL = ["--n-sparse", "16", "--n-dense", "4", "--batch", "16", "--device", "cpu"]


def log():
    return (find_run(None) / "log.txt").read_text()


def test_the_dashboard_goes_on_without_a_screen_to_its_target():
    with Terminal([*RUGTUI, *SMALL, "--steps", "60000"]) as terminal:
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
    assert "goes on to step 60,000" in log()
    assert newest(run)[1].step == 60_000
    assert newest(run)[1].phase == "done"
    assert holder(run) == (False, None)


def test_train_goes_on_and_leaves_its_result_in_the_log():
    with Terminal([*RUGTUI, "train", *SMALL, "--steps", "60000"]) as terminal:
        terminal.wait_for("step ")
        terminal.hang_up()
        assert terminal.wait_for_exit() == 0
    assert "the terminal is gone" in log()
    assert '"loss_standard_error"' in log()
    assert newest(find_run(None))[1].step == 60_000


def test_progress_into_a_broken_pipe_stops_nothing():
    command = [*RUGTUI, "train", *SMALL, "--steps", "3000", "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, timeout=100)
    os.close(writer)
    assert done.returncode == 0
    assert b'"steps": 3000' in done.stdout


def test_a_closed_terminal_is_noticed_without_a_signal_from_the_kernel():
    controller, terminal = pty.openpty()
    heard = threading.Event()
    before = signal.signal(signal.SIGHUP, lambda *_: heard.set())
    try:
        watch_for_hangup(terminal)
        os.write(controller, b"typed\n")
        assert not heard.wait(0.05)
        os.close(controller)
        assert heard.wait(10)
    finally:
        signal.signal(signal.SIGHUP, before)
        os.close(terminal)


def test_writing_to_a_terminal_that_is_gone_fails_nobody():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        lasting = ResilientOutput(stream)
        assert lasting.write("line\n") == 5
        lasting.flush()
