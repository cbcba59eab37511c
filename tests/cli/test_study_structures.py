"""`rugtui study structures` and `rugtui study phases`."""

import csv
import io
import json

import pytest

from rugtui.cli import main
from rugtui.theory.hull import hull
from rugtui.theory.optimum import optimum
from tests.cli.test_kept import no_file_above

SMALL = ("--n-sparse", "32", "--ratio", "0.5,0.75", "--p", "0.2", "--batch", "128", "--quiet")


def test_each_ratio_is_trained_once_and_continued(tmp_path, capsys):
    def study(steps):
        folder = str(tmp_path / "runs")
        arguments = [*SMALL, "--steps", str(steps), "--out", folder, "--json"]
        assert main(["study", "structures", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    short, long = study(20), study(60)
    assert [one["step"] for one in long["endings"]] == [60, 60]
    assert short["runs"] == long["runs"]
    assert long["complete"]
    for one, r in zip(long["endings"], (0.5, 0.75), strict=True):
        assert one["ratio"] == r
        assert one["theory_loss"] == pytest.approx(float(optimum(r, 0.2).loss))
        assert one["loss_end"] == pytest.approx(float(hull(0.2, 32).loss(r)))
    assert long["endings"][1]["pairs_predicted"] == pytest.approx(0.5)


def test_training_from_the_best_mixture_stays_near_it(tmp_path, capsys):
    arguments = [*SMALL, "--init", "best", "--steps", "50", "--out", str(tmp_path), "--csv"]
    assert main(["study", "structures", *arguments]) == 0
    for one in csv.DictReader(io.StringIO(capsys.readouterr().out)):
        assert float(one["loss"]) < 1.1 * float(one["loss_end"])


def test_the_phase_diagram(tmp_path, capsys):
    figure = tmp_path / "phases.svg"
    arguments = ["--ratio", "0.05,0.5,0.75", "--p", "0.05,0.2", "--figure", str(figure), "--json"]
    assert main(["study", "phases", *arguments]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert len(points) == 6
    assert figure.exists()
    known = {(one["ratio"], one["p"]): one for one in points}
    assert known[0.75, 0.05]["phases"] == "50% lopsided + 50% single"
    assert known[0.75, 0.05]["single"] == pytest.approx(0.5)
    assert known[0.05, 0.2]["abandoned"] > 0.5
    assert all(one["over_theory"] <= 1 for one in points)


@pytest.mark.parametrize("arguments", [["--ratio", "0"], ["--p", "2"], ["--ratio", "a"]])
def test_bad_values_are_refused(arguments, capsys):
    assert main(["study", "phases", *arguments]) == 2


@pytest.mark.parametrize("size", [100, 4000])
def test_a_study_whose_runs_could_not_be_saved_exits_with_1(size, tmp_path, capsys):
    arguments = ["--n-sparse", "16", "--ratio", "0.25,0.5", "--steps", "20", "--batch", "64"]
    with no_file_above(size):
        assert main(["study", "structures", *arguments, "--out", str(tmp_path), "--json"]) == 1
    out, error = capsys.readouterr()
    assert len(json.loads(out)["endings"]) == 2  # and nothing that was computed is lost
    assert error.count("rugtui: not saved: [Errno 27] File too large") == 2
