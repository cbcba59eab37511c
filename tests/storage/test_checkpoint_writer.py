"""The writer never delays training, whatever happens to the disk."""

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
def writer(tmp_path):
    made = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path / "runs")
    made.begin()
    yield made
    made.close(5)


def moment(step=3, rows=5):
    return RunState(some_checkpoint(step), some_past(rows))


def save(writer, *args):
    """Save, wait, and return the messages."""
    writer.save(lambda: moment(*args))
    assert writer.wait(10)
    return writer.news()


def test_two_checkpoints_and_the_whole_history_are_kept(writer):
    for step in (3, 5, 7):
        assert save(writer, step, step) == []
    assert [path.name[-9:] for path in (p.with_suffix("") for p in checkpoints(writer.run))] == [
        "-00000007",
        "-00000005",
    ]
    assert read_past(writer.run, COLUMNS)[0].table.shape[1] == 7


def test_resuming_removes_what_killed_processes_left(writer):
    for step in (3, 5, 7, 9):  # each written, and killed before the old ones went
        write_checkpoint(writer.run, some_checkpoint(step))
    left = checkpoints(writer.run)
    writer.continue_from(left[1])  # the newest is damaged, say: it goes with the next save
    assert checkpoints(writer.run) == left[:3]
    save(writer, 8)
    assert [path.stem[-1] for path in checkpoints(writer.run)] == ["8", "7"]


def test_saving_does_not_wait_for_the_disk(writer, monkeypatch):
    disk = threading.Event()
    write = module.write_checkpoint
    monkeypatch.setattr(module, "write_checkpoint", lambda *a: (disk.wait(60), write(*a))[1])
    writer.save(lambda: moment(3))
    until(lambda: writer._pending is None)  # the thread has taken it
    writer.save(lambda: moment(5))
    writer.save(lambda: moment(7))  # takes the place of the one that waits
    assert writer.busy
    assert not writer.due
    assert not writer.wait(0.01)
    disk.set()
    assert writer.wait(10)
    assert [checkpoint.name[-13:-12] for checkpoint in checkpoints(writer.run)] == ["7", "3"]


def test_autosaves_are_due_by_time_and_limited_by_their_cost(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    writer = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path)
    assert not writer.due
    now[0] += module.EVERY
    assert writer.due
    save(writer)
    assert not writer.due
    now[0] += module.EVERY
    assert writer.due
    monkeypatch.setattr(module.time, "thread_time", iter([0.0, 1.0]).__next__)
    ready = moment()
    writer.save(lambda: ready)  # takes a second of processor time: 2 % of 50 seconds
    assert writer.wait(10)
    now[0] += 49
    assert not writer.due
    now[0] += 2
    assert writer.due
    writer.close(5)


def test_a_full_disk_is_reported_once_and_saving_continues_when_there_is_space(writer, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(module, "write_checkpoint", full)
        ((text, bad),) = save(writer, 3)
        assert bad
        assert "No space left" in text
        assert save(writer, 5) == []
        assert writer.trouble
    assert save(writer, 7) == [("saved again at step 7", False)]
    assert newest(writer.run)[1].step == 7
    assert not writer.trouble


def test_a_deleted_directory_is_written_again(writer):
    save(writer, 3)
    shutil.rmtree(writer.run)
    ((text, _),) = save(writer, 5, 6)
    assert "written anew" in text
    assert {path.name for path in writer.run.iterdir()} >= {ABOUT, "history.jsonl", "lock"}
    assert newest(writer.run)[1].step == 5
    assert read_past(writer.run, COLUMNS)[0].table.shape[1] == 6
    assert holder(writer.run)[0]


def test_a_folder_that_cannot_be_made_is_reported_and_tried_again(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    writer = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path / "runs")
    writer.begin()
    ((text, bad),) = writer.news()
    assert bad
    assert "not saved" in text
    assert writer.run is None
    (tmp_path / "runs").unlink()
    assert save(writer) == [("saved again at step 3", False)]
    assert newest(writer.run)[1].step == 3
    writer.close(5)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it may not")
def test_a_read_only_directory_is_reported(writer):
    writer.run.chmod(0o500)
    try:
        ((text, bad),) = save(writer)
        assert bad
        assert "Permission denied" in text
    finally:
        writer.run.chmod(0o700)
    assert save(writer) == [("saved again at step 3", False)]


def test_a_second_writer_is_refused(writer):
    with pytest.raises(RunError, match="in use"):
        CheckpointWriter(SETTINGS, device="cpu", run=writer.run)


def test_closing_unlocks_the_run(writer):
    writer.save(moment)
    assert writer.close(10)
    assert holder(writer.run) == (False, None)
    assert newest(writer.run)[1].step == 3


def test_a_last_save_that_takes_too_long_keeps_its_lock(writer, monkeypatch):
    disk = threading.Event()
    monkeypatch.setattr(module, "write_checkpoint", lambda *_: disk.wait(60))
    writer.save(moment)
    assert not writer.close(0.01)
    assert holder(writer.run)[0]
    disk.set()


def test_too_little_memory_for_a_copy_is_reported_and_stops_nothing(writer):
    def none():
        raise MemoryError("2 GiB")

    writer.save(none)
    ((text, bad),) = writer.news()
    assert bad
    assert "no copy" in text
    assert not writer.due


def test_a_bug_in_saving_is_reported_and_stops_nothing(writer, monkeypatch):
    with monkeypatch.context() as bug:
        bug.setattr(module, "write_checkpoint", lambda *_: {}["bug"])
        assert save(writer) == [("not saved: KeyError: 'bug'", True)]
    assert save(writer) == [("saved again at step 3", False)]


def test_the_latest_run_is_the_one_begun_last_whatever_the_clock_says(tmp_path, monkeypatch):
    stamps = iter(["20300101-000000", "20200101-000000"])
    monkeypatch.setattr(
        "rugtui.storage.run_directory.time.strftime", lambda _: next(stamps, "2020")
    )
    runs = [CheckpointWriter(SETTINGS, device="cpu", into=tmp_path) for _ in range(2)]
    for writer in runs:
        writer.begin()
    assert runs[0].run.name > runs[1].run.name
    assert (tmp_path / LATEST).resolve() == runs[1].run
    for writer in runs:
        writer.close(5)
