"""Faults of disks and clocks: the run continues with the same numbers."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import torch

import rugtui
from rugtui.cli import main, train
from rugtui.errors import RunError
from rugtui.live.history import NAMES
from rugtui.live.run_session import RunSession
from rugtui.storage import checkpoint_writer, tensors
from rugtui.storage.checkpoint import newest
from rugtui.storage.files import read_json, write_json
from rugtui.storage.history_file import read_past
from rugtui.storage.kept_steps import kept_path
from rugtui.storage.listing import listed, removable
from rugtui.storage.run_directory import ABOUT, all_runs, checkpoints
from rugtui.training.kernels import pace
from tests.live.test_run_session import advance, same
from tests.processes import running
from tests.storage.places import full_disk, read_only
from tests.storage.some import SETTINGS

TRAIN = ["train", "--n-sparse", "8", "--n-dense", "2", "--batch", "4", "--device", "cpu"]
GIB = 1 << 30


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch):
    monkeypatch.setattr(pace, "PRODUCTS", 1e7)  # a result a step
    monkeypatch.setattr(train, "HELDOUT_SAMPLES", 64)


def saved(session):
    """Save, wait, and return the messages."""
    session.save("training")
    assert session.writer.wait(20)
    return session.news()


def equal_to_uninterrupted(session, tmp_path, results=3):
    """Close it, resume it, train on, and compare it with an uninterrupted run."""
    run = session.writer.run
    assert session.close("paused")
    again = advance(RunSession.resumed(run), results)
    through = RunSession.new(SETTINGS, into=tmp_path / "through")
    while through.trainer.step < again.trainer.step:
        advance(through, 1)
    same(again, through)
    for one in (again, through):
        one.close("paused")


def equal_to_uninterrupted_in_weights(session, tmp_path):
    """Compare its weights with an uninterrupted run's; its history is intact from here on."""
    step = session.trainer.step
    assert session.close("paused")
    checkpoint = newest(session.writer.run)[1]
    through = advance(RunSession.new(SETTINGS, into=tmp_path / "through"), step)
    for name, tensor in through.trainer.state().tensors.items():
        assert torch.equal(tensor, checkpoint.state.tensors[name]), name
    through.close("paused")
    assert read_past(session.writer.run, NAMES)[1] == []


@pytest.mark.parametrize("kind", ["mount", "limit"])
def test_a_disk_that_is_full_for_a_while(kind, tmp_path):
    with full_disk(kind, tmp_path / "disk") as disk:
        session = advance(RunSession.new(SETTINGS, into=disk.folder), 30)
        assert session.kept() == "Nothing of this run is saved yet."
        assert saved(session) == []
        run, before = session.writer.run, session.trainer.step
        disk.fill()
        try:
            ((text, bad),) = saved(advance(session, 300))
            assert bad
            assert os.strerror(errno.ENOSPC if kind == "mount" else errno.EFBIG) in text
            assert session.kept().startswith(f"Step {before:,} is saved in {run};")
            assert saved(advance(session, 1)) == []  # told once
            assert newest(run)[1].step == before
            past, said = read_past(run, NAMES)
            assert past.table.shape[1] >= 30  # lines that did fit may be there
            assert said == []
        finally:
            disk.free()
        ((text, bad),) = saved(advance(session, 1))
        assert text == f"saved again at step {session.trainer.step}"
        assert not list(run.glob(".*"))
        equal_to_uninterrupted(session, tmp_path)


def test_a_run_resumes_from_its_last_save_before_the_disk_was_full(tmp_path):
    with full_disk("limit", tmp_path / "disk") as disk:
        session = advance(RunSession.new(SETTINGS, into=disk.folder), 5)
        saved(session)
        disk.fill()
        try:
            assert not advance(session, 4).close("paused")
        finally:
            disk.free()
        again = RunSession.resumed(session.writer.run)
        assert again.trainer.step == 5
        equal_to_uninterrupted(again, tmp_path)


def test_train_still_prints_its_result_if_the_disk_is_full(tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rugtui.storage.snapshot.write_whole", full)
    assert main([*TRAIN, "--steps", "5", "--json", "--into", str(tmp_path)]) == 1
    out, error = capsys.readouterr()
    assert json.loads(out)["steps"] == 5
    assert "snapshot not written: [Errno 28] No space left" in error


def test_a_directory_that_is_read_only_for_a_while(tmp_path, monkeypatch):
    session = advance(RunSession.new(SETTINGS, into=tmp_path / "runs"), 2)
    saved(session)
    run = session.writer.run
    with read_only(run, monkeypatch):
        ((text, bad),) = saved(advance(session, 2))
        assert bad
        assert str(run) in text
        assert newest(run)[1].step == 2
    assert saved(session) == [("saved again at step 4", False)]
    equal_to_uninterrupted(session, tmp_path)


def test_a_run_in_a_read_only_folder_cannot_be_resumed_but_loaded(tmp_path, monkeypatch, capsys):
    session = advance(RunSession.new(SETTINGS, into=tmp_path / "runs"), 2)
    session.close("paused")
    with read_only(session.writer.run, monkeypatch):
        assert main(["resume", "--no-screen", str(session.writer.run)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert str(session.writer.run / "lock") in line
        assert rugtui.load(session.writer.run).step == 2


def test_the_next_save_restores_a_deleted_directory(tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path / "runs"), 2)
    saved(session)
    shutil.rmtree(session.writer.run)
    assert "written anew" in saved(advance(session, 2))[0][0]
    equal_to_uninterrupted(session, tmp_path)


def test_at_most_one_autosave_interval_is_lost(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(checkpoint_writer.time, "monotonic", lambda: now[0])
    session = RunSession.new(SETTINGS, into=tmp_path, every=10.0)
    when = {0: now[0]}
    for _ in range(100):
        now[0] += 0.7
        advance(session, 1)
        assert session.writer.wait(20)  # threading has a clock of its own
        when[session.trainer.step] = now[0]
        found = newest(session.writer.run)
        assert now[0] - when[found[1].step if found else 0] <= 10 + 0.7
    assert len(checkpoints(session.writer.run)) == 2
    session.close("paused")


def test_a_clock_that_is_set_back_delays_no_save_and_prunes_no_latest_run(tmp_path, monkeypatch):
    first = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    stamp = time.strftime
    begun = time.gmtime(0)
    monkeypatch.setattr(time, "strftime", lambda form, at=begun: stamp(form, at))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    second = advance(RunSession.new(SETTINGS, into=tmp_path, every=0.05), 1)
    deadline = time.monotonic() + 30
    while not checkpoints(second.writer.run):
        advance(second, 1)
        assert time.monotonic() < deadline
    for one in (first, second):
        one.close("paused")
    runs = [listed(run) for run in all_runs(tmp_path)]
    assert runs[0].path == second.writer.run  # by its name the older
    assert [one.path for one in removable(runs, 1)] == [first.writer.run]
    assert len(removable(runs, 0)) == 2


def contents(run):
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "log.txt"]
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("name", [ABOUT, "checkpoint"])
def test_a_run_of_a_newer_version_is_not_changed(name, tmp_path, capsys, monkeypatch):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 1)
    run = session.writer.run
    with monkeypatch.context() as newer:
        newer.setattr(tensors, "FORMAT", tensors.FORMAT + 1)
        session.close("paused")
    if name == ABOUT:
        checkpoints(run)[0].unlink()
        write_json(run / ABOUT, read_json(run / ABOUT) | {"format": tensors.FORMAT + 1})
    before = contents(run)
    assert main(["resume", "--no-screen", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert "update rugtui" in line
    assert before == contents(run)
    assert "newer rugtui" in listed(run).trouble


def test_huge_files_are_refused_quickly_and_by_name(tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 2)
    saved(session)
    advance(session, 2).close("paused")
    run = session.writer.run
    newest_there = checkpoints(run)[0]
    started = time.monotonic()
    for path in [*sorted(run.iterdir()), kept_path(run, 3), run / "lock"]:
        if path.is_dir():
            continue
        content = path.read_bytes() if path.exists() else b""
        path.touch()
        os.truncate(path, GIB)
        again = RunSession.resumed(run)
        assert again.trainer.step == (2 if path == newest_there else 4)
        assert all(path.name in note for note in again.notes[:2])
        assert bool(again.notes) == (path.name == "history.jsonl" or path == newest_there)
        again.writer.close(20)
        listed(run)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("damage", ["zeros", "lines", "a pipe"])
def test_a_run_resumes_with_a_damaged_history(damage, tmp_path):
    session = advance(RunSession.new(SETTINGS, into=tmp_path), 3)
    assert session.close("paused")
    path = session.writer.run / "history.jsonl"
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.unlink()
    match damage:
        case "zeros":
            with path.open("wb") as file:
                file.truncate(GIB)
        case "lines":
            path.write_bytes(first + b"?\n" * 300_000)
        case "a pipe":
            os.mkfifo(path)
    again = RunSession.resumed(session.writer.run)
    notes = again.notes
    assert "history.jsonl" in notes[0]
    assert "results are missing from its history" in notes[-1]
    assert len(again.history.view()) == (damage == "lines")
    equal_to_uninterrupted_in_weights(advance(again, 1), tmp_path)


RACE = """
import os, sys
from pathlib import Path
from rugtui.errors import RunError
from rugtui.storage.lock import Lock
run = Path(sys.argv[1])
start, go = os.pipe()
won = []
for _ in range(8):
    if os.fork() == 0:
        os.close(go)
        os.read(start, 1)  # all at once, when the other end is closed
        try:
            Lock.take(run, screen=False)
        except RunError:
            os._exit(3)
        os.write(1, b"won\\n")
        os.read(0, 1)  # held until everybody has tried
        os._exit(0)
os.close(go)
left = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(7)]
print(left, flush=True)
"""


def test_of_several_processes_one_gets_the_lock(tmp_path):
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        lines = [process.stdout.readline() for _ in range(2)]  # whoever is quicker to say so
        assert sorted(lines) == [b"[3, 3, 3, 3, 3, 3, 3]\n", b"won\n"]
        with pytest.raises(RunError, match="in use"):
            RunSession.resumed(tmp_path)


def test_runs_in_the_state_folder_are_private_whatever_the_umask(private_state):
    before = os.umask(0)
    try:
        assert main([*TRAIN, "--steps", "3", "--quiet"]) == 0
    finally:
        os.umask(before)
    for path in (private_state / "rugtui", *(private_state / "rugtui").rglob("*")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
