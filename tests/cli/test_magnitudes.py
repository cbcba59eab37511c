"""Other magnitudes from the command line: levels and losses of weights."""

import json

import numpy as np
import pytest

import rugtui
from rugtui.cli import main
from rugtui.theory.magnitudes import Magnitude, optimum


def run(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    out, err = capsys.readouterr()
    return out, err


def test_the_levels_are_those_of_the_magnitudes(capsys):
    out, _ = run(
        capsys, "predict", "--ratio", 0.25, "--p", 0.05, "--magnitude", "fixed:2", "--json"
    )
    found = json.loads(out)
    known = optimum(0.25, 0.05, Magnitude.parse("fixed:2"))
    assert (found["loss"], found["a"]) == (known.loss, known.a)
    assert found["magnitude"] == "fixed:2"
    assert found["high_sparsity"] is None
    assert "loss_end" not in found
    table = rugtui.predict([0.1, 0.25], 0.05, magnitude="fixed:2")
    assert table.loss[1] == known.loss
    usual = rugtui.predict(0.25, 0.05, magnitude="uniform:0,1")
    assert usual.loss_end == rugtui.predict(0.25, 0.05).loss_end
    _, err = run(capsys, "predict", "--magnitude", "cauchy", code=2)
    assert "one of uniform, normal, exponential, fixed, signed" in err
    words = ("--ratio", "0.1:0.9:60", "--p", "0.1:0.9:60", "--magnitude", "signed")
    _, err = run(capsys, "predict", *words, code=2)
    assert "3,600 pairs (r, p) are too many" in err


@pytest.mark.parametrize("activation", ["relu", "identity", "topk"])
def test_the_computed_loss_of_a_trained_file_is_its_held_out_loss(activation, tmp_path, capsys):
    sizes = ("--n-sparse", 24, "--n-dense", 6, "--p", 0.2, "--device", "cpu")
    words = ("--magnitude", "exponential:0.7", "--activation", activation)
    out, err = run(
        capsys, "train", *sizes, *words, "--steps", 100, "--into", tmp_path / "runs", "--json"
    )
    trained = json.loads(out)
    assert "levels are of magnitudes exponential:0.7" in err
    known = optimum(0.25, 0.2, Magnitude.parse("exponential:0.7"))
    assert trained["theory_loss"] == known.loss
    file = tmp_path / "weights.npz"
    run(capsys, "export", trained["run"], "-o", file)
    found = json.loads(run(capsys, "predict", file, "--json")[0])
    loss = found["loss_sampled" if activation == "topk" else "loss_exact"]
    error = np.hypot(trained["loss_standard_error"], found.get("loss_sampled_standard_error", 0))
    assert abs(loss - trained["loss"]) < 5 * error
    assert found["noise_mean"] is None
    facts = json.loads(run(capsys, "export", trained["run"], "--format", "json")[0])
    assert facts["statistics"]["loss_exact"] == pytest.approx(found["loss_exact"], rel=1e-6)
    assert facts["theory"]["loss"] == known.loss


def test_features_in_groups_have_no_exact_loss(tmp_path, capsys):
    words = ("--n-sparse", 24, "--n-dense", 6, "--data", "anticorrelated", "--group", 3)
    out, err = run(
        capsys, "train", *words, "--steps", 100, "--into", tmp_path, "--device", "cpu", "--json"
    )
    trained = json.loads(out)
    assert "Theory does not apply to anticorrelated features" in err
    statistics = json.loads(run(capsys, "export", trained["run"], "--format", "json")[0])[
        "statistics"
    ]
    assert statistics["loss_exact"] is None
    error = np.hypot(trained["loss_standard_error"], statistics["loss_sampled_standard_error"])
    assert abs(statistics["loss_sampled"] - trained["loss"]) < 5 * error
