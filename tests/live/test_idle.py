"""An idle session uses no processor time, and loses no key."""

import time

import pytest

from rugtui.live.commands import Look, Pause, Show
from tests.live.test_session import running, wait


def test_a_paused_session_publishes_no_frame_without_news():
    with running() as session:
        wait(session, lambda f: f.step > 10)
        session.send(Pause(True))
        wait(session, lambda f: f.phase == "paused" and f.trained.statistics is not None)
        quiet_since, deadline = time.monotonic(), time.monotonic() + 60
        while time.monotonic() < quiet_since + 1.5:
            if session.frames.take() is not None:  # readings that were still to come
                quiet_since = time.monotonic()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        session.send(Look(32, 32))
        assert wait(session, lambda f: f.picture is not None, 5).phase == "paused"


@pytest.mark.parametrize(("presses", "phase"), [(1, "paused"), (2, "training"), (3, "paused")])
def test_space_counts_while_pytorch_loads(presses, phase):
    with running() as session:
        for _ in range(presses):
            session.send(Pause(None))
        session.send(Show("rug"))
        frame = wait(session, lambda f: f.counted == presses + 1)
        assert frame.phase == phase
        assert frame.shown == "rug"
        assert phase == "training" or frame.step == 0
