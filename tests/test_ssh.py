"""A session over SSH whose connection is cut."""

import asyncio
import sys
import time

import numpy as np

from rugtui.live.history import NAMES
from rugtui.storage.checkpoint import newest
from rugtui.storage.history_file import read_past
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import checkpoints, find_run
from tests.ssh import Seat, Server

RUGTUI = [sys.executable, "-m", "rugtui"]
SMALL = ["--n-sparse", "16", "--n-dense", "4", "--batch", "16", "--device", "cpu", "--steps", "0"]


async def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)


async def test_a_cut_connection_costs_no_step_and_doubles_none():
    async with Server().listening() as server:
        async with Seat.at(server) as seat:
            await seat.start([*RUGTUI, *SMALL, "--autosave", "0.2"])
            await seat.wait_for("steps/s")
            run = find_run(None)
            assert holder(run)[1].screen
            await seat.cut()
        await until(lambda: "the terminal is gone" in (run / "log.txt").read_text())
        await until(lambda: checkpoints(run))
        left_at = newest(run)[1].step
        await until(lambda: newest(run)[1].step > left_at)  # it goes on
        live, other = holder(run)
        assert live
        assert not other.screen

        async with Seat.at(server) as seat:
            await seat.start([*RUGTUI, "resume"])
            await seat.wait_for("steps/s")
            assert holder(run)[1].pid == server.terminals[1].pid
            seat.type("q")
            assert await seat.wait_for_exit() == 0
        assert server.terminals[0].wait_for_exit() == 143

    last = newest(run)[1]
    past, said = read_past(run, NAMES)
    assert said == []
    steps = past.until(last.step).table[NAMES.index("step")]
    interval = steps[0]
    np.testing.assert_array_equal(steps, interval * np.arange(1, len(steps) + 1))
    assert last.step - steps[-1] <= interval  # the whole of it where the loss was being looked at
    assert last.step > left_at
    log = (run / "log.txt").read_text()
    assert log.count("resumed at step") == 1
    assert holder(run) == (False, None)
