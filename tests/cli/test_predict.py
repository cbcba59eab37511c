"""`rugtui predict`."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from rugtui.cli import main

DATA = Path(__file__).parents[1] / "data"
KEYS = {"p", "r", "loss", "a", "b", "sigma", "linear", "bayes", "oracle", "asymptotic"}
STRUCTURED = {"loss_pairs", "a_pairs", "b_pairs", "kappa_pairs", "loss_end", "phases"}
REFERENCE = json.loads((DATA / "theory_reference.json").read_text())["optimum"]
WEIGHTS = json.loads((DATA / "weights" / "index.json").read_text())


def answer(capsys, *arguments):
    assert main(["predict", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("known", REFERENCE, ids=lambda known: f"r{known['r']}-p{known['p']}")
def test_the_json_keys_of_version_0_1_with_all_digits(known, capsys):
    given = json.loads(answer(capsys, "--ratio", known["r"], "--p", known["p"], "--json"))
    assert set(given) >= KEYS | STRUCTURED
    for name in ("loss", "a", "b", "sigma", "linear", "bayes", "oracle"):
        assert given[name] == pytest.approx(float(known[name]), rel=1e-9)


def test_losses_below_the_symmetric_optimum(capsys):
    given = json.loads(answer(capsys, "--ratio", "0.75", "--json"))
    assert given["loss_pairs"] == pytest.approx(3.597920507e-4, rel=1e-6)
    assert given["kappa_pairs"] == pytest.approx(0.70641, abs=1e-3)
    assert given["loss_end"] == pytest.approx(1.926e-4, rel=1e-3)
    assert given["phases"] == [
        {"structure": "lopsided", "share": 0.5, "ratio": 0.5},
        {"structure": "single", "share": 0.5, "ratio": 1.0},
    ]


def test_the_predicted_end_depends_on_the_size_if_few_features_are_active(capsys):
    sizes = ("--n-sparse", "256", "--n-dense", "77", "--p", "0.01", "--json")
    few = json.loads(answer(capsys, *sizes))["loss_end"]
    many = json.loads(answer(capsys, "--ratio", "0.30078125", "--p", "0.01", "--json"))["loss_end"]
    assert 1.2 * many < few < 1.5 * many


def test_statistics_of_structure_for_a_weights_file(capsys):
    known = WEIGHTS[-1]
    file = str(DATA / "weights" / known["file"])
    given = json.loads(answer(capsys, file, "--p", str(known["p"]), "--json"))
    assert {"pairs_share", "partners", "partner_mean", *STRUCTURED} <= set(given)


def test_the_spectrum_of_a_rug_is_one_value_for_each_hidden_dimension(capsys):
    file, p = str(DATA / "weights" / "rug_64_16.npz"), ("--p", "0.05")
    given = json.loads(answer(capsys, file, *p, "--json"))
    # a scaled projection: a n_sparse / n_dense, n_dense times
    assert given["eigenvalues"] == pytest.approx([4 * given["diagonal_mean"]] * 16)
    assert given["eigenvalues_imaginary"] == pytest.approx([0.0] * 16, abs=1e-9)
    assert "eigenvalues" not in answer(capsys, file, *p)


def test_a_run_is_predicted_with_its_own_settings(capsys):
    sizes = ("--n-sparse", "16", "--n-dense", "4", "--p", "0.2", "--steps", "5")
    assert main(["train", *sizes, "--quiet", "--json"]) == 0
    run = Path(json.loads(capsys.readouterr().out)["run"])
    of_name = json.loads(answer(capsys, run.name, "--json"))
    assert of_name == json.loads(answer(capsys, str(run), "--json"))
    assert (of_name["p"], of_name["n_dense"], of_name["activation"]) == (0.2, 4, "relu")


def test_a_run_on_other_data_has_no_exact_loss(capsys):
    sizes = ("--n-sparse", "16", "--n-dense", "4", "--p-decay", "1", "--steps", "5")
    assert main(["train", *sizes, "--quiet", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    assert main(["predict", run, "--json"]) == 0
    said = capsys.readouterr()
    given = json.loads(said.out)
    assert given["loss_exact"] is None
    assert given["loss_sampled"] > 0
    assert "Theory does not apply" in said.err


def test_a_note_compares_the_weights_with_l_star(capsys):
    assert main(["predict", str(DATA / "weights" / "rug_64_16.npz"), "--p", "0.05"]) == 0
    said = capsys.readouterr()
    loss, theory = (
        float(re.search(rf"^{name} +(\S+)", said.out, re.MULTILINE)[1])
        for name in (r"exact\(W\)", r"L\*\(r, p\)")
    )
    assert f"exact loss {loss:.6g}, {loss / theory - 1:.1%} above L* = {theory:.6g}" in said.err


def test_sizes_set_the_ratio(capsys):
    given = json.loads(answer(capsys, "--n-sparse", "4096", "--n-dense", "1024", "--json"))
    assert given["r"] == 0.25


@pytest.mark.parametrize("known", WEIGHTS, ids=lambda known: known["file"])
def test_a_weights_file_has_its_gaussian_and_exact_loss(known, capsys):
    file = str(DATA / "weights" / known["file"])
    given = json.loads(answer(capsys, file, "--p", str(known["p"]), "--json"))
    assert {*KEYS, "gaussian", "exact", "exact_standard_error"} <= set(given)
    assert given["exact_standard_error"] == 0
    error = known["standard_error"]
    assert given["exact"] == pytest.approx(known["monte_carlo_loss"], abs=4 * error)


def test_sampled_rows_have_a_standard_error(capsys):
    known = WEIGHTS[1]
    file = str(DATA / "weights" / known["file"])
    given = json.loads(answer(capsys, file, "--p", str(known["p"]), "--rows", "12", "--json"))
    assert 0 < given["exact_standard_error"] < known["monte_carlo_loss"]
    assert given["exact"] == pytest.approx(
        known["monte_carlo_loss"], abs=5 * given["exact_standard_error"]
    )


def test_ranges_make_a_table(capsys):
    table = answer(capsys, "--ratio", "0.1,0.5", "--p", "0.01:0.1:3", "--csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [float(row["r"]) for row in rows] == [0.1] * 3 + [0.5] * 3
    assert [float(row["p"]) for row in rows] == pytest.approx([0.01, 0.055, 0.1] * 2)
    many = json.loads(answer(capsys, "--ratio", "0.1,0.5", "--json"))
    assert [one["r"] for one in many["predictions"]] == [0.1, 0.5]
    assert len(answer(capsys, "--ratio", "0.1,0.5").splitlines()) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--p", "0"],
        ["--p", "0.1:2:5"],
        ["--ratio", "1.5"],
        ["--ratio", "0"],
        ["--n-sparse", "8", "--n-dense", "8"],
        ["--ratio", "0.5", "--n-dense", "3"],
        ["--ratio", "0.1:1:2000", "--p", "0.1:1:2000"],
        ["--json", "--csv"],
        ["no-such-file.npz"],
        [str(DATA / "theory_reference.json")],
        [str(DATA / "weights" / "rug_64_16.npz"), "--ratio", "0.5"],
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(arguments, capsys):
    assert main(["predict", *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert len(streams.err.splitlines()) == 1
