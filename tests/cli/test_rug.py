"""`rugtui rug`."""

import json
import struct
from typing import get_args

import numpy as np
import pytest

from rugtui.cli import main
from rugtui.models.decoders import DECODERS
from rugtui.models.weight_files.weight_file import read_weights
from rugtui.settings.settings import Construction
from rugtui.theory.optimum import optimum

SMALL = ("--n-sparse", "256", "--ratio", "0.25", "--p", "0.05")
KEYS = {"n_sparse", "n_dense", "p", "a", "b", "loss_gaussian", "loss_exact"}
# Section 7: exact over Gaussian at r = 0.25; row choice moves the small sizes by some percent
TABLE = [
    (2**7, 0.01, 2.378, 0.15),
    (2**7, 0.05, 1.1256, 0.03),
    (2**10, 0.01, 1.148, 0.02),
    (2**13, 0.01, 1.017, 0.005),
    (2**16, 0.01, 1.0029, 0.0006),
    (2**22, 0.01, 1.00003, 0.00002),
]


def answer(capsys, *arguments):
    assert main(["rug", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_json_keys_of_version_0_1(capsys):
    given = answer(capsys, *SMALL)
    assert set(given) >= KEYS
    assert (given["n_sparse"], given["n_dense"], given["p"]) == (256, 64, 0.05)
    best = optimum(0.25, 0.05)
    for key, known in ("a", best.a), ("b", best.b), ("loss_gaussian", best.loss):
        assert given[key] == pytest.approx(float(known), rel=1e-9)


@pytest.mark.parametrize(("n_sparse", "p", "ratio", "slack"), TABLE)
def test_exact_over_gaussian_loss_has_the_known_ratio(n_sparse, p, ratio, slack, capsys):
    given = answer(capsys, "--n-sparse", str(n_sparse), "--ratio", "0.25", "--p", str(p))
    assert given["loss_exact"] / given["loss_gaussian"] == pytest.approx(ratio, abs=slack)


@pytest.mark.parametrize("frame", get_args(Construction))
def test_the_exact_loss_agrees_with_samples_for_every_construction(frame, capsys):
    given = answer(capsys, *SMALL, "--frame", frame, "--samples", "8000")
    assert set(given) >= KEYS | {"loss_sampled", "standard_error"}
    difference = given["loss_sampled"] - given["loss_exact"]
    assert abs(difference) < 4.5 * given["standard_error"]
    # Random orthonormal rows differ in a and σ, by about 1/√n_sparse: nothing else does.
    slack = 0.15 if frame == "orthonormal" else 1e-6
    assert given["loss_gaussian"] == pytest.approx(float(optimum(0.25, 0.05).loss), rel=slack)


@pytest.mark.parametrize("name", ["pairs", "simplex:3", "vote:4", "lopsided", "best"])
def test_the_exact_loss_agrees_with_samples_for_structured_weights(name, capsys):
    given = answer(capsys, *SMALL, "--construction", name, "--samples", "8000")
    assert given["construction"] == name
    assert sum(part["n_sparse"] for part in given["parts"]) == 256
    assert abs(given["loss_sampled"] - given["loss_exact"]) < 4.5 * given["standard_error"]


def test_tuning_lowers_the_exact_loss(capsys):
    theory, exact = (
        answer(capsys, *SMALL, "--construction", "pairs", "--tune", tune)["loss_exact"]
        for tune in ("theory", "exact")
    )
    assert 0.9 * theory < exact < theory


def test_an_unknown_construction_is_refused(capsys):
    assert main(["rug", *SMALL, "--construction", "pear"]) == 2
    assert "pairs, simplex:k, vote:K" in capsys.readouterr().err


def test_each_decoder_has_its_loss_and_its_theory(capsys):
    given = answer(capsys, *SMALL, "--samples", "500", "--decoder", "all")
    assert list(given["decoders"]) == list(DECODERS)
    for known in given["decoders"].values():
        assert known["loss"] == pytest.approx(known["theory"], rel=0.25)
    assert given["decoders"]["relu"]["loss"] == given["loss_sampled"]
    few = answer(capsys, *SMALL, "--decoder", "oracle", "--decoder", "linear")
    assert list(few["decoders"]) == ["oracle", "linear"]
    assert few["decoders"]["oracle"]["loss"] < few["loss_sampled"]


def test_the_text_output_has_a_line_for_each_loss(capsys):
    assert main(["rug", *SMALL, "--decoder", "linear"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("exact(W)") for line in lines)
    assert any(
        line.startswith("linear") and "±" in line and "n_sparse → ∞" in line for line in lines
    )


def test_the_help_names_every_decoder(capsys):
    assert main(["rug", "--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in DECODERS)


def test_the_seed_chooses_the_rows(capsys):
    first, again, other = (answer(capsys, *SMALL, "--seed", seed) for seed in "445")
    assert first == again
    assert first["loss_exact"] != other["loss_exact"]


def test_sizes_that_are_not_powers_of_two_use_dct(capsys):
    pytest.importorskip("rugtui.analysis.statistics")
    given = answer(capsys, "--n-sparse", "96", "--n-dense", "24", "--p", "0.1")
    assert given["frame"] == "dct"
    assert main(["rug", "--n-sparse", "96", "--n-dense", "24", "--frame", "hadamard"]) == 2
    assert "the constructions dct and orthonormal" in capsys.readouterr().err


def test_a_saved_rug_is_the_same_rug(tmp_path, capsys):
    path = tmp_path / "rug.safetensors"
    given = answer(capsys, *SMALL, "--save", str(path))
    weights = read_weights(path)
    np.testing.assert_allclose(weights.diagonal(), given["a"], rtol=1e-6)
    assert main(["rug", *SMALL, "--save", str(tmp_path / "rug.pt")]) == 2
    assert ".safetensors" in capsys.readouterr().err


def test_a_picture_is_written(tmp_path, capsys):
    path = tmp_path / "rug.png"
    answer(capsys, *SMALL, "--picture", str(path))
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", path.read_bytes()[16:24]) == (256, 256)
    for elsewhere, told in (
        (tmp_path / "rug.gif", ".png"),
        (tmp_path / "no" / "rug.png", "no folder"),
    ):
        assert main(["rug", *SMALL, "--picture", str(elsewhere)]) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--decoder", "magic"), "'magic'"),
        (("--frame", "magic"), "magic"),
        (("--samples", "1"), "samples"),
        (("--n-sparse", str(2**50), "--ratio", "0.5"), "GiB"),
        (("--n-dense", "512"), "n_dense"),
        (("--device", "cuda:99"), "device"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(wrong, told, capsys):
    assert main(["rug", *wrong]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert "Traceback" not in said.err
