"""A sweep in a process of its own, followed through its folder."""

import contextlib
import dataclasses

import pytest

from rugtui.errors import DamagedError, RunError, UsageError
from rugtui.storage.lock import holder
from rugtui.sweeps import watch as process
from rugtui.sweeps.folder import SweepFolder, run
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.watch import Watch
from tests.processes import until
from tests.sweeps import in_process

TINY = Grid(n_sparse="16", ratio="0.25,0.5", p="0.1,0.3", samples=64, steps=20, device="cpu")


@contextlib.contextmanager
def started(folder):
    """Its process, for as long as the block lasts."""
    child = process.start(folder)
    try:
        yield child
    finally:
        child.kill()
        child.wait(60)


def test_new_rows_are_seen_once_each(tmp_path):
    folder = SweepFolder.begin(tmp_path / "sweep", TINY)
    watch = Watch(folder.path)
    first = watch.poll()
    assert (first.doing, first.rows, first.axes.cells) == ("computing", (), 16)
    seen = []
    for progress in run(folder, in_process.outcomes):
        found = watch.poll()
        seen.append(len(found.rows))
        assert seen[-1] == progress.done
        assert watch.poll() is None
    folder.close()
    assert seen == sorted(set(seen))
    last = watch.poll()
    assert (last.doing, len(last.rows), last.failed) == ("done", 16, 0)
    assert {row.key for row in last.rows} == {row.key for row in folder.rows}


def test_a_process_is_started_watched_stopped_and_started_again(tmp_path):
    path = tmp_path / "sweep"
    long = dataclasses.replace(TINY, patience=0, steps=10**7, kinds="trained,theory")
    process.prepare(path, long)
    assert Watch(path).poll().doing == "stopped"
    with started(path) as child:
        watch = Watch(path, child)
        assert watch.poll().doing in ("starting", "computing")
        until(lambda: (found := watch.poll()) and found.rows)
        with pytest.raises(RunError, match=f"process {child.pid}"):
            process.start(path)
        other = Watch(path).poll()
        assert (other.doing, other.who) == ("computing", f"process {child.pid}")
        process.stop(path)
        child.wait(60)
    assert not holder(path)[0]
    found = watch.poll()
    assert (found.doing, {row.kind for row in found.rows}) == ("stopped", {"theory"})
    process.stop(path)  # nobody is there: nothing happens


def test_the_last_line_of_a_failed_process_is_reported(tmp_path):
    path = tmp_path / "sweep"
    process.prepare(path, TINY)
    (path / "rows.jsonl").mkdir()
    with started(path) as child:
        assert child.wait(60) == 2
        assert process.last_words(path)
    assert process.last_words(tmp_path) == ""


def test_folders_of_other_sweeps_and_damaged_ones_are_refused(tmp_path):
    process.prepare(tmp_path / "sweep", TINY)
    with pytest.raises(UsageError, match="holds another sweep"):
        process.prepare(tmp_path / "sweep", Grid())
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    with pytest.raises(DamagedError):
        Watch(tmp_path / "sweep")
    with pytest.raises(FileNotFoundError):
        Watch(tmp_path / "none")


def test_known_sweeps_are_those_in_the_working_directory_and_the_default_folder(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    made = process.new_folder(Grid(n_sparse="16,32:64:2"))
    for folder in (made, tmp_path / "mine"):
        process.prepare(folder, TINY)
    (tmp_path / "else").mkdir()
    assert set(process.known_sweeps()) == {made, tmp_path / "mine"}
