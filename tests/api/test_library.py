"""The Python API, compared with the command line, with arithmetic, and with what is on disk."""

import json
import subprocess
import sys

import numpy as np
import pytest

import rugtui
from rugtui.cli import main
from rugtui.errors import RunError, SettingError, UsageError, WeightsError
from rugtui.tables import Table

SMALL = {"n_sparse": 16, "n_dense": 4, "steps": 40, "batch": 32, "device": "cpu"}
ARGUMENTS = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]


def printed(capsys, *arguments):
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_everything_public_is_there_and_documented():
    for name in rugtui.__all__:
        assert name in dir(rugtui)
        assert name == "__version__" or getattr(rugtui, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rugtui.nothing


def test_predictions_broadcast_and_agree_with_single_ones():
    r, p = np.array([0.1, 0.5]), np.array([[0.01], [0.1], [1.0]])
    grid = rugtui.predict(r, p)
    assert grid.shape == (3, 2)
    for i in range(3):
        for j in range(2):
            one = rugtui.predict(float(r[j]), float(p[i, 0]))
            assert one.loss == pytest.approx(grid.loss[i, j], rel=1e-9)
            assert isinstance(one.loss, float)
    frame = grid.to_pandas()
    assert frame.shape == (6, len(grid))
    assert set(frame.loss_kind) == {"optimum"}
    assert np.allclose(grid.linear, (1 - grid.ratio) * (grid.p / 3 - grid.p**2 / 4))
    for wrong in ((0, 0.1), (0.5, 0), (0.5, 1.5)):
        with pytest.raises(SettingError):
            rugtui.predict(*wrong)


def test_weights_are_predicted_from_a_model_a_rug_and_a_file(tmp_path, capsys):
    path = tmp_path / "w.safetensors"
    assert main(["rug", "--n-sparse=32", "--n-dense=8", "--p=0.1", f"--save={path}"]) == 0
    capsys.readouterr()
    rug = rugtui.rug(32, n_dense=8, p=0.1)
    of_rug, of_file = rugtui.predict(rug, 0.1), rugtui.predict(path, 0.1)
    of_model = rugtui.predict(rug.dense(), 0.1)
    for other in (of_file, of_model):
        assert other.loss_exact == pytest.approx(of_rug.loss_exact, rel=1e-5)
    assert rugtui.predict(rug, [0.1, 0.2]).loss_exact[0] == of_rug.loss_exact
    other = rugtui.predict(rug, 0.1, activation="tanh")
    assert other.loss_exact is None
    assert other.loss_sampled > of_rug.loss_exact > 0
    with pytest.raises(SettingError, match="tan"):
        rugtui.predict(rug, 0.1, activation="tan")


def test_a_rug_computes_what_its_matrix_says():
    rug = rugtui.rug(64, ratio=0.25, p=0.1, seed=3)
    W, b = rug.W, rug.biases()
    x = np.random.default_rng(0).random((5, 64)).astype(np.float32)
    expected = np.maximum(x @ W.T + b, 0)
    assert np.allclose(rug(x).numpy(), expected, atol=1e-5)
    assert np.allclose(rug.forward(x[0]).numpy(), expected[0], atol=1e-5)
    assert (rug.rows(7) == W[7]).all()
    assert rug == rugtui.rug(64, n_dense=16, p=0.1, seed=3) != rugtui.rug(64, n_dense=16, p=0.1)
    assert rugtui.rug(48, ratio=0.25).construction == "dct"
    for wrong in ({"ratio": 2.0}, {"n_dense": 64}):
        with pytest.raises(SettingError):
            rugtui.rug(64, **wrong)
    with pytest.raises(WeightsError, match="power of two"):
        rugtui.rug(48, n_dense=8, construction="hadamard")


def test_training_gives_the_losses_that_the_command_gives(tmp_path, capsys):
    told = printed(capsys, "train", *ARGUMENTS, "--quiet", "--json", f"--into={tmp_path}")
    steps = []
    run = rugtui.train(callback=lambda result: steps.append(result.step), **SMALL)
    summary = run.summary()
    assert steps[-1] == summary["steps"] == told["steps"] == 40
    assert summary["loss"] == told["loss"]
    assert summary["run"] is None
    saved = rugtui.load(told["run"])
    assert saved.weights == run.weights
    assert (saved.history["loss"] == run.history["loss"]).all()
    frame = run.history.to_pandas()
    assert frame.step.dtype == np.int64
    assert saved.settings == run.settings
    assert run.statistics.exact > 0
    assert "step=40" in repr(run)
    assert "step=40" in repr(saved)


def test_nothing_is_written_unless_a_folder_is_given(private_state, tmp_path):
    run = rugtui.train(**SMALL).finish()
    assert run.path is None
    assert list(private_state.iterdir()) == []
    kept = rugtui.train(out=tmp_path, **SMALL).finish()
    assert rugtui.load(kept.path).step == 40


def test_a_run_stops_when_its_callback_or_iteration_stops(tmp_path):
    settings = rugtui.Settings(**{**SMALL, "steps": 100_000})
    stopped = rugtui.train(settings, lambda result: result.step < 60)
    assert 60 <= stopped.step < 1000
    assert stopped.stop_reason == "stopped"
    assert stopped.history["step"][-1] == stopped.step
    run = rugtui.train(settings, out=tmp_path)
    for _ in run:
        break
    assert 0 < run.step < 1000
    assert rugtui.load(run.path).step == run.step


def test_a_sweep_is_a_table_that_continues_and_loads_again(tmp_path, sweeps_in_this_process):
    folder = tmp_path / "grid"
    axes = {"n_sparse": 16, "ratio": [0.25, 0.5], "p": 0.1, "kinds": ["rug", "theory"]}
    seen = []
    first = rugtui.sweep(out=folder, samples=64, callback=lambda at: seen.append(at.done), **axes)
    assert seen[-1] == len(first.rows) == 4
    again = rugtui.sweep(out=folder)
    assert again == first == rugtui.load(folder)
    frame = first.to_pandas()
    assert frame.n_dense.dtype == np.int64
    theory = frame[frame.kind == "theory"].sort_values("ratio")
    assert np.allclose(theory.loss, rugtui.predict(theory.ratio.to_numpy(), 0.1).loss)
    with pytest.raises(TypeError, match="no option 'rati'"):
        rugtui.sweep(rati=0.5)
    with pytest.raises(UsageError, match="holds another sweep"):
        rugtui.sweep(out=folder, p=0.3)


def test_loading_a_missing_file_raises_an_error_of_the_package(tmp_path):
    with pytest.raises(RunError):
        rugtui.load(tmp_path / "nothing.npz")


def test_tables_compare_print_and_refuse_unknown_columns(monkeypatch):
    table = Table({"step": [1, 2], "loss": [0.5, float("nan")]})
    assert table == Table({"step": [1, 2], "loss": [0.5, float("nan")]})
    assert table != Table({"step": [1, 2], "loss": [0.5, 0.5]})
    assert table != Table({"step": [1, 2]})
    assert "2 rows × 2 columns" in repr(table)
    assert table.rows[0] == {"step": 1, "loss": 0.5}
    with pytest.raises(AttributeError, match="there are step, loss"):
        _ = table.los
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(rugtui.errors.RugtuiError, match=r"rugtui\[pandas\]"):
        table.to_pandas()


def test_importing_the_package_takes_milliseconds():
    """The least of several times: a busy machine only adds."""
    code = "import time; t = time.perf_counter(); import rugtui; print(time.perf_counter() - t)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.06


def test_tables_of_sweeps_have_units_and_settings(tmp_path, sweeps_in_this_process):
    import pyarrow.parquet

    axes = {"n_sparse": [16, 24], "ratio": 0.25, "p": 0.1, "kinds": "rug,theory,linear"}
    table = rugtui.sweep(out=tmp_path / "grid", samples=64, **axes)
    kinds = {row["kind"]: row["loss_kind"] for row in table.rows}
    assert kinds == {"rug": "heldout", "theory": "optimum", "linear": "linear"}
    assert {row["construction"] for row in table.rows} == {"hadamard", "dct", None}
    assert (table["loss_standard_error"] == table["standard_error"]).all()
    schema = pyarrow.parquet.read_schema(tmp_path / "grid" / "results.parquet")
    assert schema.field("loss").metadata[b"unit"] == b"mean squared error per feature"
    about = json.loads(schema.metadata[b"rugtui"])
    assert about["settings"]["n_sparse"] == "16,24"
    with open(tmp_path / "grid" / "results.csv") as file:
        assert "loss_kind" in file.readline()


def test_a_script_may_sweep_at_its_top_level(tmp_path):
    """Without `if __name__ == "__main__":` the processes would run the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import rugtui\nprint('once')\n"
        "print(len(rugtui.sweep(n_sparse=16, ratio=0.25, p=0.1, kinds='rug,linear').loss))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "once\n2\n"


def test_a_state_dict_is_refused_with_a_hint():
    with pytest.raises(UsageError, match=r"torch\.save"):
        rugtui.predict({"W": np.eye(2)}, 0.1)
