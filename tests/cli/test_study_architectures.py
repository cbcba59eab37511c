"""`rugtui study architectures`."""

import csv
import io
import json

import numpy as np
import pytest

import rugtui
from rugtui.cli import main
from rugtui.theory.levels import levels

SMALL = ("--n-sparse", "32", "--ratio", "0.25", "--p", "0.1", "--batch", "128", "--quiet")


@pytest.fixture
def study(tmp_path, capsys):
    def study(*words, code=0):
        folder = str(tmp_path / "runs")
        assert main(["study", "architectures", *SMALL, "--out", folder, *words]) == code
        return capsys.readouterr().out

    return study


def test_every_activation_is_trained_once_and_continued(study):
    short = json.loads(study("--steps", "20", "--json"))
    long = json.loads(study("--steps", "60", "--json"))
    assert short["runs"] == long["runs"]
    assert long["complete"]
    assert {one["step"] for one in long["trials"]} == {60}
    known = levels(0.25, 0.1)
    for one, run in zip(long["trials"], long["runs"], strict=True):
        bound = known.oracle if one["activation"] == "topk" else known.elementwise
        assert one["loss_bound"] == bound
        assert one["loss_over_theory"] == pytest.approx(one["loss"] / known.loss)
        saved = rugtui.load(run)
        assert saved.settings.activation == one["activation"]
        sampled = rugtui.predict(run, 0.1, activation=one["activation"])
        if one["activation"] != "relu":
            error = np.hypot(one["loss_standard_error"], sampled.loss_sampled_standard_error)
            assert abs(one["loss"] - sampled.loss_sampled) < 4 * error


def test_seeds_are_averaged_in_the_table_and_drawn(study, tmp_path):
    words = ("--steps", "20", "--activation", "relu,topk", "--repeats", "3")
    rows = list(csv.DictReader(io.StringIO(study(*words, "--csv"))))
    assert len(rows) == 6
    figure = tmp_path / "architectures.svg"
    table = [line.split() for line in study(*words, "--figure", str(figure)).splitlines()]
    assert figure.exists()
    for name in ("relu", "topk"):
        losses = [float(row["loss"]) for row in rows if row["activation"] == name]
        (line,) = (line for line in table if name in line)
        assert float(line[3]) == pytest.approx(np.mean(losses), rel=1e-3)
        assert float(line[4]) == pytest.approx(np.std(losses, ddof=1) / 3**0.5, rel=0.5)


@pytest.mark.parametrize("words", [("--activation", "relu,step"), ("--repeats", "0")])
def test_bad_values_are_refused(words, study):
    study(*words, code=2)
