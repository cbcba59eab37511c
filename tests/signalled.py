"""End the program in each of its states, by a signal or by the key q, and say how it ended.

    python -m tests.signalled FOLDER COMMAND…

Each case is a fork on a terminal of its own: a fork has PyTorch and Textual loaded already. Patches
report when a state is reached, and make short states longer. Prints a line of JSON for each case.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import rugtui.live.past
import rugtui.tui.terminal.driver  # noqa: F401 - otherwise loaded in every fork
from rugtui.api import runs
from rugtui.cli import dashboard, main, train
from rugtui.live import own_run, run_session, session
from rugtui.live.commands import Pause
from rugtui.storage import checkpoint_writer
from rugtui.storage.checkpoint import newest
from rugtui.storage.listing import listed
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import all_runs
from rugtui.training.kernels import pace, passes
from rugtui.training.trainer import Trainer
from rugtui.tui import app  # noqa: F401 - otherwise loaded in every fork
from tests.storage.some import SETTINGS
from tests.terminal import is_restored, set_size

SMALL = ["--n-sparse", "8", "--n-dense", "2", "--p", "0.2", "--batch", "4", "--device", "cpu"]
COMMANDS = {
    "quit": SMALL,
    "rugtui": SMALL,
    "train": ["train", *SMALL],
    "resume": ["resume"],
    "resume --no-screen": ["resume", "--no-screen"],
}
STATES = ("loading", "training", "paused", "done", "long step", "saving")
WITHOUT_SCREEN = ("train", "resume --no-screen")
SIGNALS = {
    "SIGINT": (signal.SIGINT, "continue"),
    "SIGTERM": (signal.SIGTERM, "continue"),
    "hang-up, stop": (None, "stop"),
    "hang-up": (None, "continue"),
}
SIZES = {"q, 80 × 24": (80, 24), "q, 20 × 5": (20, 5)}
PATIENCE = 30.0
SLOW = 0.15
ENDLESS = 20.0
TARGET = 12
"""Steps to the state done."""


def cases(command: str) -> list[tuple[str, str]]:
    """States and signals or sizes. A resumed run is the same session, or loop, as a new one."""
    if command == "quit":
        every = [(state, size) for state in ("loading", "training", "paused") for size in SIZES]
        return [*every, ("done", "q, 20 × 5"), ("endless step", "q, 80 × 24")]
    states = STATES if command in ("rugtui", "train") else ("loading", "training")
    there = [state for state in states if command == "rugtui" or state != "paused"]
    every = [(state, name) for state in there for name in SIGNALS]
    return every + [("endless loading", "SIGTERM")] * (command == "resume")


def run(command: str, state: str, name: str, folder: Path) -> dict[str, Any]:
    """One life: until the state is reached, the signal or key, and what is left."""
    number, on_hangup = SIGNALS.get(name, (None, "continue"))
    reader, writer = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        live(command, state, on_hangup, folder, writer)
    os.close(writer)
    set_size(terminal, *SIZES.get(name, (80, 24)))
    output = bytearray()
    drain(terminal, output, until=lambda: ready(reader))
    if name in SIZES:
        os.write(terminal, b"q")
    elif number is None:
        os.close(terminal)
        terminal = -1
        if on_hangup == "continue" and state not in ("paused", "done"):
            goes_on(folder)
            os.kill(pid, signal.SIGTERM)
    else:
        os.kill(pid, number)
    status = ended(pid, terminal, output)
    restored = terminal < 0 or is_restored(bytes(output), terminal)
    if terminal >= 0:
        os.close(terminal)
    os.close(reader)
    known = {
        "command": command,
        "state": state,
        "signal": name,
        "status": status,
        "restored": restored,
    }
    return known | left(folder)


def left(folder: Path) -> dict[str, Any]:
    """What is on disk of a run, and the last step that training reported."""
    facts: dict[str, Any] = {"told": int((folder / "step").read_text() or 0)}
    for one in all_runs(folder / "rugtui" / "runs"):
        found = newest(one)
        kept = {"step": found[1].step, "phase": found[1].phase} if found else {"step": 0}
        aside = [path.name for path in one.glob(".*")]
        facts |= kept | {"locked": locked(one), "log": log(one), "aside": aside}
        facts["listed"] = listed(one).state
    return facts


def locked(run: Path) -> tuple[bool, bool]:
    """Whether a process holds the run, and whether there is a lock file."""
    live, other = holder(run)
    return live, other is not None


def log(run: Path) -> str:
    path = run / "log.txt"
    return path.read_text() if path.exists() else ""


def goes_on(folder: Path) -> None:
    """Wait until the run has said that its terminal is gone, and has trained on since."""

    def says_so() -> bool:
        return any(
            "the terminal is gone" in log(one) for one in all_runs(folder / "rugtui" / "runs")
        )

    wait(says_so)
    step = left(folder)["told"]
    wait(lambda: left(folder)["told"] > step)


def live(command: str, state: str, on_hangup: str, folder: Path, told: int) -> None:
    """The program, in the fork."""
    signal.alarm(60)  # whatever happens, it is gone then
    os.environ["XDG_STATE_HOME"] = str(folder)
    # they were opened on what may be a file; now it is a terminal
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    steps = os.open(folder / "step", os.O_WRONLY | os.O_CREAT)
    patch(Trainer, "advance", after=lambda self: os.pwrite(steps, f"{self.step}".encode(), 0))
    reached(state, lambda: os.write(told, b"."))
    target = TARGET if state == "done" else 0
    options = ["--steps", str(target), "--on-hangup", on_hangup, "--autosave", "0.05"]
    code: Any = 1
    try:
        code = main([*COMMANDS[command], *options])
    except SystemExit as error:
        code = error.code
    finally:
        os._exit(code)


def reached(state: str, tell: Callable[[], Any]) -> None:
    """Have `tell` called when the program is in the state, once."""
    calls: list[int] = []

    def at(count: int, slow: float = 0.0) -> Callable[..., None]:
        def told(*_: Any) -> None:
            calls.append(1)
            if len(calls) == count:
                tell()
                until = time.monotonic() + slow
                while time.monotonic() < until:  # like a product in C, nothing interrupts it
                    time.sleep(0.01)

        return told

    match state:
        case "loading":
            patch(Trainer, "__init__", before=at(1, SLOW))
        case "endless loading":
            patch(Trainer, "__init__", before=at(1, ENDLESS))
        case "training":
            patch(Trainer, "advance", after=at(3))
        case "paused":
            sessions: list[session.Session] = []
            patch(session.Session, "run", before=sessions.append)
            patch(Trainer, "advance", after=lambda _: sessions[0].send(Pause(True)))
            patch(own_run.OwnRun, "_save", after=at(1))
        case "done":
            patch(runs, "summary", before=at(1, SLOW))
            patch(own_run.OwnRun, "_save", after=at(1))
        case "long step":
            patch(Trainer, "_take_step", before=at(5, SLOW))
        case "endless step":
            dashboard.SILENT_WAIT = dashboard.STEP_WAIT = 0.1
            patch(Trainer, "_take_step", before=at(5, ENDLESS))
        case "saving":
            patch(checkpoint_writer, "write_checkpoint", before=at(2, SLOW))


def patch(
    owner: Any,
    name: str,
    before: Callable[..., Any] = lambda *_: None,
    after: Callable[..., Any] = lambda *_: None,
) -> None:
    """Make a function call others before and after, with its first argument."""
    original = getattr(owner, name)

    def patched(*arguments: Any, **known: Any) -> Any:
        before(arguments[0])
        result = original(*arguments, **known)
        after(arguments[0])
        return result

    setattr(owner, name, patched)


def ready(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def drain(terminal: int, output: bytearray, until: Callable[[], bool]) -> None:
    """Read what the program writes, so that it never waits for us."""

    def done() -> bool:
        if terminal >= 0 and ready(terminal):
            try:
                output.extend(os.read(terminal, 65536))
            except OSError:  # the other side is gone
                time.sleep(0.005)
        return until()

    wait(done)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it never came true")
        time.sleep(0.002)


def ended(pid: int, terminal: int, output: bytearray) -> int:
    """The exit status."""
    found: list[int] = []

    def gone() -> bool:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            found.append(os.waitstatus_to_exitcode(status))
        return bool(done)

    drain(terminal, output, gone)
    if terminal >= 0:
        with contextlib.suppress(OSError):  # the other side is gone
            while ready(terminal):
                output += os.read(terminal, 65536)
    return found[0]


def prepared(folder: Path) -> Path:
    """A run that was stopped, to be resumed."""
    one = run_session.RunSession.new(SETTINGS, into=folder / "rugtui" / "runs")
    for _ in range(4):
        one.advance(bool)
    train.save_snapshot(one, "paused")  # imports what each fork would import
    runs.summary(one, 64)
    one.close("paused")
    return folder


def everything(folder: Path, commands: list[str]) -> None:
    torch.set_num_threads(1)
    pace.PRODUCTS = 1e7  # a result a step
    checkpoint_writer.SHARE = 0.5  # saves often
    train.HELDOUT_SAMPLES = 64
    passes.prepare()  # compiled once, not in each fork: the tests' cache is empty
    stopped = prepared(folder / "stopped")
    for command in commands:
        for k, (state, name) in enumerate(cases(command)):
            place = folder / f"{command}{k}"
            if command.startswith("resume"):
                shutil.copytree(stopped, place, symlinks=True)
            else:
                place.mkdir()
            print(json.dumps(run(command, state, name, place)), flush=True)


if __name__ == "__main__":
    everything(Path(sys.argv[1]), sys.argv[2:])
