"""Opened for viewing: every pane is filled, and nothing is written before training resumes."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from rugtui.analysis.statistics import statistics
from rugtui.errors import DamagedError, RunError, SettingError, WeightsError
from rugtui.live.commands import Change, Open, Pause, Save, Stop
from rugtui.live.opening import open_run, open_snapshot, open_weights
from rugtui.live.own_run import OwnRun
from rugtui.live.run_session import RunSession
from rugtui.live.session import Session
from rugtui.models.constructions import dense, engineered
from rugtui.storage.checkpoint import newest
from rugtui.storage.lock import Lock
from rugtui.storage.run_directory import all_runs, find_run
from rugtui.storage.snapshot import write_snapshot
from tests.live.test_run_session import SETTINGS, advance, same
from tests.live.test_session import wait
from tests.storage.some import SETTINGS as TINY

RUG = engineered("hadamard", 64, 16, 0.05, generator=torch.Generator())


@pytest.fixture
def run(tmp_path):
    run_session = advance(RunSession.new(SETTINGS, into=tmp_path), 3)
    run_session.close("paused")
    return run_session.writer.run


@pytest.fixture
def snapshot(tmp_path):
    run_session = advance(RunSession.new(SETTINGS, into=tmp_path / "first"), 3)
    run_session.close("paused")
    weights = run_session.trainer.weights()
    return write_snapshot(
        run_session.writer.run,
        run_session.run_state("paused"),
        kind="trained",
        weights=weights,
        facts={},
    )


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "w.npz"
    rug = dense(RUG)
    np.savez(path, **{name: getattr(rug, name).numpy() for name in ("W_in", "W_out", "b")})
    return path


@contextmanager
def looking(opening):
    session = Session(OwnRun(SETTINGS, opening, source="it"))
    threading.Thread(target=session.run, daemon=True).start()
    try:
        yield session
    finally:
        session.send(Stop())
        assert session.finished.wait(10)


def everything(frame):
    known = frame.reading
    return (
        known.statistics is not None
        and known.standard_error < 1e-3
        and frame.picture is not None
        and frame.curves is not None
        and frame.verdict
    )


def tree(folder):
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def uninterrupted(tmp_path, results):
    run_session = advance(RunSession.new(SETTINGS, into=tmp_path / "uninterrupted"), results)
    run_session.close("paused")
    return run_session


def trained_to(session, step):
    """Train on until after this step."""
    session.send(Pause(False))
    wait(session, lambda f: f.step > step)


@pytest.mark.parametrize("kind", ["run", "snapshot"])
def test_viewing_fills_every_pane_and_writes_nothing(kind, request, tmp_path, private_state):
    path = request.getfixturevalue(kind)
    before = tree(tmp_path)
    with looking(lambda: (open_run if kind == "run" else open_snapshot)(path)) as session:
        frame = wait(session, everything)
        session.send(Change(SETTINGS.replace(p=0.2)))
        other = wait(session, lambda f: f.settings.p == 0.2 and everything(f))
    assert frame.phase == other.phase == "opened"
    assert path.name in frame.source
    assert len(frame.history) == 3
    assert frame.trained.statistics.rows == 32
    off = frame.trained.loss - frame.trained.statistics.exact
    assert abs(off) < 5 * frame.trained.standard_error
    assert other.trained.loss > frame.trained.loss
    assert tree(tmp_path) == before
    assert not all_runs()


def test_a_viewed_run_resumes_bit_for_bit(run, tmp_path):
    run_session = open_run(run)
    assert run_session.writer.run is None
    run_session.resume()
    advance(run_session, 2)
    run_session.close("paused")
    same(RunSession.resumed(run), uninterrupted(tmp_path, 5))


def test_a_viewed_snapshot_continues_as_a_new_run_bit_for_bit(snapshot, tmp_path):
    before = tree(snapshot)
    with looking(lambda: open_snapshot(snapshot)) as session:
        wait(session, everything)  # looking takes nothing from the streams of training
        trained_to(session, newest(snapshot)[1].step)
        assert wait(session, lambda f: f.phase == "training").source == ""
    again = RunSession.resumed(find_run(None))
    assert tree(snapshot) == before
    assert f"began from snapshot {snapshot}" in (again.writer.run / "log.txt").read_text()
    results = len(again.history.view())
    asked = uninterrupted(tmp_path, results)
    advance(again, 1)  # the session may have left within an interval
    same(again, advance(asked, 1))
    again.close("paused")


def test_a_finished_run_trains_for_as_many_steps_again(tmp_path):
    run_session = RunSession.new(TINY.replace(steps=20), into=tmp_path)
    while not run_session.trainer.done:
        run_session.advance(bool)
    run_session.close("done")
    with looking(lambda: open_run(run_session.writer.run)) as session:
        assert wait(session, everything).phase == "opened"
        session.send(Pause(False))
        assert wait(session, lambda f: f.phase == "done").step == 40


def test_a_run_that_another_process_trains_cannot_be_resumed(run):
    lock = Lock.take(run, screen=False)
    with looking(lambda: open_run(run)) as session:
        frame = wait(session, lambda f: any(n.severity == "warning" for n in f.notices))
        assert f"trains it: `rugtui watch {run.name}`" in frame.notices[-1].text
        session.send(Pause(False))
        frame = wait(session, lambda f: any(n.severity == "error" for n in f.notices))
        assert "is in use" in frame.notices[-1].text
        assert frame.phase == "opened"
        lock.release()
        session.send(Pause(False))
        assert wait(session, lambda f: f.phase == "training")


def test_a_run_that_was_trained_since_must_be_opened_again(run):
    run_session = open_run(run)
    advance(RunSession.resumed(run), 1).close("paused")
    with pytest.raises(RunError, match="was trained further meanwhile: open it again"):
        run_session.resume()
    run_session.close("paused")
    advance(RunSession.resumed(run), 1).close("paused")  # it was let go


def test_snapshots_of_opened_runs_and_weights(run, snapshot):
    with looking(lambda: open_run(run)) as session:
        session.send(Save(""))
        frame = wait(session, lambda f: any(n.severity == "error" for n in f.notices))
        assert "is open read-only" in frame.notices[-1].text
    with looking(lambda: open_snapshot(snapshot)) as session:
        wait(session, everything)
        session.send(Save(""))
        frame = wait(session, lambda f: any("snapshot in" in n.text for n in f.notices))
        assert (frame.phase, frame.source) == ("opened", f"snapshot {snapshot.name}")
    new = find_run(None)
    assert newest(new)[1].step == newest(snapshot)[1].step


def test_weights_of_a_file_are_shown(file):
    with looking(lambda: open_weights(file, {"p": 0.1, "steps": 0})) as session:
        frame = wait(session, everything)
    assert (frame.settings.n_sparse, frame.settings.n_dense, frame.settings.p) == (64, 16, 0.1)
    assert (frame.phase, frame.source, len(frame.history)) == ("opened", "w.npz", 0)
    exact = statistics(RUG, 0.1, generator=np.random.default_rng(0)).exact
    assert frame.trained.statistics.exact == pytest.approx(exact, rel=1e-5)
    assert abs(frame.trained.loss - exact) < 5 * frame.trained.standard_error
    assert "just begun" not in frame.verdict
    assert not all_runs()


def test_opened_weights_can_be_trained_without_their_file(file):
    with looking(lambda: open_weights(file, {"steps": 0})) as session:
        wait(session, everything)
        trained_to(session, 0)
    file.unlink()
    again = RunSession.resumed(find_run(None))
    advance(again, 1)
    again.close("paused")
    assert "began from weights in" in (again.writer.run / "log.txt").read_text()


def test_weights_are_opened_while_another_run_trains(file):
    settings = SETTINGS.replace(n_sparse=64, n_dense=16, p=0.1, steps=0)
    with looking(lambda: open_weights(file, {"steps": 0})) as session:
        trained_to(session, 0)
        (live,) = all_runs()
        session.send(Open(str(file.parent / "none.npz"), settings))
        frame = wait(session, lambda f: any("not opened" in n.text for n in f.notices))
        assert frame.phase == "training"
        session.send(Open(str(file), settings))
        frame = wait(session, lambda f: f.phase == "opened")
        assert (frame.settings.p, frame.step, frame.source) == (0.1, 0, "w.npz")
        assert all_runs() == [live], "it is looked at: nothing is written"
        assert [other.key for other in frame.others] == [str(live)]
        trained_to(session, 0)
    assert len(all_runs()) == 2


def test_settings_that_contradict_a_file_are_refused(file, tmp_path):
    with pytest.raises(SettingError, match="n_dense must be 16"):
        open_weights(file, {"n_dense": 8})
    with pytest.raises(SettingError, match="bias must be yes"):
        open_weights(file, {"bias": False})
    np.savez(tmp_path / "wide.npz", W_in=np.ones((9, 4)), W_out=np.ones((4, 9)), b=np.ones(4))
    with pytest.raises(WeightsError, match="fewer dimensions than features"):
        open_weights(tmp_path / "wide.npz", {})
    np.savez(tmp_path / "tied.npz", W=np.ones((2, 4)))
    run_session = open_weights(tmp_path / "tied.npz", {})
    assert run_session.settings.tied
    run_session.close("paused")


def test_a_snapshot_of_a_rug_shows_that_rug(tmp_path):
    run_session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    run_session.close("paused")
    kept = {"kind": "rug", "weights": run_session.trainer.weights(), "facts": {"frame": "dct"}}
    folder = write_snapshot(run_session.writer.run, run_session.run_state("paused"), **kept)
    with looking(lambda: open_snapshot(folder)) as session:
        frame = wait(session, lambda f: f.shown == "rug" and everything(f))
    assert frame.construction == "dct"


def test_a_session_ends_if_nothing_can_be_opened(snapshot):
    path = snapshot / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    session = Session(OwnRun(SETTINGS, lambda: open_snapshot(snapshot)))
    started = time.monotonic()
    session.run()
    assert session.finished.is_set()
    assert time.monotonic() - started < 10
    assert isinstance(session.refusal, DamagedError)
    assert "weights.safetensors" in str(session.refusal)


def test_fixed_weights_are_sampled_according_to_their_settings(tmp_path):
    """With another activation the rug's way to sample would be wrong."""
    settings = SETTINGS.replace(activation="identity")
    run_session = advance(RunSession.new(settings, into=tmp_path), 1)
    run_session.close("paused")
    held = run_session.trainer.measure(20_000)
    with looking(lambda: open_run(run_session.writer.run)) as session:
        frame = wait(session, lambda f: f.trained.standard_error < 2 * held.standard_error)
    error = np.hypot(held.standard_error, frame.trained.standard_error)
    assert abs(frame.trained.loss - held.mean) < 5 * error
    assert torch.is_tensor(run_session.trainer.weights().b)
