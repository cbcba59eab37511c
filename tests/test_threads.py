"""How compute threads leave a core to the screen."""

import os
import sys
import threading

import pytest

from rugtui.threads import NICER, step_back


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has niceness by the thread")
def test_a_thread_that_steps_back_takes_along_whom_it_starts_and_nobody_else():
    before, found = niceness(), []

    def work():
        step_back()
        found.append(niceness())
        helper = threading.Thread(target=lambda: found.append(niceness()))
        helper.start()
        helper.join(10)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert found == [min(before + NICER, 19)] * 2
    assert niceness() == before
