"""Every signal, and the key q, in every state: the right exit code, and the last step saved."""

import json
import signal
import subprocess
import sys

import pytest

from rugtui.tui.app import RugtuiApp
from tests.processes import running
from tests.signalled import COMMANDS as OPTIONS
from tests.signalled import SIZES, TARGET, cases
from tests.tui.fake import FakeSession

COMMANDS = list(OPTIONS)
CODES = {"SIGINT": 130, "SIGTERM": 143, "hang-up, stop": 129}


@pytest.mark.parametrize(
    "commands", [COMMANDS[:2], COMMANDS[2:]], ids=["dashboard", "train and resume"]
)
def test_however_the_program_ends_its_last_step_is_saved_and_a_hang_up_does_not_end_it(
    commands, tmp_path
):
    program = [sys.executable, "-m", "tests.signalled", str(tmp_path), *commands]
    with running(program, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(timeout=110)
    lives = [json.loads(line) for line in out.splitlines()]
    wanted = [case for command in commands for case in cases(command)]
    assert [(life["state"], life["signal"]) for life in lives] == wanted
    for life in lives:
        check(life, resumed=life["command"].startswith("resume"))


def test_a_late_hang_up_does_not_change_the_exit_code_of_another_signal():
    app = RugtuiApp(FakeSession())
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        app.handle_signal(number)
    assert app.signal_received == signal.SIGTERM


def check(life, *, resumed):
    over = life["state"] in ("paused", "done")
    # A hang-up ends a run that has nothing left to do; others are sent a SIGTERM after it.
    quits = life["signal"] in SIZES
    assert life["status"] == CODES.get(life["signal"], 0 if over or quits else 143), life
    assert life["restored"], life
    assert life.get("listed") != "crashed", life
    if life["state"] == "endless step":  # whose end nobody waits for
        assert life["step"] < 5, life
        return
    if "loading" in life["state"] and life["signal"] != "hang-up":
        assert life.get("step", 0) == (4 if resumed else 0), life  # nothing lost: nothing done
    else:
        assert life["step"] == life["told"] > 0, life
        assert life["phase"] == ("done" if life["state"] == "done" else "paused"), life
        assert f"{life['phase']} at step {life['step']:,}" in life["log"], life
    assert life["step"] == TARGET if life["state"] == "done" else True
    assert not any(life.get("locked", [])), life
    assert not life.get("aside"), life
