"""Kept steps of a run are shown with their own weights and numbers, without disturbing training."""

import shutil
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from rugtui.live.commands import Look, Pause, Show, ShowStep, Stop
from rugtui.live.opening import open_run
from rugtui.live.own_run import OwnRun
from rugtui.live.run_session import RunSession
from rugtui.live.session import Session
from rugtui.live.watched_run import WatchedRun
from rugtui.settings.settings import Settings
from rugtui.storage.kept_steps import kept_path, kept_steps, read_kept
from tests.live.test_session import wait as frame_where


@contextmanager
def working(session):
    thread = threading.Thread(target=session.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        session.send(Stop())
        assert session.finished.wait(20)


SETTINGS = Settings(n_sparse=32, n_dense=8, p=0.1, batch=16, steps=300, device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    session = RunSession.new(SETTINGS, into=tmp_path_factory.mktemp("trained"))
    while not session.done:
        if session.step >= 150 and session.settings.p == 0.1:
            session.change(SETTINGS.replace(p=0.2))
        session.advance(lambda: False, lambda: True)
    session.close("done")
    return session.folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / trained.name)


def product(weights):
    return (weights.W_out.float() @ weights.W_in.float()).numpy()


def test_an_opened_run_shows_its_kept_steps_and_itself_again(run):
    session = Session(OwnRun(Settings(), lambda: open_run(run)))
    with working(session):
        session.send(Look(32, 32))
        live = frame_where(session, lambda f: f.picture is not None and f.trained.settled)
        assert live.kept_steps == kept_steps(run)
        assert live.past is None
        for step in (0, 16, 256):
            session.send(ShowStep(step))
            past = frame_where(session, lambda f, at=step: f.past and f.past.shown_step == at).past
            assert past.step == past.picture.step == past.trained.loss_at == step
            shown = past.picture.panels[0].pixels
            np.testing.assert_allclose(shown, product(read_kept(run, step)), atol=1e-6)
            assert past.settings.p == (0.1 if step < 150 else 0.2)
            assert past.levels.p == past.settings.p

        def measured(frame):
            return frame.past and frame.past.trained.measured_at == 256 and frame.past.verdict

        last = frame_where(session, measured)
        assert last.step == 300  # the run itself has not moved
        assert last.past.trained.statistics.diagonal_mean == pytest.approx(
            float(np.diag(product(read_kept(run, 256))).mean()), rel=1e-4
        )
        session.send(ShowStep(None))
        again = frame_where(session, lambda f: f.past is None)
        assert again.picture.step == 300


def test_the_trends_of_an_opened_run_begin_where_its_kept_steps_do(run):
    """Where p last changed, if it did: statistics belong to one p."""
    session = Session(OwnRun(Settings(), lambda: open_run(run)))
    since = min(step for step in kept_steps(run) if step > 160)
    with working(session):
        session.send(Look(32, 32))
        frame = frame_where(
            session, lambda f: f.trained.trend_at and f.trained.trend_at[0] <= since
        )
    at, trend = frame.trained.trend_at, frame.trained.trend
    assert list(at) == sorted(set(at))
    assert (at[0] > 150, at[-1], frame.trained.measured_at) == (True, 300, 300)
    assert trend[0].diagonal_mean == pytest.approx(
        float(np.diag(product(read_kept(run, at[0]))).mean()), rel=1e-4
    )


def test_a_watched_run_shows_its_kept_steps(run):
    session = Session(WatchedRun(run))
    with working(session):
        session.send(ShowStep(16))
        past = frame_where(session, lambda f: f.past is not None).past
        assert past.shown_step == 16
        assert past.settings.p == 0.1


def test_a_run_in_training_goes_on_while_its_past_is_shown(tmp_path):
    session = Session(OwnRun(SETTINGS.replace(steps=0)))
    with working(session):
        frame_where(session, lambda f: f.step > 100)
        session.send(ShowStep(8))
        first = frame_where(session, lambda f: f.past is not None)
        later = frame_where(session, lambda f: f.step > first.step + 100)
        assert first.past.shown_step == later.past.shown_step == 8
        assert later.phase == "training"
        assert later.past.picture is first.past.picture
        session.send(Show("rug"))  # which has no past
        assert frame_where(session, lambda f: f.shown == "rug" and f.rug is not None).past is None
        session.send(Pause(True))


def test_a_step_that_cannot_be_read_is_reported_and_the_run_shown_as_it_is_now(run):
    kept_path(run, 16).write_bytes(b"damaged")
    session = Session(OwnRun(Settings(), lambda: open_run(run)))
    with working(session):
        session.send(ShowStep(16))
        frame = frame_where(session, lambda f: f.notices and "step 16" in f.notices[-1].text)
        assert frame.past is None
        assert not frame.failure
        session.send(ShowStep(17))  # never kept
        assert frame_where(session, lambda f: f.picture is not None).past is None


def test_a_kept_step_comes_within_150_milliseconds(tmp_path):
    """Of the processor's time, which other processes do not take from it."""
    settings = SETTINGS.replace(n_sparse=1024, n_dense=256, batch=8, steps=2)
    session = RunSession.new(settings, into=tmp_path)
    while not session.done:
        session.advance(lambda: False)
    session.close("done")
    from rugtui.live.past import PastReadings
    from rugtui.live.readings import Readings

    live = Readings(open_run(session.folder))
    past = PastReadings(live)
    past.show(1)
    past.readings.picture("trained", Look(64, 64))
    began = time.thread_time()
    past.show(0)
    past.readings.picture("trained", Look(64, 64))
    assert time.thread_time() - began < 0.15
    for readings in (live, past):
        readings.close()


def test_a_run_of_an_older_version_has_no_kept_steps(run):
    for step in kept_steps(run):
        kept_path(run, step).unlink()
    session = Session(OwnRun(Settings(), lambda: open_run(run)))
    with working(session):
        frame = frame_where(session, lambda f: f.picture is not None)
        assert frame.kept_steps == ()
        session.send(Stop())
