"""Activations of sparse autoencoders at the command line: trained, resumed, exported, predicted."""

import json

import numpy as np
import pytest

import rugtui
from rugtui.cli import main

SIZES = ("--n-sparse", 32, "--n-dense", 8, "--p", 0.1)


def run(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    out, err = capsys.readouterr()
    return out, err


@pytest.mark.parametrize("activation", ["jumprelu", "gated", "topk"])
def test_trained_resumed_exported_and_predicted(activation, tmp_path, capsys):
    """Every command gives the same loss for the same weights."""
    model = ["--activation", activation] + (["--k", 4] if activation == "topk" else [])
    out, err = run(
        capsys,
        "train",
        *SIZES,
        *model,
        "--steps",
        200,
        "--into",
        tmp_path,
        "--device",
        "cpu",
        "--json",
    )
    assert f"assume a ReLU, not {activation}" in err
    assert json.loads(out)["loss_gaussian"] is None
    folder = json.loads(out)["run"]
    out, _ = run(capsys, "resume", folder, "--no-screen", "--steps", 400, "--json")
    trained = json.loads(out)
    assert trained["loss"] < 0.1 / 3
    saved = rugtui.load(folder)
    losses = {}
    for name in ("safetensors", "npz"):
        file = tmp_path / f"weights.{name}"
        run(capsys, "export", folder, "-o", file)
        assert rugtui.load(file).weights == saved.weights
        out, err = run(capsys, "predict", file, "--json")
        assert "no formula is known" in err
        found = json.loads(out)
        assert found["activation"] == activation
        assert found["loss_exact"] is None
        losses[name] = found["loss_sampled"]
        error = found["loss_sampled_standard_error"]
    out, _ = run(capsys, "export", folder, "--format", "json")
    facts = json.loads(out)
    assert facts["statistics"]["exact"] is facts["statistics"]["loss_exact"] is None
    losses["json"] = facts["statistics"]["loss_sampled"]
    snapshot = rugtui.load(next((saved.path / "snapshots").glob("*00400-trained")))
    assert snapshot.weights == saved.weights
    table = rugtui.predict(str(file), [0.1, 0.2])
    losses["library"] = table.loss_sampled[0]
    assert table.loss_exact.tolist() == [None, None]
    assert np.ptp(list(losses.values())) == 0
    noise = np.hypot(error, trained["loss_standard_error"])
    assert abs(losses["npz"] - trained["loss"]) < 4 * noise


def test_weights_without_thresholds_have_no_jumprelu(tmp_path, capsys):
    file = tmp_path / "plain.npz"
    np.savez(file, W_in=np.ones((2, 6)), W_out=np.ones((6, 2)), b=np.zeros(6))
    _, err = run(capsys, "predict", file, "--activation", "jumprelu", code=2)
    assert "needs an array threshold (6 numbers) beside the weights" in err
    _, err = run(capsys, "predict", file, "--activation", "relu", "--k", 2, code=2)
    assert "--k has no effect with the activation relu" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--activation", "topk", "--method", "population"], "sgd where activation is topk"),
        (["--activation", "gated", "--no-bias"], "yes where activation is gated"),
        (["--activation", "topk", "--k", 33], "at most n_sparse = 32"),
        (["--activation", "jumprelu", "--until-within", 0.1], "L* is of a ReLU"),
    ],
)
def test_conflicting_settings_are_refused(words, said, capsys):
    _, err = run(capsys, "train", *SIZES, *words, code=2)
    assert said in err.replace("auto where activation is jumprelu", "L* is of a ReLU")
