"""The lock: one process at a time holds a run, and a dead one does not."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from rugtui.errors import RunError
from rugtui.storage import lock
from rugtui.storage.lock import Holder, Lock, holder
from tests.processes import running
from tests.storage.some import damage

HOLD = """
import sys
from pathlib import Path
from rugtui.storage.lock import Lock
lock = Lock.take(Path(sys.argv[1]), screen=False)
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process


def test_another_process_is_refused_and_named(tmp_path, other):
    with pytest.raises(RunError, match=f"in use by process {other.pid}"):
        Lock.take(tmp_path, screen=False)
    live, known = holder(tmp_path)
    assert live
    assert (known.pid, known.screen, known.alive) == (other.pid, False, True)


def test_a_killed_process_leaves_a_stale_lock_that_can_be_taken(tmp_path, other):
    os.kill(other.pid, signal.SIGKILL)
    other.wait(60)
    live, known = holder(tmp_path)
    assert not live
    assert known.pid == other.pid
    Lock.take(tmp_path, screen=True).release()
    assert holder(tmp_path) == (False, None)


def test_a_released_lock_leaves_nothing(tmp_path, other):
    other.stdin.close()
    other.wait(60)
    assert list(tmp_path.iterdir()) == []


def test_a_reused_process_id_is_another_process():
    mine = Holder.here(screen=False)
    assert mine.alive
    assert not dataclasses.replace(mine, started=mine.started - 1).alive
    assert not dataclasses.replace(mine, boot="another boot").alive


def test_a_process_with_a_reused_id_is_not_signalled():
    mine = dataclasses.replace(Holder.here(screen=False), started=1)
    mine.ask_to_exit()  # a signal would end this very test


def test_a_lock_of_another_machine_is_respected(tmp_path):
    foreign = dataclasses.replace(Holder.here(False), host="elsewhere", boot="another")
    (tmp_path / lock.NAME).write_text(json.dumps(dataclasses.asdict(foreign)))
    assert holder(tmp_path) == (True, foreign)
    with pytest.raises(RunError, match="on elsewhere; if that is gone, remove"):
        Lock.take(tmp_path, screen=False)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"{}", b"[1]", b"[" * 4096, b'{"pid": "1"}', b"\xff\xfe"]
)
def test_an_unreadable_lock_that_nobody_holds_is_stale(tmp_path, content):
    (tmp_path / lock.NAME).write_bytes(content)
    assert holder(tmp_path) == (False, None)
    Lock.take(tmp_path, screen=False).release()


def test_a_damaged_stale_lock_stays_stale(tmp_path):
    path, mine = tmp_path / lock.NAME, dataclasses.replace(Holder.here(False), started=1)
    content, rng = json.dumps(dataclasses.asdict(mine)).encode(), np.random.default_rng(4)
    foreign = 0
    for _ in range(1000):
        path.write_bytes(damage(content, rng))
        live, known = holder(tmp_path)
        assert known is None or not known.alive
        foreign += live  # another name and another boot, which nobody here can judge
    assert foreign < 10
    path.write_bytes(content[:-1])
    Lock.take(tmp_path, screen=False).release()


def test_without_locks_of_the_file_system_the_process_id_decides(tmp_path, monkeypatch, other):
    def none(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", none)
    assert holder(tmp_path)[0]
    with pytest.raises(RunError, match="in use"):
        Lock.take(tmp_path, screen=False)
    os.kill(other.pid, signal.SIGKILL)
    other.wait(60)
    Lock.take(tmp_path, screen=False).release()


def test_a_deleted_lock_file_is_noticed(tmp_path):
    held = Lock.take(tmp_path, screen=False)
    assert held.there
    (tmp_path / lock.NAME).unlink()
    assert not held.there
    held.release()


def test_the_lock_says_whether_a_dashboard_shows_the_run(tmp_path):
    held = Lock.take(tmp_path, screen=True)
    assert holder(tmp_path)[1].screen
    held.tell(screen=False)
    assert not holder(tmp_path)[1].screen
    held.release()
