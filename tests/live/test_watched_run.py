"""Watching: what another process saves is shown, and nothing is changed."""

import os
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from rugtui.live.commands import Change, Open, Pause, Save, Show
from rugtui.live.run_session import RunSession
from rugtui.live.session import Session
from rugtui.live.watched_run import WatchedRun
from rugtui.storage.run_directory import checkpoints
from tests.live.test_opening import everything, tree
from tests.live.test_run_session import SETTINGS, advance
from tests.live.test_session import Stop, wait
from tests.storage.some import damage


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("rugtui.live.run_poller.EVERY", 0.02)
    monkeypatch.setattr("rugtui.live.run_poller.SHARE", 1.0)


@pytest.fixture
def run_session(tmp_path):
    """A run in training, whose lock is held."""
    run_session = advance(RunSession.new(SETTINGS, into=tmp_path), 2)
    yield run_session
    run_session.close("paused")


@contextmanager
def watching(run):
    session = Session(WatchedRun(run))
    threading.Thread(target=session.run, daemon=True).start()
    try:
        yield session
    finally:
        session.send(Stop())
        assert session.finished.wait(10)


def saved(run_session):
    run_session.save("training")
    assert run_session.writer.wait(10)
    return run_session


def said(frame):
    return frame.notices[-1].text if frame.notices else ""


def test_watching_follows_the_saves_and_changes_nothing(run_session, tmp_path):
    before = tree(tmp_path)
    with watching(run_session.writer.run) as session:
        waits = wait(session, lambda f: "first save" in f.narration)
        assert waits.phase == "loading"
        assert tree(tmp_path) == before
        saved(run_session)
        before = tree(tmp_path)
        frame = wait(session, lambda f: f.trained.statistics and f.picture and f.verdict)
        assert frame.step == run_session.trainer.step
        assert (frame.phase, frame.source) == ("watching", f"PID {os.getpid()}, read-only")
        np.testing.assert_array_equal(frame.history.table, run_session.history.view().table)
        assert tree(tmp_path) == before
        saved(advance(run_session, 3))
        newer = wait(session, lambda f: f.step == run_session.trainer.step)
        assert len(newer.history) == 5
        assert newer.steps_per_second > 0
        wait(session, lambda f: f.trained.measured_at == run_session.trainer.step)
        session.send(Show("rug"))
        assert wait(session, lambda f: f.rug and f.rug.statistics).phase == "watching"


def test_commands_that_would_change_the_run_are_refused(run_session):
    (path,) = checkpoints(saved(run_session).writer.run)
    written = path.stat().st_mtime - 100
    os.utime(path, (written, written))
    with watching(run_session.writer.run) as session:
        begun = wait(session, lambda f: f.phase == "watching")
        assert 100 <= begun.save_age < 130
        for command in (
            Pause(True),
            Change(SETTINGS.replace(p=0.2)),
            Open("w.npz", SETTINGS),
        ):
            session.send(command)
        session.send(Save(""))
        after = wait(session, lambda f: len(f.notices) == 4)
    refusal = f"read-only: process {os.getpid()} trains this run; `rugtui resume "
    assert [one.text.startswith(refusal) for one in after.notices] == [True] * 3 + [False]
    assert "rugtui export" in said(after)
    assert after.read_only.startswith(refusal)
    assert (after.settings, after.phase) == (begun.settings, "watching")
    assert after.counted == 2, "so that the screen does not wait for it"


@pytest.mark.parametrize(
    ("phase", "shown", "news"),
    [("done", "finished", "It finished at step"), ("paused", "paused", "`rugtui resume ")],
)
def test_the_end_of_the_run_is_reported(phase, shown, news, tmp_path):
    run_session = saved(advance(RunSession.new(SETTINGS, into=tmp_path), 1))
    with watching(run_session.writer.run) as session:
        wait(session, lambda f: f.phase == "watching")
        advance(run_session, 1).close(phase)
        frame = wait(session, lambda f: f.phase != "watching")
        assert frame.step == run_session.trainer.step  # the last save comes before the end
        assert (frame.phase, frame.source) == (shown, "read-only")
        assert news in said(frame)
        assert wait(session, everything).trained.estimate != "live"


def test_a_crash_is_reported_and_so_is_resuming(tmp_path):
    run_session = saved(advance(RunSession.new(SETTINGS, into=tmp_path), 1))
    run = run_session.writer.run
    with watching(run) as session:
        wait(session, lambda f: f.phase == "watching")
        os.close(run_session.writer._lock._handle)  # as the kernel does for a killed process
        run_session.writer._lock = None
        frame = wait(session, lambda f: f.phase == "crashed")
        assert "crashed" in said(frame)
        again = RunSession.resumed(run)
        assert "trains it again" in said(wait(session, lambda f: f.phase == "watching"))
        saved(advance(again, 2))
        wait(session, lambda f: f.step == again.trainer.step)
        again.close("paused")
    run_session.writer.close(0)


def test_a_deleted_run_stays_on_the_screen(run_session):
    saved(run_session)
    with watching(run_session.writer.run) as session:
        wait(session, lambda f: f.phase == "watching")
        shutil.rmtree(run_session.writer.run)
        frame = wait(session, lambda f: f.phase == "gone")
        assert "deleted" in said(frame)
        assert everything(wait(session, everything))
        assert frame.step == run_session.trainer.step
        saved(advance(run_session, 1))  # the trainer writes it anew
        wait(session, lambda f: f.phase == "watching" and f.step == run_session.trainer.step)


def test_a_run_that_ends_before_its_first_save_is_refused(tmp_path):
    run_session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    with watching(run_session.writer.run) as session:
        wait(session, lambda f: "first save" in f.narration)
        run_session.writer.release()
        assert session.finished.wait(10)
    assert "ended before its first save" in str(session.refusal)
    run_session.writer.close(0)


def test_damage_is_skipped_and_reported(run_session):
    saved(run_session)
    step = run_session.trainer.step
    saved(advance(run_session, 1))
    path = checkpoints(run_session.writer.run)[0]
    path.write_bytes(damage(path.read_bytes(), np.random.default_rng(0)))
    with watching(run_session.writer.run) as session:
        frame = wait(session, lambda f: f.phase == "watching")
        assert frame.step == step
        assert path.name in said(frame)
    for old in checkpoints(run_session.writer.run):
        old.write_bytes(b"x")
    with watching(run_session.writer.run) as session:
        assert session.finished.wait(10)
    assert "all its checkpoints are damaged" in str(session.refusal)
