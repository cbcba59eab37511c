from pathlib import Path

import pytest

from rugtui.errors import WeightsError
from rugtui.models import memory


def test_something_is_available():
    assert 2**24 < memory.available_memory() < 2**50


def kernel(monkeypatch, files):
    monkeypatch.setattr(memory, "_read", lambda path: files.get(str(path), ""))


def test_the_limit_of_a_job_counts(monkeypatch):
    files = {
        "/proc/meminfo": "MemTotal: 64000 kB\nMemAvailable:    32000 kB\n",
        "/proc/self/cgroup": "0::/job/step\n",
        "/sys/fs/cgroup/job/step/memory.max": "max\n",
        "/sys/fs/cgroup/job/step/memory.current": "1000\n",
        "/sys/fs/cgroup/job/memory.max": "5000000\n",
        "/sys/fs/cgroup/job/memory.current": "2000000\n",
        "/sys/fs/cgroup/job/memory.stat": "anon 7\ninactive_file 500000\n",
    }
    kernel(monkeypatch, files)
    assert memory.available_memory() == 3_500_000
    kernel(monkeypatch, files | {"/sys/fs/cgroup/job/memory.max": "max"})
    assert memory.available_memory() == 32_000 * 1024


def test_without_linux_there_is_still_an_answer(monkeypatch):
    kernel(monkeypatch, {})
    assert memory.available_memory() > 2**24


def test_what_does_not_fit_is_said_with_both_sizes(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    memory.require_memory(2**30, "It")
    with pytest.raises(WeightsError, match=r"It needs 3 GiB of memory, but 1 GiB are available"):
        memory.require_memory(3 * 2**30, "It")


def test_no_file_reads_as_nothing():
    assert memory._read(Path("/no/such/file")) == ""


def test_sizes_are_read_at_a_glance():
    assert memory.gib(3 << 29) == "1.5 GiB"
    assert memory.gib(3_030 << 30) == "3,030 GiB"
