"""`rugtui train`: the run without a screen."""

import json
import os
import signal
import subprocess
import sys

import pytest
from safetensors.numpy import load_file

from tests.terminal import Terminal, private_home

TRAIN = [sys.executable, "-m", "rugtui", "train", "--device", "cpu"]
SMALL = ["--n-sparse", "64", "--n-dense", "16", "--batch", "64", "--steps", "500"]
KEYS = (
    "n_sparse n_dense p method steps seconds steps_per_second "
    "loss loss_standard_error theory_loss run"
)


def run(tmp_path, *options):
    return subprocess.run(
        [*TRAIN, *options],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | private_home(tmp_path),
    )


def test_stdout_is_one_object_with_the_promised_keys(tmp_path):
    done = run(tmp_path, *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(KEYS.split()) <= set(result)
    assert result["steps"] == 500
    assert result["run"].startswith(str(tmp_path))
    assert 0 < result["loss_standard_error"] < 0.05 * result["loss"]


def test_it_comes_within_a_tenth_of_the_symmetric_optimum_or_below(tmp_path):
    """The default model, 2,000 steps. L* is no floor: a run may be below it by then."""
    done = run(tmp_path, "--steps", "2000", "--json", "--quiet")
    result = json.loads(done.stdout)
    assert result["theory_loss"] == pytest.approx(0.00578942774445478, rel=1e-9)
    assert result["loss"] < 0.01203125
    assert result["loss"] < 1.1 * result["theory_loss"]
    assert done.stderr == ""


def test_where_theory_is_not_of_the_recipe_that_is_said(tmp_path):
    done = run(tmp_path, *SMALL, "--steps", "100", "--activation", "tanh")
    assert done.returncode == 0
    first, *_ = done.stderr.splitlines()
    assert first.startswith("rugtui: Gaussian(W), exact(W) and L* assume a ReLU, not tanh,")


def test_the_same_seed_gives_the_same_bits(tmp_path):
    runs = [json.loads(run(tmp_path, *SMALL, "--json").stdout) for _ in range(2)]
    assert runs[0]["run"] != runs[1]["run"]
    assert runs[0]["loss"] == runs[1]["loss"]
    files = [
        next((tmp_path / "state").glob(f"**/{one['run'].split('/')[-1]}/**/weights.safetensors"))
        for one in runs
    ]
    first, second = (load_file(file) for file in files)
    assert all((first[name] == second[name]).all() for name in ("W_in", "W_out", "b"))


def test_progress_is_a_bar_on_a_terminal(tmp_path):
    with Terminal(
        [*TRAIN, *SMALL, "--steps", "3000"], 80, 24, **private_home(tmp_path)
    ) as terminal:
        terminal.wait_for("step 3,000")
        assert terminal.wait_for_exit() == 0


def test_an_interrupt_saves_what_there_is_and_exits_130(tmp_path):
    command = [*TRAIN, *SMALL, "--steps", "0", "--json"]
    with Terminal(command, 100, 24, **private_home(tmp_path)) as terminal:
        terminal.wait_for("step 1")
        os.kill(terminal.pid, signal.SIGINT)
        assert terminal.wait_for_exit() == 130
    (weights,) = (tmp_path / "state").glob("**/weights.safetensors")
    assert load_file(weights)["W_in"].shape == (16, 64)
