"""What version 0.1.0 wrote keeps opening: runs, snapshots and sweeps, each by the command for it.

`data/from_0_1_0` holds what that version wrote: `rugtui train` at (16, 4, p 0.1) to its end, ended
by SIGTERM, with `--method population`, and tied with a leaky ReLU and plain SGD; two sweeps.
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import rugtui
from rugtui.cli import main

WRITTEN = Path(__file__).parent / "data" / "from_0_1_0"
RUNS = {"finished": 60, "stopped": 51_841, "population": 50, "leaky_tied": 50}


@pytest.fixture
def called(capsys):
    def call(*words: object) -> str:
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return call


@pytest.fixture
def written(tmp_path):
    return Path(shutil.copytree(WRITTEN, tmp_path / "written"))


@pytest.mark.parametrize(("name", "step"), RUNS.items())
def test_a_run_loads_with_its_settings_history_and_weights(name, step):
    run = rugtui.load(WRITTEN / name)
    assert run.step == step
    assert (run.settings.n_sparse, run.settings.n_dense, run.settings.p) == (16, 4, 0.1)
    assert run.settings.tied == (name == "leaky_tied")
    assert 0.99 * step <= run.history["step"][-1] <= step
    assert np.isfinite(np.asarray(run.weights.W_in)).all()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_exported(name, tmp_path, called):
    out = tmp_path / "weights.npz"
    called("export", WRITTEN / name, "--format", "npz", "-o", out)
    with np.load(out) as arrays:
        assert arrays["W_in"].shape == (4, 16)


@pytest.mark.parametrize(("name", "step"), RUNS.items())
def test_a_run_resumes_where_it_was(name, step, written, called):
    more = called("resume", written / name, "--no-screen", "--steps", step + 20, "--json")
    assert json.loads(more)["steps"] == step + 20


def test_a_snapshot_loads_with_its_weights_and_theory(called):
    folder = WRITTEN / "finished" / "snapshots" / "00000060-trained"
    snapshot, run = rugtui.load(folder), rugtui.load(WRITTEN / "finished")
    assert snapshot.step == run.step
    np.testing.assert_array_equal(snapshot.weights.W_in, run.weights.W_in)
    stored = json.loads((folder / "snapshot.json").read_text())["theory"]["loss"]
    told = json.loads(called("predict", "--ratio", 0.25, "--p", 0.1, "--json"))
    assert told["loss"] == pytest.approx(stored, rel=1e-12)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["sweep_population", "sweep_sgd"])
def test_a_finished_sweep_is_complete_and_drawn(name, written, called):
    before = table(written / name)
    called("sweep", "--out", written / name)
    after = table(written / name)
    if name == "sweep_population":  # was called trained, which it is not
        before = [row | {"kind": row["kind"].replace("trained", "population")} for row in before]
    assert [{key: row[key] for key in before[0]} for row in after] == before
    assert "L*" in called("figures", written / name, "--terminal")
