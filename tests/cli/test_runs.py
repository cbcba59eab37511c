"""`rugtui runs`: the list with its states, and what --prune removes."""

import json
import os

import pytest

from rugtui.cli import main
from rugtui.cli.runs import printable, size_text
from rugtui.live.run_session import RunSession
from rugtui.storage.listing import listed
from rugtui.storage.lock import Lock
from rugtui.storage.run_directory import SNAPSHOT, SNAPSHOTS, all_runs, checkpoints
from tests.storage.some import SETTINGS
from tests.test_imports import loaded_by


def a_run(steps=0, phase="paused"):
    """A run that was closed in this phase, or (None) is still held."""
    session = RunSession.new(SETTINGS.replace(steps=steps))
    session.advance(bool)
    if phase is None:
        session.save("training")
        session.writer.wait(10)
    else:
        session.close(phase)
    return session


def a_snapshot(run):
    folder = run / SNAPSHOTS / "00000001-trained"
    folder.mkdir(parents=True)
    (folder / SNAPSHOT).write_text("{}")
    return folder


def listing(capsys, *options):
    assert main(["runs", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)["removed" if "--prune" in options else "runs"]


def test_states_steps_and_sizes(capsys):
    a_run(100, "done"), a_run(), a_run(phase="failed")
    crashed = a_run(phase=None)
    crashed.writer._lock._path.unlink()  # no farewell, nobody there
    live = a_run(phase=None)
    found = listing(capsys)
    states = [one["state"] for one in found]
    assert states == ["finished", "paused", "failed", "crashed", "live"]
    assert [one["pid"] for one in found] == [None] * 4 + [os.getpid()]
    assert found[0]["step"] == 100
    assert found[0]["settings"]["steps"] == 100
    on_disk = sum(path.stat().st_size for path in live.writer.run.rglob("*"))
    assert found[-1]["bytes"] == on_disk
    assert main(["runs"]) == 0
    out, error = capsys.readouterr()
    assert "finished  100 of 100" in out
    assert "no dashboard" in out
    assert "5 runs" in error
    live.close("paused")


def test_damaged_runs_are_listed_with_the_file(capsys):
    session = a_run()
    for path in checkpoints(session.writer.run):
        path.write_bytes(b"x" * 100)
    (one,) = listing(capsys)
    assert one["step"] == 0
    assert "checkpoint-" in one["trouble"]
    (session.writer.run / "run.json").write_text("{}")
    (one,) = listing(capsys)
    assert one["state"] == "damaged"
    assert "run.json" in one["trouble"]


def test_pruning_keeps_the_newest_the_live_and_those_with_snapshots(capsys):
    courses = [a_run() for _ in range(4)]
    live = a_run(phase=None)
    a_run()
    a_snapshot(courses[1].writer.run)
    (courses[2].writer.run / SNAPSHOTS / "00000001-trained").mkdir(parents=True)  # half-written
    removed = listing(capsys, "--prune", "--keep", "1", "--yes")
    gone = [courses[k].writer.run.name for k in (0, 2, 3)]
    assert [one["name"] for one in removed] == gone
    assert len(all_runs()) == 3
    live.close("paused")


def test_pruning_removes_snapshots_only_if_asked_to(capsys, monkeypatch):
    old, kept = a_run().writer.run, a_run().writer.run
    snapshot = a_snapshot(old)
    assert main(["runs", "--prune", "--keep", "1", "--yes"]) == 0
    assert "not removed: 1 run with snapshots" in capsys.readouterr().err
    with monkeypatch.context() as late:  # it was made after the list was
        late.setattr("rugtui.storage.listing.removable", lambda *_, **__: [listed(old)])
        assert listing(capsys, "--prune", "--yes") == []
    assert snapshot.is_dir()
    (gone,) = listing(capsys, "--prune", "--keep", "1", "--yes", "--snapshots")
    assert gone["name"] == old.name
    assert all_runs() == [kept]


def test_pruning_without_a_terminal_needs_yes(capsys):
    run = a_run().writer.run
    assert main(["runs", "--prune", "--keep", "0"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert run.is_dir()
    assert listing(capsys, "--prune") == []


def test_pruning_follows_no_links(capsys, tmp_path):
    run = a_run().writer.run
    precious = tmp_path / "precious"
    precious.write_text("x")
    (run / "link").symlink_to(tmp_path)
    listing(capsys, "--prune", "--keep", "0", "--yes")
    assert not run.exists()
    assert precious.read_text() == "x"


def test_a_run_that_is_in_use_by_now_stays(capsys, monkeypatch):
    run = a_run().writer.run
    held = Lock.take(run, screen=False)
    monkeypatch.setattr("rugtui.storage.listing.holder", lambda _: (False, None))
    assert main(["runs", "--prune", "--keep", "0", "--yes"]) == 0
    assert "in use" in capsys.readouterr().err
    assert run.is_dir()
    held.release()


def test_control_characters_in_names_are_escaped(capsys):
    run = a_run().writer.run
    run.rename(run.parent / "a\x1b[2Jb\nc")
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert r"a\x1b[2Jb\nc" in out
    assert "\x1b" not in out
    assert printable("é 名") == "é 名"


def test_no_runs_yet(capsys):
    assert main(["runs"]) == 0
    assert "no runs yet" in capsys.readouterr().err
    assert listing(capsys) == []


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5 GiB")]
)
def test_sizes(size, text):
    assert size_text(size) == text


def test_listing_runs_imports_no_torch():
    assert not loaded_by("from rugtui.cli import main; main(['runs'])") & {"torch", "textual"}
