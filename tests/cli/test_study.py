"""`rugtui study plateau`: a table, a plot, JSON and CSV; interrupted and continued."""

import csv
import io
import json
import os
import signal
import sys

import pytest

from rugtui.cli import main
from tests.terminal import Terminal, private_home

TINY = ["--n-sparse", "8,16", "--steps", "400", "--batch", "32", "--device", "cpu"]


def test_a_study_is_trained_once_and_printed_as_plot_json_and_csv(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")

    def study(*options):
        assert main(["study", "plateau", *TINY, "--out", str(tmp_path), *options]) == 0
        return capsys.readouterr()

    plot = study("--ascii")
    assert "exact loss / L* against step" in plot.out
    assert "n 16" in plot.out
    assert plot.out.replace("·", "").isascii()
    assert "n_sparse 16  step 400" in plot.err
    assert study("--ascii").out == plot.out
    told = json.loads(study("--json", "--quiet").out)
    assert told["complete"] is True
    assert sorted(map(str, tmp_path.glob("2*"))) == sorted(told["runs"])
    assert len(told["runs"]) == 2
    assert {one["n_sparse"] for one in told["looks"]} == {8, 16}
    last = told["looks"][-1]
    assert (last["n_dense"], last["step"]) == (4, 400)
    assert last["loss_over_theory"] == last["loss"] / last["theory_loss"]
    assert {"skew", "interferers", "standard_error"} <= set(last)
    rows = list(csv.DictReader(io.StringIO(study("--csv", "--quiet").out)))
    assert len(rows) == len(told["looks"])
    assert float(rows[-1]["loss_over_theory"]) == last["loss_over_theory"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--n-sparse", "64.5"], "n_sparse must be whole numbers, but it is 64.5"),
        (["--n-sparse", "256:64:3"], "FIRST ≤ LAST"),
        (["--n-sparse", "many"], "n_sparse must be a number, a list"),
        (["--ratio", "1e-9"], "ratio must be"),
        (["--p", "2"], "p must be a number above 0 and at most 1, but it is 2"),
        (["--steps", "0"], "steps must be a whole number of at least 1, but it is 0"),
        (["--figure", "plateau.gif"], "must end in .png or .svg"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(options, sentence, capsys, tmp_path):
    assert main(["study", "plateau", "--out", str(tmp_path / "runs"), *options]) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""
    assert not (tmp_path / "runs").exists()


def test_an_interrupted_study_is_saved_and_continued_by_the_same_command(tmp_path):
    command = [sys.executable, "-m", "rugtui", "study", "plateau", "--n-sparse", "8"]
    command += ["--device", "cpu", "--batch", "16", "--out", str(tmp_path / "runs"), "--json"]
    environment = private_home(tmp_path)
    with Terminal([*command, "--steps", "1000000"], 120, 24, **environment) as terminal:
        terminal.wait_for("n_sparse 8  step")
        os.kill(terminal.pid, signal.SIGINT)
        assert terminal.wait_for_exit() == 130
    (run,) = (tmp_path / "runs").glob("*-8x2-*")
    assert list(run.glob("checkpoint-*"))
    looks = (run / "looks.jsonl").read_bytes()
    assert main([*command[3:], "--steps", "60", "--quiet"]) == 0
    assert (run / "looks.jsonl").read_bytes() == looks
