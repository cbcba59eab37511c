"""The pool of processes: identical bits, deaths of processes, signals, and cancellation."""

import functools
import multiprocessing
import sys
import time
from pathlib import Path

import pytest

from rugtui.errors import RugtuiError, SettingError
from rugtui.sweeps import processes
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.processes import outcomes
from tests.processes import running, until
from tests.sweeps import in_process
from tests.sweeps.stand_ins import (
    FATAL,
    FORMULA_AND_UNITS,
    GRID,
    UNITS,
    dying,
    never,
    sleeping,
    sound,
    wrong,
)


def facts(outcome):
    return [{**row.as_dict(), "seconds": None} for row in outcome.rows]


def lives(pid):
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_processes_compute_the_same_bits_as_this_one_even_without_shared_memory(monkeypatch):
    def no_lock(*_):  # what a semaphore does where /dev/shm is missing
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("_multiprocessing.SemLock", no_lock)
    there = sorted(map(facts, outcomes(UNITS, GRID, never)), key=str)
    assert there == sorted(map(facts, in_process.outcomes(UNITS, GRID, never)), key=str)
    assert all(row["status"] == "done" for rows in there for row in rows)


@pytest.mark.parametrize("deaths", [1, 100])
def test_a_unit_whose_process_died_is_tried_again_or_fails(tmp_path, deaths):
    compute = functools.partial(dying, deaths=deaths, where=tmp_path)
    found = list(outcomes(UNITS, GRID, never, compute=compute))
    assert sorted(row.key for one in found for row in one.rows) == sorted(
        key for unit in UNITS for key in unit.keys
    )
    killed = [one for one in found if "processes died of it" in str(one.rows[0].error)]
    assert all("was killed (out of memory?)" in str(one.rows[0].error) for one in killed)
    assert [[row.key for row in one.rows] for one in killed] == [FATAL.keys] * (deaths > 1)
    assert all(one.weights["deaf"] == b"\1" for one in found if one not in killed)
    # twice alone; the first time beside others, unless those were done before it was seen
    assert len(list(tmp_path.iterdir())) in ([1] if deaths == 1 else [2, 3])


def test_cancelling_ends_the_processes_at_once(tmp_path):
    begun = time.monotonic()
    compute = functools.partial(sleeping, where=tmp_path)
    assert not list(outcomes(UNITS, GRID, lambda: any(tmp_path.iterdir()), compute=compute))
    assert time.monotonic() - begun < 60
    assert not any(lives(path.name) for path in tmp_path.iterdir())


def test_processes_end_with_their_parent(tmp_path):
    told = f"from tests.sweeps.stand_ins import sleep_in_pool; sleep_in_pool({str(tmp_path)!r})"
    with running([sys.executable, "-c", told]) as program:
        until(lambda: any(tmp_path.iterdir()))
        program.kill()
        until(lambda: not any(lives(path.name) for path in tmp_path.iterdir()))


def test_a_missing_device_is_reported_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 1)
    grid = Grid(**{**GRID.as_dict(), "device": "cuda:99"})
    with pytest.raises(SettingError, match="device must be auto, cpu"):
        next(outcomes(UNITS, grid, never))


def test_a_process_killed_before_its_first_unit_costs_none_and_errors_keep_their_traceback():
    going = outcomes(FORMULA_AND_UNITS, GRID, never, compute=wrong)
    found = [next(going)]
    for process in multiprocessing.active_children():
        process.kill()
    found += going
    assert len(found) == len(FORMULA_AND_UNITS)
    rows = [row for one in found[1:] for row in one.rows]
    assert {row.error for row in rows} == {"ZeroDivisionError: division by zero"}
    assert all("in wrong\n    raise ZeroDivisionError" in row.traceback for row in rows)


def test_processes_that_never_start_are_reported_in_one_sentence(monkeypatch):
    monkeypatch.setattr(processes, "_serve", str)  # called with what it does not take
    monkeypatch.setattr(processes, "STARTS", 1)
    monkeypatch.setattr(processes, "cores", lambda: 1)
    with pytest.raises(
        RugtuiError, match=r"gets as far as computing: the last ended with 1\. Free some memory"
    ):
        list(outcomes(UNITS, GRID, never, compute=sound))
