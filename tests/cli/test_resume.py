"""`rugtui resume`: a killed or stopped run continues as if it had never stopped."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from rugtui.cli import main
from rugtui.live.history import NAMES
from rugtui.storage.checkpoint import newest
from rugtui.storage.history_file import read_past
from rugtui.storage.lock import Holder, Lock, holder
from rugtui.storage.run_directory import checkpoints, find_run
from tests.cli.test_train import KEYS
from tests.processes import running, until

SMALL = ["--n-sparse", "16", "--n-dense", "4", "--batch", "16", "--device", "cpu"]
TRAIN = [sys.executable, "-m", "rugtui", "train", *SMALL, "--quiet", "--steps", "0"]


def answer(capsys, *arguments):
    """The JSON that a command prints, in this process."""
    assert main([*arguments, "--quiet", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@contextlib.contextmanager
def started(*options):
    """A process that trains, with at least one checkpoint."""
    with running([*TRAIN, "--autosave", "0.05", *options]) as process:
        until(lambda: saved() or process.poll() is not None)
        assert process.poll() is None
        yield process


def saved():
    """The checkpoints of the only run, if there is one."""
    try:
        return checkpoints(find_run(None))
    except Exception:  # noqa: BLE001 - not there yet
        return []


def same_run(first, second):
    one, two = (newest(run)[1] for run in (first, second))
    assert one.step == two.step
    for name, tensor in one.state.tensors.items():
        assert (tensor == two.state.tensors[name]).all(), name
    # The mean loss of the interval in which the target was changed is over the rest of it.
    steps = [read_past(run, NAMES)[0].table[0] for run in (first, second)]
    np.testing.assert_array_equal(*steps)


def test_a_killed_and_taken_over_run_has_the_bits_of_an_uninterrupted_one(
    capsys, tmp_path, private_state
):
    with started():
        pass  # killed
    run = find_run(None)
    assert holder(run) == (False, holder(run)[1])
    killed_at = newest(run)[1].step

    # It goes on without a screen, and another process takes it over.
    command = [*TRAIN[:3], "resume", "--no-screen", "--json", "--quiet"]
    command += ["--autosave", "0.05"]
    with running(command, stdout=subprocess.PIPE) as process:
        until(lambda: holder(run)[0] and newest(run)[1].step > killed_at)
        steps = newest(run)[1].step + 3000
        resumed = answer(capsys, "resume", "--no-screen", run.name, "--steps", str(steps))
        handed_over, _ = process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM
    assert json.loads(handed_over)["saved_step"] == json.loads(handed_over)["steps"] > killed_at
    assert set(KEYS.split()) <= set(resumed)
    assert resumed["steps"] == steps
    assert resumed["run"] == str(run)

    through = answer(capsys, "train", *SMALL, "--steps", str(steps), "--into", str(tmp_path))
    same_run(run, find_run(through["run"]))
    assert through["loss"] == resumed["loss"]
    assert holder(run) == (False, None)


def test_a_finished_run_prints_its_result_again_and_continues_with_more_steps(capsys):
    first = answer(capsys, "train", *SMALL, "--steps", "500")
    again = answer(capsys, "resume", "--no-screen")
    assert {key: again[key] for key in ("loss", "steps", "run")} == {
        key: first[key] for key in ("loss", "steps", "run")
    }
    assert answer(capsys, "resume", "--no-screen", "--steps", "700")["steps"] == 700


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resume"], "there is no run in"),
        (["resume", "../../etc"], "there is no run '../../etc'"),
        (["resume", "a\nb"], r"there is no run 'a\nb'"),
        (["resume", ""], "there is no run ''"),
        (["resume", "--n-sparse", "3"], "no such option"),
        (["resume", "x" * 300], "the name is too long (300 characters): 'xxx"),
        (["export", "--format", "json", "x" * 5000], "the name is too long (5,"),
        (["predict", "x" * 300 + ".npz"], "the name is too long (304 characters): 'xxx"),
    ],
)
def test_missing_runs_and_files_are_named_in_a_message(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_run_with_damaged_checkpoints_is_refused(capsys):
    answer(capsys, "train", *SMALL, "--steps", "200")
    for path in saved():
        path.write_bytes(path.read_bytes()[:100])
    for command in (["resume", "--no-screen"], ["export", "--format", "json"]):
        assert main(command) == 2, "as weights from elsewhere that cannot be read"
        error = capsys.readouterr().err
        assert "checkpoint-00000200.safetensors" in error
        assert len(error.splitlines()) == 1


def test_a_run_in_a_dashboard_is_not_taken_over(capsys):
    run = find_run(answer(capsys, "train", *SMALL, "--steps", "100")["run"])
    lock = Lock.take(run, screen=True)
    assert main(["resume", "--no-screen", run.name]) == 2
    assert (
        f"quit there first, or watch it with `rugtui watch {run.name}`" in capsys.readouterr().err
    )
    lock.release()


def test_without_a_terminal_no_process_is_asked_to_exit(capsys, monkeypatch):
    run = find_run(answer(capsys, "train", *SMALL, "--steps", "100")["run"])
    asked = []
    monkeypatch.setattr(Holder, "ask_to_exit", asked.append)
    lock = Lock.take(run, screen=False)
    assert main(["resume", run.name]) == 2
    assert "needs a terminal" in capsys.readouterr().err
    assert not asked
    lock.release()


def test_an_unwritable_runs_folder_is_reported_and_training_continues(capsys, private_state):
    (private_state / "rugtui").write_text("a file in the way")
    assert main(["train", *SMALL, "--steps", "200", "--json"]) == 1
    out, error = capsys.readouterr()
    assert json.loads(out)["run"] is None
    assert json.loads(out)["saved_step"] is None
    assert "this run is not saved" in error


def test_names_with_spaces_dots_and_newlines(capsys, tmp_path):
    strange = tmp_path / "two words\n.. dot." / "-x"
    first = answer(capsys, "train", *SMALL, "--steps", "200", "--into", str(strange))
    run = find_run(first["run"])
    moved = run.rename(run.parent / "..a b\nc")
    assert answer(capsys, "resume", "--no-screen", str(moved))["run"] == str(moved)
    assert os.listdir(tmp_path) == ["two words\n.. dot."]
