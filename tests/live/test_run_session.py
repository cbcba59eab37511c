"""A resumed run is the run that was never stopped."""

import numpy as np
import pytest

from rugtui.errors import DamagedError, RunError
from rugtui.live import history
from rugtui.live.run_session import RunSession
from rugtui.settings.settings import Settings
from rugtui.storage.run_directory import checkpoints
from rugtui.training import trainer
from rugtui.training.failure import Diverged
from rugtui.training.kernels import pace, plan
from tests.training.states import same_state

SETTINGS = Settings(n_sparse=32, n_dense=8, p=0.1, batch=64, steps=0, device="cpu")
NEVER = bool


def advance(session, results):
    for _ in range(results):
        assert session.advance(NEVER) is not None
    return session


def without_time(history):
    return np.delete(history.view().table, 1, axis=0)


def same(one, two):
    same_state(one.trainer.state(), two.trainer.state())
    np.testing.assert_array_equal(without_time(one.history), without_time(two.history))
    assert one.history.view().marks == two.history.view().marks


@pytest.fixture
def uninterrupted(tmp_path):
    session = RunSession.new(SETTINGS, into=tmp_path / "uninterrupted")
    yield session
    session.close("paused")


def test_stopped_and_resumed_twice(tmp_path, uninterrupted):
    advance(uninterrupted, 12)
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 5)
    for _ in range(2):
        assert session.close("paused")
        session = RunSession.resumed(session.writer.run)
        assert session.notes == []
        advance(session, 2)
    advance(session, 3)
    same(session, uninterrupted)
    session.close("paused")


def test_stopped_in_the_middle_of_an_interval(tmp_path, uninterrupted):
    advance(uninterrupted, 3)
    session, asked = RunSession.new(SETTINGS, into=tmp_path), iter(range(50))
    assert session.advance(lambda: next(asked, None) is None) is None
    assert session.trainer.step > 0
    session.close("paused")
    same(advance(RunSession.resumed(session.writer.run), 3), uninterrupted)


def test_steps_after_the_last_save_are_repeated(tmp_path, uninterrupted):
    advance(uninterrupted, 6)
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 2)
    session.save("training")
    assert session.writer.wait(10)
    # As if killed here: rows that are in the history already, no checkpoint, no farewell.
    advance(session, 2)
    session.writer._history.bring_up_to(session.history.past())
    session.writer._lock.release()
    again = RunSession.resumed(session.writer.run)
    assert len(again.history.view()) == 2
    same(advance(again, 4), uninterrupted)


def test_a_run_that_was_never_saved_begins_again(tmp_path, uninterrupted):
    advance(uninterrupted, 2)
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    session.writer._lock.release()
    same(advance(RunSession.resumed(session.writer.run), 2), uninterrupted)


def test_changed_settings_are_resumed_too(tmp_path, uninterrupted):
    changed = SETTINGS.replace(p=0.2, lr=0.01, batch=32)
    session = RunSession.new(SETTINGS, into=tmp_path)
    for one in (session, uninterrupted):
        advance(one, 2)
        one.change(changed)
    assert session.close("paused")
    session = RunSession.resumed(session.writer.run)
    assert session.settings == changed
    same(advance(session, 2), advance(uninterrupted, 2))


def test_resuming_from_the_older_checkpoint_is_reported(tmp_path, uninterrupted):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 2)
    session.save("training")
    session.writer.wait(10)
    advance(session, 2).close("paused")
    newest, older = checkpoints(session.writer.run)
    newest.write_bytes(newest.read_bytes()[:-7])
    again = RunSession.resumed(session.writer.run)
    assert newest.name in again.notes[0]
    same(advance(again, 2), advance(uninterrupted, 4))
    again.save("training")
    again.writer.wait(10)
    assert older in checkpoints(again.writer.run)


@pytest.mark.parametrize("killed", [False, True])
def test_a_long_run_is_the_same_however_often_it_was_resumed(killed, tmp_path, monkeypatch):
    for name, rows in {"MOST": 64, "RECENT": 16, "SPAN": 2, "YOUNG": 2}.items():
        monkeypatch.setattr(history, name, rows)
    monkeypatch.setattr(history, "BINS", 4)
    monkeypatch.setattr(history, "OCTAVE", 1)
    monkeypatch.setattr(pace, "PRODUCTS", 1e7)  # a result a step
    settings = SETTINGS.replace(n_sparse=8, n_dense=2, batch=4)
    uninterrupted = advance(RunSession.new(settings, into=tmp_path / "uninterrupted"), 300)
    session = RunSession.new(settings, into=tmp_path)
    for results in (61, 9, 80, 150):
        advance(session, results)
        session.save("training")
        assert session.writer.wait(10)
        if killed:  # rows that are in the history already, thinned perhaps, and no checkpoint
            advance(session, 9)
            session.writer._history.bring_up_to(session.history.past())
            session.writer._lock.release()
        else:
            session.close("paused")
        session = RunSession.resumed(session.writer.run)
        assert session.notes == []
    assert len(session.history.view()) < 64
    assert session.history.view().thinned
    same(session, uninterrupted)
    for one in (session, uninterrupted):
        one.close("paused")


def test_after_a_divergence_the_history_ends_at_the_weights_that_were_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "PRODUCTS", 1e7)  # a result a step, a spare every 50
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 70)
    before = session.history.view()
    session.save("training")
    assert session.writer.wait(10)
    session.trainer._parameters.weights.b.fill_(1e4)
    with pytest.raises(Diverged):
        session.advance(NEVER)
    advance(session, 40)  # farther than it was
    view = session.history.view()
    assert view.column("step").tolist() == list(range(1, 91))
    assert [(mark.step, mark.text) for mark in view.marks] == [(50, "back from 71")]
    np.testing.assert_array_equal(before.column("step"), np.arange(1, 71))
    assert session.close("paused")
    again = RunSession.resumed(session.writer.run)
    assert again.notes == []
    same(again, session)
    again.close("paused")


def test_the_death_of_all_outputs_is_reported_once(uninterrupted):
    advance(uninterrupted, 1)
    assert uninterrupted.news() == []
    uninterrupted.trainer._parameters.weights.b.fill_(-100.0)
    advance(uninterrupted, 3)
    ((said, bad),) = (one for one in uninterrupted.news() if "dead" in one[0])
    assert bad
    assert said.startswith("at step ")
    assert "All outputs are dead" in said


def test_missing_results_are_reported(tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 3)
    session.close("paused")
    path = session.writer.run / "history.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:2]))
    again = RunSession.resumed(session.writer.run)
    assert "1 results are missing" in again.notes[0]
    again.close("paused")


def test_resuming_with_another_number_of_threads_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(trainer, "granted_threads", lambda: 3)
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    session.close("paused")
    same_machine = RunSession.resumed(session.writer.run)
    assert same_machine.notes == []
    same_machine.close("paused")
    monkeypatch.setattr(trainer, "granted_threads", lambda: 1)
    again = RunSession.resumed(session.writer.run)
    again.close("paused")
    (note,) = again.notes
    assert note.startswith("it trained with --threads 3 so far and goes on with --threads 1:")


def test_a_live_run_cannot_be_resumed(uninterrupted):
    advance(uninterrupted, 1)
    with pytest.raises(RunError, match="in use"):
        RunSession.resumed(uninterrupted.writer.run)


def test_a_run_with_only_damaged_checkpoints_is_refused_and_unlocked(tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    session.close("paused")
    for path in checkpoints(session.writer.run):
        path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(DamagedError, match="all its checkpoints are damaged"):
            RunSession.resumed(session.writer.run)


def test_closing_saves_again_only_after_a_change(tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    session.close("paused")
    (path,) = checkpoints(session.writer.run)
    before = path.stat().st_mtime_ns
    RunSession.resumed(session.writer.run).close("paused")
    assert path.stat().st_mtime_ns == before
    again = RunSession.resumed(session.writer.run)
    again.change(SETTINGS.replace(lr=0.5))  # no step, but something to keep
    again.close("paused")
    assert RunSession.resumed(session.writer.run).settings.lr == 0.5


def test_settings_without_effect_are_reported(tmp_path):
    settings = SETTINGS.replace(method="population", lr=0.5)
    session = RunSession.new(settings, into=tmp_path)
    sentence = "has no effect: population training sets its own rates."
    assert session.news()[0] == (f"lr 0.5 {sentence}", True)
    session.change(settings.replace(schedule="warmup", p=0.2))
    assert session.notes == [f"schedule warmup {sentence}"]
    session.change(settings.replace(method="sgd"))
    assert len(session.notes) == 1
    session.close("paused")


def test_the_history_distinguishes_sampled_from_gaussian_losses(tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 2)
    session.change(SETTINGS.replace(method="population"))
    advance(session, 2)
    session.change(SETTINGS.replace(batch=32))
    advance(session, 1)
    assert session.history.view().column("batch").tolist() == [64, 64, 0, 0, 32]
    assert session.close("paused")
    again = RunSession.resumed(session.writer.run)
    assert again.history.view().breaks.tolist() == [2, 4]
    again.close("paused")
