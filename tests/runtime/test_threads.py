"""How compute threads leave a core to the screen."""

import os
import sys
import threading

import pytest

from rugtui.runtime.machine import cores
from rugtui.runtime.threads import (
    BESIDE,
    NICER,
    granted_threads,
    lower_priority,
    share_beside,
)


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has niceness by the thread")
def test_a_thread_that_steps_back_takes_along_whom_it_starts_and_nobody_else():
    before, found = niceness(), []

    def work():
        lower_priority()
        found.append(niceness())
        helper = threading.Thread(target=lambda: found.append(niceness()))
        helper.start()
        helper.join(10)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert found == [min(before + NICER, 19)] * 2
    assert niceness() == before


def test_those_beside_training_take_a_hundredth_of_the_cores_there_are_for_it():
    if hasattr(os, "sched_getaffinity"):
        assert 1 <= cores() <= len(os.sched_getaffinity(0))
    assert share_beside() == BESIDE * cores() == cores() / 100


@pytest.mark.parametrize(
    ("said", "wanted"), [("1", 1), ("1,2", 1), ("100000", None), ("", None), ("many", None)]
)
def test_threads_granted_are_those_of_the_environment_and_no_more_than_the_cores(
    monkeypatch, said, wanted
):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert granted_threads() == (wanted or cores())
