"""The keeper: never in training's way, whatever happens to its disk."""

import os
import shutil
import threading

import pytest

from rugtui.errors import RunError
from rugtui.storage import checkpoint_writer as module
from rugtui.storage.checkpoint import newest, write_checkpoint
from rugtui.storage.checkpoint_writer import CheckpointWriter, RunState
from rugtui.storage.history_file import read_past
from rugtui.storage.lock import holder
from rugtui.storage.run_directory import ABOUT, LATEST, checkpoints
from tests.processes import until
from tests.storage.some import COLUMNS, SETTINGS, some_checkpoint, some_past


@pytest.fixture
def keeper(tmp_path):
    made = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path / "runs")
    made.begin()
    yield made
    made.leave(5)


def moment(step=3, rows=5):
    return RunState(some_checkpoint(step), some_past(rows))


def save(keeper, *args):
    """Save and wait; what the keeper has to tell."""
    keeper.save(lambda: moment(*args))
    assert keeper.wait(10)
    return keeper.news()


def test_two_checkpoints_are_kept_and_all_of_history(keeper):
    for step in (3, 5, 7):
        assert save(keeper, step, step) == []
    assert [path.name[-9:] for path in (p.with_suffix("") for p in checkpoints(keeper.run))] == [
        "-00000007",
        "-00000005",
    ]
    assert read_past(keeper.run, COLUMNS)[0].table.shape[1] == 7


def test_what_killed_processes_left_goes_when_the_run_is_taken_up(keeper):
    for step in (3, 5, 7, 9):  # each written, and killed before the old ones went
        write_checkpoint(keeper.run, some_checkpoint(step))
    left = checkpoints(keeper.run)
    keeper.went_on_from(left[1])  # the newest is damaged, say: it goes with the next save
    assert checkpoints(keeper.run) == left[:3]
    save(keeper, 8)
    assert [path.stem[-1] for path in checkpoints(keeper.run)] == ["8", "7"]


def test_saving_does_not_wait_for_the_disk(keeper, monkeypatch):
    disk = threading.Event()
    write = module.write_checkpoint
    monkeypatch.setattr(module, "write_checkpoint", lambda *a: (disk.wait(60), write(*a))[1])
    keeper.save(lambda: moment(3))
    until(lambda: keeper._moment is None)  # the thread has taken it
    keeper.save(lambda: moment(5))
    keeper.save(lambda: moment(7))  # takes the place of the one that waits
    assert keeper.busy
    assert not keeper.due
    assert not keeper.wait(0.01)
    disk.set()
    assert keeper.wait(10)
    assert [checkpoint.name[-13:-12] for checkpoint in checkpoints(keeper.run)] == ["7", "3"]


def test_it_is_due_by_time_and_not_more_often_than_it_may_cost(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    keeper = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path)
    assert not keeper.due
    now[0] += module.EVERY
    assert keeper.due
    save(keeper)
    assert not keeper.due
    now[0] += module.EVERY
    assert keeper.due
    monkeypatch.setattr(module.time, "thread_time", iter([0.0, 1.0]).__next__)
    ready = moment()
    keeper.save(lambda: ready)  # takes a second of processor time: 2 % of 50 seconds
    assert keeper.wait(10)
    now[0] += 49
    assert not keeper.due
    now[0] += 2
    assert keeper.due
    keeper.leave(5)


def test_a_full_disk_is_told_once_and_saving_goes_on_when_it_is_free(keeper, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(module, "write_checkpoint", full)
        ((text, bad),) = save(keeper, 3)
        assert bad
        assert "No space left" in text
        assert save(keeper, 5) == []
        assert keeper.trouble
    assert save(keeper, 7) == [("saved again at step 7", False)]
    assert newest(keeper.run)[1].step == 7
    assert not keeper.trouble


def test_a_directory_deleted_underneath_is_written_anew(keeper):
    save(keeper, 3)
    shutil.rmtree(keeper.run)
    ((text, _),) = save(keeper, 5, 6)
    assert "written anew" in text
    assert {path.name for path in keeper.run.iterdir()} >= {ABOUT, "history.jsonl", "lock"}
    assert newest(keeper.run)[1].step == 5
    assert read_past(keeper.run, COLUMNS)[0].table.shape[1] == 6
    assert holder(keeper.run)[0]


def test_a_place_where_nothing_can_be_made_is_told_and_tried_again(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    keeper = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path / "runs")
    keeper.begin()
    ((text, bad),) = keeper.news()
    assert bad
    assert "not saved" in text
    assert keeper.run is None
    (tmp_path / "runs").unlink()
    assert save(keeper) == [("saved again at step 3", False)]
    assert newest(keeper.run)[1].step == 3
    keeper.leave(5)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it may not")
def test_a_read_only_directory_is_told(keeper):
    keeper.run.chmod(0o500)
    try:
        ((text, bad),) = save(keeper)
        assert bad
        assert "Permission denied" in text
    finally:
        keeper.run.chmod(0o700)
    assert save(keeper) == [("saved again at step 3", False)]


def test_a_second_keeper_is_refused(keeper):
    with pytest.raises(RunError, match="in use"):
        CheckpointWriter(SETTINGS, device="cpu", run=keeper.run)


def test_leaving_frees_the_run(keeper):
    keeper.save(moment)
    assert keeper.leave(10)
    assert holder(keeper.run) == (False, None)
    assert newest(keeper.run)[1].step == 3


def test_a_last_save_that_takes_too_long_keeps_its_lock(keeper, monkeypatch):
    disk = threading.Event()
    monkeypatch.setattr(module, "write_checkpoint", lambda *_: disk.wait(60))
    keeper.save(moment)
    assert not keeper.leave(0.01)
    assert holder(keeper.run)[0]
    disk.set()


def test_no_memory_for_a_copy_is_told_and_stops_nothing(keeper):
    def none():
        raise MemoryError("2 GiB")

    keeper.save(none)
    ((text, bad),) = keeper.news()
    assert bad
    assert "no copy" in text
    assert not keeper.due


def test_a_bug_in_saving_is_told_and_stops_nothing(keeper, monkeypatch):
    with monkeypatch.context() as bug:
        bug.setattr(module, "write_checkpoint", lambda *_: {}["bug"])
        assert save(keeper) == [("not saved: KeyError: 'bug'", True)]
    assert save(keeper) == [("saved again at step 3", False)]


def test_the_latest_is_the_last_begun_whatever_the_clock_says(tmp_path, monkeypatch):
    stamps = iter(["20300101-000000", "20200101-000000"])
    monkeypatch.setattr(
        "rugtui.storage.run_directory.time.strftime", lambda _: next(stamps, "2020")
    )
    runs = [CheckpointWriter(SETTINGS, device="cpu", into=tmp_path) for _ in range(2)]
    for keeper in runs:
        keeper.begin()
    assert runs[0].run.name > runs[1].run.name
    assert (tmp_path / LATEST).resolve() == runs[1].run
    for keeper in runs:
        keeper.leave(5)
