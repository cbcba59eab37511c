"""`rugtui train`: training without the dashboard."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from rugtui.cli import main
from tests.terminal import Terminal, private_home

SMALL = ["--n-sparse", "64", "--n-dense", "16", "--batch", "64", "--steps", "500"]
SMALL += ["--device", "cpu"]
KEYS = (
    "n_sparse n_dense p method steps seconds steps_per_second "
    "loss loss_standard_error theory_loss run"
)


@pytest.fixture
def train(capsys):
    """Trains in this process; returns the JSON on standard output, and standard error."""

    def run(*options):
        assert main(["train", *options, "--json"]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err

    return run


def test_the_same_seed_gives_the_same_bits_with_the_promised_keys(train, private_state):
    runs = [train(*SMALL)[0] for _ in range(2)]
    for one in runs:
        assert set(KEYS.split()) <= set(one)
        assert one["steps"] == 500
        assert one["run"].startswith(str(private_state))
        assert 0 < one["loss_standard_error"] < 0.05 * one["loss"]
    assert runs[0]["run"] != runs[1]["run"]
    assert runs[0]["loss"] == runs[1]["loss"]
    files = [next(Path(one["run"]).glob("**/weights.safetensors")) for one in runs]
    first, second = (load_file(file) for file in files)
    assert all((first[name] == second[name]).all() for name in ("W_in", "W_out", "b"))


def test_it_comes_within_a_tenth_of_the_symmetric_optimum_or_below(train):
    """The default model, 2,000 steps. L* is not a lower bound: a run may be below it by then."""
    result, err = train("--steps", "2000", "--device", "cpu", "--quiet")
    assert result["theory_loss"] == pytest.approx(0.00578942774445478, rel=1e-9)
    assert result["loss"] < 0.01203125
    assert result["loss"] < 1.1 * result["theory_loss"]
    assert err == ""


def test_another_activation_is_in_the_name_and_a_note_says_what_theory_assumes(train):
    result, err = train(*SMALL, "--steps", "100", "--activation", "tanh")
    assert result["run"].endswith("-64x16-p0.05-sgd-tanh")
    first, *_ = err.splitlines()
    assert first.startswith("rugtui: Gaussian(W), exact(W) and L* assume a ReLU, not tanh,")


TRAIN = [sys.executable, "-m", "rugtui", "train"]


def test_a_bar_on_a_terminal_and_an_interrupt_that_saves_and_exits_130(tmp_path):
    command = [*TRAIN, *SMALL, "--steps", "1000000", "--json"]
    with Terminal(command, 100, 24, **private_home(tmp_path)) as terminal:
        terminal.wait_for("step 1")
        terminal.wait_for("━")
        os.kill(terminal.pid, signal.SIGINT)
        assert terminal.wait_for_exit() == 130
    (weights,) = (tmp_path / "state").glob("**/weights.safetensors")
    assert load_file(weights)["W_in"].shape == (16, 64)
