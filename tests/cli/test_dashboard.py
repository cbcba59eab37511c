"""Quitting the dashboard during a slow step or a slow save."""

import os
import threading
from contextlib import contextmanager

import pytest

from rugtui.cli import dashboard
from rugtui.live.commands import Look, Stop
from rugtui.live.own_run import OwnRun
from rugtui.live.session import Session
from rugtui.storage.checkpoint import newest
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import all_runs, find_run
from rugtui.training.kernels import pace
from tests.live.test_session import SMALL, wait
from tests.storage.places import full_disk


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(dashboard, "SILENT_WAIT", 0.01)
    monkeypatch.setattr(dashboard, "STEP_WAIT", 0.2)
    monkeypatch.setattr(dashboard.signal, "signal", lambda number, handler: None)


@contextmanager
def trained(**known):
    """A session that trains while the block runs."""
    session = Session(OwnRun(SMALL, **known))
    worker = threading.Thread(target=session.run, daemon=True)
    worker.start()
    wait(session, lambda frame: frame.step > 0)
    yield session
    worker.join(20)
    assert not worker.is_alive()


class Slow:
    """A call that returns only when the test lets it."""

    def __init__(self, work):
        self.work, self.begun, self.may_end = work, threading.Event(), threading.Event()

    def __call__(self, *arguments, **known):
        self.begun.set()
        assert self.may_end.wait(30)
        return self.work(*arguments, **known)


class SlowDisk:
    """Writes block until `answer` is called, as on a network disk that hangs."""

    def __init__(self, folder, monkeypatch):
        self.path, self.begun, self._sync = folder / "pipe", threading.Event(), os.fsync
        os.mkfifo(self.path)
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, handle):
        self.begun.set()
        os.close(os.open(self.path, os.O_RDONLY))
        self._sync(handle)

    def answer(self):
        os.fsync = self._sync
        os.close(os.open(self.path, os.O_WRONLY))


def in_a_thread(work):
    """Start it; returns the thread, and the list that will hold its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    return thread, results


@pytest.mark.parametrize("resumed", [False, True])
def test_quitting_waits_for_a_slow_save(resumed, tmp_path, monkeypatch, capsys):
    exits = []
    monkeypatch.setattr(dashboard.os, "_exit", exits.append)
    with trained(autosave=1e9) as session:
        disk = SlowDisk(tmp_path, monkeypatch)
        run = find_run(None)
        thread, codes = in_a_thread(lambda: dashboard.finish(session, 3, run if resumed else None))
        assert disk.begun.wait(20)
        thread.join(0.5)  # longer than a step would be given
        assert thread.is_alive()
        assert holder(run)[0]  # nobody gave it free
        disk.answer()
        thread.join(20)
    assert codes == [3]
    assert exits == []
    found = newest(run)
    assert found is not None
    assert found[1].phase == "paused"
    assert holder(run) == (False, None)
    assert capsys.readouterr().err == "rugtui: saving the last step (ctrl+c quits without it) …\n"


def test_quitting_does_not_wait_for_a_slow_step_and_says_what_is_saved(monkeypatch, capsys):
    exits = []
    monkeypatch.setattr(dashboard.os, "_exit", exits.append)
    with trained(autosave=0.01) as session:
        wait(session, lambda frame: frame.kept.startswith("Step"))
        method = session.subject.run.trainer._method
        slow = Slow(method.step)
        monkeypatch.setattr(method, "step", slow)
        assert slow.begun.wait(20)
        session.subject.run.writer.wait(20)
        dashboard.finish(session, 3)
        assert exits == [3]
        slow.may_end.set()
    first, second = capsys.readouterr().err.splitlines()
    assert first == "rugtui: saving the last step (ctrl+c quits without it) …"
    assert second.startswith("rugtui: quit without waiting for the step under way. Step ")
    assert second.endswith(f"`rugtui resume {all_runs()[0].name}` continues from there.")


def test_a_key_during_a_slow_step_does_not_end_the_run(monkeypatch):
    """The rate is computed from the steps that were done, however few."""
    monkeypatch.setattr(pace, "PRODUCTS", 1e7)  # a result a step, as where steps are slow
    with trained() as session:
        trainer, readings = session.subject.run.trainer, session.readings
        method = trainer._method
        slow = Slow(method.step)
        monkeypatch.setattr(method, "step", slow)
        assert slow.begun.wait(20)
        # one step took long, and the key comes in the next
        readings._pace = 1.0, 8.0
        session.send(Look(8, 8))
        heldout = Slow(trainer._heldout)
        monkeypatch.setattr(trainer, "_heldout", heldout)
        slow.may_end.set()
        assert heldout.begun.wait(20)  # the rest of the interval, without a step
        session.frames.take()
        heldout.may_end.set()
        frame = wait(session, lambda frame: frame.step > 10)
        assert (frame.phase, frame.failure) == ("training", "")
        session.send(Stop())


def test_a_failed_save_is_shown_on_the_screen_and_at_exit(tmp_path, capsys):
    with trained(autosave=0.02) as session, full_disk("limit", tmp_path / "disk") as disk:
        wait(session, lambda frame: frame.kept.startswith("Step"))
        disk.fill()
        frame = wait(session, lambda frame: frame.unsaved)
        saved = newest(find_run(None))[1].step
        said, _, why = frame.unsaved.partition(": ")
        assert said == f"not saved since step {saved:,}"
        assert why.startswith("[Errno 27] File too large: '")
        disk.free()
        wait(session, lambda frame: not frame.unsaved and frame.step > saved)
        disk.fill()
        wait(session, lambda frame: frame.unsaved)
        assert dashboard.finish(session, 0) == 1
    assert "not saved since step " in capsys.readouterr().err.splitlines()[-1]
