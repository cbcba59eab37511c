"""What a job or a container grants, according to files of the kernel."""

import os
import subprocess
import sys

import psutil
import pytest

from rugtui.runtime.machine import available_memory, cores, used_memory

MANY = 1 << 20
UNLIMITED = 9223372036854771712
"""What version 1 of control groups says if there is no limit."""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes files as the kernel would, on a machine with many cores and much memory."""

    def laid_out(own, **files):
        for name, text in {"proc/self/cgroup": own, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return laid_out


V1 = "4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "granted"),
    [
        ("0::/job/step", {"job/cpu.max": "150000 100000"}, 1),
        ("0::/job/step", {"job/cpu.max": "800000 100000", "job/step/cpu.max": "max 100000"}, 8),
        ("0::/job/step", {"job/cpu.max": "50000 100000"}, 1),
        ("0::/", {"cpu.max": "200000 100000"}, 2),  # a container's own root
        ("0::/../..", {"cpu.max": "200000 100000"}, 2),
        (V1, {"cpu,cpuacct/docker/ab/cpu.cfs_quota_us": "300000",
              "cpu,cpuacct/docker/ab/cpu.cfs_period_us": "100000"}, 3),
        (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("0::/x\n1:cpu:/y", {"unified/x/cpu.max": "400000 100000"}, 4),
        ("", {}, 64),
        ("nonsense", {"cpu.max": "nonsense"}, 64),
    ],
)  # fmt: skip
def test_a_cpu_quota_limits_the_cores(machine, own, files, granted):
    root = machine(own, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert cores(root) == granted


@pytest.mark.parametrize(
    ("own", "files", "left"),
    [
        ("0::/job/step", {"job/memory.max": "5000000", "job/memory.current": "2000000",
                          "job/memory.stat": "anon 7\ninactive_file 500000",
                          "job/step/memory.max": "max", "job/step/memory.current": "9"}, 3_500_000),
        ("0::/", {"memory.max": "max", "memory.high": "400", "memory.current": "100"}, 300),
        ("0::/", {"memory.max": "100", "memory.current": "300"}, 0),
        (V1, {"memory/docker/ab/memory.limit_in_bytes": "6000000",
              "memory/docker/ab/memory.usage_in_bytes": "4000000",
              "memory/docker/ab/memory.stat": "inactive_file 5\ntotal_inactive_file 1000000"},
         3_000_000),
        (V1, {"memory/memory.limit_in_bytes": "70", "memory/memory.usage_in_bytes": "40"}, 30),
        (V1, {"memory/memory.limit_in_bytes": str(UNLIMITED),
              "memory/memory.usage_in_bytes": "4000"}, None),
        ("", {}, None),
    ],
)  # fmt: skip
def test_a_memory_limit_of_a_control_group_applies(machine, own, files, left):
    root = machine(own, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    if left is None:
        assert available_memory(root) == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    else:
        assert available_memory(root) == left


def test_a_ulimit_limits_the_memory():
    told = "from rugtui.runtime.machine import *; print(available_memory(), used_memory())"
    command = f"ulimit -v 600000; exec {sys.executable} -c '{told}'"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, text=True)
    left, used = map(int, done.stdout.split())
    assert 0 < used < 600_000 * 1024 - left
    assert left < 600_000 * 1024
    assert used_memory() > MANY
