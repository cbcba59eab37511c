"""Leaving the dashboard while a step is under way that nobody can end."""

import threading
from types import SimpleNamespace

import pytest

from rugtui.cli import dashboard


@pytest.mark.parametrize("step", ["ends", "hangs"])
def test_what_is_saved_is_said_where_the_last_step_is_not_waited_for(step, capsys, monkeypatch):
    monkeypatch.setattr(dashboard, "PATIENCE", 0)
    monkeypatch.setattr(dashboard, "LONGEST", 0 if step == "hangs" else 20)
    monkeypatch.setattr(dashboard, "leave", lambda code: code)
    monkeypatch.setattr(dashboard.signal, "signal", lambda number, handler: None)
    finished = threading.Event()
    session = SimpleNamespace(
        finished=finished, begun=True, kept="Step 9 is saved in RUN.", last_words=["the end"]
    )
    session.send = lambda command: None if step == "hangs" else Later(finished).start()
    assert dashboard.finish(session, 3) == 3
    told = capsys.readouterr().err.splitlines()
    assert (
        told[-1]
        == {
            "ends": "rugtui: the end",
            "hangs": "rugtui: the step under way was not waited for. Step 9 is saved in RUN.",
        }[step]
    )


class Later(threading.Thread):
    """Sets an event from elsewhere."""

    def __init__(self, event):
        super().__init__(daemon=True)
        self.event = event

    def run(self):
        self.event.set()
