"""Other runs: earlier ones of the session, and those read from disk."""

import time

import numpy as np
import pytest

from rugtui.errors import DamagedError
from rugtui.live.commands import Change, Forget, ListSaved, Load, Open, Preview
from rugtui.live.history import History
from rugtui.live.other_runs import MOST, OtherRuns, other_run, read_run
from rugtui.settings.settings import Settings
from rugtui.storage.history_file import NAME, HistoryFile
from rugtui.storage.run_directory import create_run
from tests.live.test_session import SMALL, running, wait


def test_after_a_change_of_shape_the_earlier_run_is_listed():
    with running() as session:
        wait(session, lambda f: f.step > 200)
        session.send(Change(SMALL.replace(n_dense=8)))
        frame = wait(session, lambda f: f.others and f.run)
        (earlier,) = frame.others
        assert (earlier.letter, earlier.settings, earlier.state) == ("A", SMALL, "paused")
        assert earlier.key != frame.run
        assert earlier.step >= 200
        assert earlier.history.last("step") == earlier.step
        assert type(earlier.history.table) is np.ndarray
        session.send(ListSaved())
        saved = wait(session, lambda f: f.saved is not None).saved
        assert str(saved[-1].path) == earlier.key
        assert saved[-1].optimum == earlier.optimum
        session.send(Preview(earlier.key))
        seen = wait(session, lambda f: f.preview is not None).preview
        assert np.array_equal(seen.history.column("loss"), earlier.history.column("loss"))
        session.send(Forget(earlier.key))
        wait(session, lambda f: not f.others)
        session.send(Load(earlier.key))
        again = wait(session, lambda f: f.others).others[0]
        assert again.name == earlier.name
        assert again.loss == pytest.approx(earlier.loss)
        session.send(Load("/nowhere"))
        frame = wait(session, lambda f: any("not read" in n.text for n in f.notices))
        assert frame.others[0].key == again.key
        session.send(Open(earlier.key, SMALL))  # the other is left, and stays on the list
        opened = wait(session, lambda f: f.phase == "opened")
        assert (opened.step, opened.settings) == (earlier.step, SMALL)
        assert 8 in {run.settings.n_dense for run in opened.others}


def saved_run(folder, results=50):
    run = create_run(Settings(), device="cpu", into=folder)
    HistoryFile(run).bring_up_to(some(results).past())
    return run


def some(results):
    history = History()
    for k in range(1, results + 1):
        history.append(step=k, seconds=k, loss=0.01, heldout=0.02, heldout_standard_error=0.001)
    return history


def test_a_saved_run_is_read_without_its_damaged_lines(tmp_path):
    run = saved_run(tmp_path)
    lines = (run / NAME).read_bytes().splitlines(keepends=True)
    (run / NAME).write_bytes(b"".join([*lines[:9], b"rubbish\n", *lines[10:]]))
    found, notes = read_run(run)
    assert len(found.history) == 49
    assert (found.step, found.loss, found.standard_error) == (50, 0.02, 0.001)
    assert any("line 10" in note for note in notes)
    (run / "run.json").write_text("rubbish")
    with pytest.raises(DamagedError):
        read_run(run)


def test_no_more_runs_are_kept_than_there_are_letters(tmp_path):
    others = OtherRuns()
    made = other_run("", "", "paused", Settings(), 5, some(5))
    for k in range(MOST):
        others._take(type(made)(**{**fields(made), "key": str(k)}), [])
    assert len({run.letter for run in others.runs}) == MOST
    others.carry_out(Load(str(saved_run(tmp_path))))
    deadline = time.monotonic() + 20
    while not (told := others.collect()) and time.monotonic() < deadline:
        time.sleep(0.01)
    others.close()
    assert "remove one" in told[0]
    assert len(others.runs) == MOST


def fields(run):
    return {name: getattr(run, name) for name in type(run).__slots__}
