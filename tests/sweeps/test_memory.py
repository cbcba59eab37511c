"""The memory that a sweep estimates, and that its processes use."""

import dataclasses
import functools
import re

import pytest

from rugtui.cli import main
from rugtui.errors import UsageError
from rugtui.sweeps import compute as computing
from rugtui.sweeps import estimate as estimates
from rugtui.sweeps.estimate import PROCESS, estimate, needed, on_this_machine, processes
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import units
from rugtui.sweeps.processes import outcomes
from tests.sweeps.stand_ins import PAIR, POPULATION, faulty, meeting, never, weighed

GIB = 1 << 30
LARGE = Grid(n_sparse="16,32768", ratio="0.5", p="0.1", kinds="population,rug,theory", device="cpu")


@pytest.mark.parametrize(
    "told",
    [
        {"ratio": "0.25,0.3"},
        {"ratio": "0.25,0.3", "kinds": "trained"},
        {"ratio": "0.25,0.3", "kinds": "rug", "save_weights": True},
        {"n_sparse": "8192", "ratio": "0.001,0.002"},
    ],
    ids=str,
)
def test_processes_stay_within_the_estimate(told, monkeypatch):
    """On one thread each, as the pool has it: NumPy's and PyTorch's would have buffers a thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("rugtui.sweeps.processes.cores", lambda: 1)
    given = {"n_sparse": "1536", "p": "0.1,0.2,0.3", "kinds": "population", "steps": 2, **told}
    grid = Grid(**given, samples=512, rows=16, device="cpu")
    every = units(grid)
    plan = estimate(every, grid, 1, 16 * GIB)
    found = list(outcomes(every, grid, never, compute=weighed))
    assert all(row.status == "done" for one in found for row in one.rows)
    peaks = {}
    for one in found:
        for pid, held in one.weights.items():
            peaks[pid] = max(int.from_bytes(held), peaks.get(pid, 0))
    assert sum(peaks.values()) <= plan.memory
    assert max(peaks.values()) > PROCESS / 2, "otherwise the estimate means nothing"


@pytest.mark.parametrize("room", [2, 1.5])
def test_units_wait_for_memory(room, tmp_path, monkeypatch):
    monkeypatch.setattr("rugtui.sweeps.processes.cores", lambda: 2)
    need = max(needed(unit, POPULATION) for unit in PAIR)
    limit = 2 * PROCESS + int(room * need)
    compute = functools.partial(meeting, where=tmp_path, patience=60 if room == 2 else 0.3)
    found = list(outcomes(PAIR, POPULATION, never, compute=compute, limit=limit))
    assert [one.weights["met"] for one in found] == [bytes([room == 2])] * 2


def test_a_unit_that_never_fits_fails_and_the_others_are_computed():
    small, large = units(Grid(**{**POPULATION.as_dict(), "n_sparse": "16,4096", "ratio": "0.5"}))
    limit = PROCESS + needed(large, POPULATION) - 1
    two = outcomes([large, small], POPULATION, never, compute=faulty, limit=limit)
    found = {one.rows[0].n_sparse: one for one in two}
    assert found[16].rows[0].error == "stand-in"
    assert re.fullmatch(r"needs about .* GiB of memory.*", found[4096].rows[0].error)


def test_an_unexpected_error_fails_only_its_unit():
    errors = {}
    for one in outcomes(PAIR, POPULATION, never, compute=faulty):
        errors |= {row.n_dense: row.error for row in one.rows}
    assert errors == {4: "LookupError: nobody foresaw this", 8: "stand-in"}


def test_a_worker_checks_the_memory_of_its_own_machine(monkeypatch):
    unit = PAIR[0]
    monkeypatch.setattr(computing, "available_memory", lambda: needed(unit, POPULATION) - 1)
    (row,) = computing.compute(unit, POPULATION).rows
    assert row.status == "failed"
    assert "of memory, and there are" in row.error


def test_an_unexpected_error_in_statistics_fails_only_its_cell(monkeypatch):
    whole = computing.statistics

    def fails_once(weights, p, **known):
        if p == 0.2:
            raise ValueError("f(a) and f(b) must have different signs")
        return whole(weights, p, **known)

    monkeypatch.setattr(computing, "statistics", fails_once)
    grid = Grid(**{**POPULATION.as_dict(), "p": "0.1,0.2", "kinds": "rug", "ratio": "0.5"})
    first, second = computing.compute(units(grid)[0], grid).rows
    assert (first.status, second.status) == ("done", "failed")
    assert second.error == "ValueError: f(a) and f(b) must have different signs"


def test_weights_that_cannot_be_packed_fail_only_their_cell(monkeypatch):
    whole, calls = computing.weights_bytes, []

    def fails_once(weights):
        calls.append(weights)
        if len(calls) == 1:
            raise MemoryError
        return whole(weights)

    monkeypatch.setattr(computing, "weights_bytes", fails_once)
    grid = Grid(**{**POPULATION.as_dict(), "p": "0.1,0.2", "kinds": "rug", "ratio": "0.5"})
    done = computing.compute(units(grid)[0], dataclasses.replace(grid, save_weights=True))
    assert [row.status for row in done.rows] == ["failed", "done"]
    assert len(done.weights) == 1


def test_memory_limits_the_number_of_processes():
    needs = [GIB, 3 * GIB, 100 * GIB]
    assert processes(needs, 4 * GIB, 8) == 3, "the largest that fits, and 320 MiB for each"
    assert processes(needs, 4 * GIB, 8, waits=False) == 1
    assert processes(needs, 16 * GIB, 8, waits=False) == 3, "no more than there are units"
    assert processes([], 0, 8) == 1


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (64 * GIB, []),
        (45 * GIB, []),
        (44 * GIB, ["1 cell does not fit in memory: up to 44.4 GiB are needed"]),
        (12 * GIB, ["2 cells do not fit in memory: up to 44.4 GiB are needed"]),
    ],
)
def test_a_plan_says_what_does_not_fit(limit, said):
    plan = estimate(units(LARGE), LARGE, 1, limit)
    assert len(plan.notes) == len(said)
    for note, words in zip(plan.notes, said, strict=True):
        assert words in note
    assert f"of {limit / GIB:.3g} GiB available" in plan.words
    assert plan.memory <= limit


def test_a_plan_says_which_cells_wait_and_why_there_are_fewer_processes():
    waiting = estimate(units(LARGE), LARGE, 2, 48 * GIB)
    assert waiting.processes == 2
    assert "wait until there is room" in waiting.notes[0]
    fewer = estimate(units(LARGE), LARGE, 2, 48 * GIB, waits=False)
    assert "1 process instead of 2" in fewer.notes[0]
    assert fewer.seconds > estimate(units(LARGE), LARGE, 2, 99 * GIB, waits=False).seconds


def test_a_device_has_its_own_memory_and_one_process(monkeypatch):
    monkeypatch.setattr(estimates, "available_memory", lambda: 2 * GIB)
    large = Grid(n_sparse="16,8192", ratio="0.5", kinds="trained", device="cuda")
    for grid in (Grid(**{**POPULATION.as_dict(), "device": "cuda"}), large):
        plan = on_this_machine(units(grid), grid, 2)
        assert "in 1 process;" in plan.words
        assert "available" not in plan.words
        assert not plan.notes
        assert on_this_machine(units(grid), grid, 2, waits=False).processes == 2, "as asked for"


def test_a_sweep_in_which_nothing_fits_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(estimates, "available_memory", lambda: GIB // 2)
    grid = Grid(n_sparse="4096", ratio="0.25,0.5", kinds="trained", device="cpu")
    with pytest.raises(UsageError, match=r"n_dense 1,024, need about .* and there are 512 MiB"):
        on_this_machine(units(grid), grid, 2)
    asked = ["--n-sparse", "4096", "--kinds", "trained", "--ratio", "0.25"]
    assert main(["sweep", *asked, "--out", str(tmp_path / "sweep")]) == 2
    assert "Nothing of this sweep fits in memory" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_cells_that_do_not_fit_are_announced_before_they_fail(monkeypatch, capsys):
    monkeypatch.setattr(estimates, "available_memory", lambda: GIB)
    asked = ["--n-sparse", "16,8192", "--ratio", "0.5", "--p", "0.1", "--kinds", "trained"]
    assert main(["sweep", *asked, "--dry-run"]) == 0
    assert "1 cell does not fit in memory" in capsys.readouterr().err
