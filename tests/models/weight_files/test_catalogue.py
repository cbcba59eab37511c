"""Each file of the catalogue, opened from the outside and held against what went into it."""

import json

import numpy as np
import pytest
import torch

from rugtui.cli import main
from rugtui.models.weight_files.weight_file import read_weight_file
from tests.models.weight_files.catalogue import BEGIN, CASES, END, README, table
from tests.models.weight_files.test_weight_file import W_IN


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.project}: {case.arrays}")
def test_files_as_others_save_them(case, tmp_path):
    path = tmp_path / "921"  # the content decides
    case.make(path)
    found = read_weight_file(f"{path}{case.fragment}")
    weights = found.weights
    W = weights.rows(np.arange(weights.n_sparse))
    expected = case.W_out if case.W_out.shape == (7, 7) else case.W_out @ W_IN
    np.testing.assert_allclose(W, expected.double(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weights.biases(), case.b.double(), rtol=1e-5)
    assert (weights.n_sparse, weights.n_dense) == (7, 3)
    assert found.report.startswith("921: W")


def test_the_table_in_the_readme_is_current():
    text = README.read_text().partition(BEGIN)[2].partition(END)[0]
    assert text.strip() == table(), "run python -m tests.models.weight_files.catalogue"


def test_what_a_file_says_of_p_and_activation_counts(tmp_path, capsys):
    by_name = {case.project: case for case in CASES}
    by_name["PersianRug"].make(tmp_path / "921")
    assert main(["predict", str(tmp_path / "921"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["p"], json.loads(out)["activation"]) == (0.2, "relu")
    (line,) = err.splitlines()
    assert line == (
        "rugtui: 921: W_in from state_dict.initial_layer.weight (3 × 7), W_out from "
        "state_dict.final_layer.weight (7 × 3), b from state_dict.final_layer.bias (7); nothing "
        "left over"
    )


def test_left_over_arrays_that_cannot_matter_are_named(tmp_path, capsys):
    torch.save({"model": {"W": W_IN}, "rng_state": torch.get_rng_state()}, tmp_path / "w.pt")
    assert main(["predict", str(tmp_path / "w.pt"), "--p", "0.2", "--json"]) == 0
    assert "no bias; left over: rng_state" in capsys.readouterr().err
