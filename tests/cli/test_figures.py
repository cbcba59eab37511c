"""`rugtui figures`: the files that it writes, and its notes about those it cannot."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from rugtui.cli import main
from rugtui.reports import matplotlib_figures
from rugtui.reports import rug_figures as rug
from rugtui.sweeps.folder import SweepFolder, run
from rugtui.sweeps.grid import Grid
from tests.reports.some import some_rows
from tests.sweeps import in_process


@pytest.fixture(autouse=True)
def few_sizes(monkeypatch):
    monkeypatch.setattr(rug, "SIZES", (64, 128))
    monkeypatch.setattr(rug, "SEEDS", 2)
    monkeypatch.setattr(matplotlib_figures, "DPI", 30)


@pytest.fixture
def sweep(tmp_path):
    folder = SweepFolder.begin(tmp_path / "sweep", Grid(n_sparse="16", ratio="0.5", p="0.1"))
    folder.keep(some_rows())
    folder.close()
    return tmp_path / "sweep"


def test_without_a_sweep_the_figures_of_the_rug_are_drawn_and_the_others_named(tmp_path, capsys):
    assert main(["figures", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    files = [
        f"{tmp_path}/out/{n}.{s}" for n in ("rug-convergence", "fractal") for s in ("png", "svg")
    ]
    assert told.out.splitlines() == files
    assert sorted(map(str, (tmp_path / "out").iterdir())) == sorted(files)
    assert "loss-against-r, loss-against-p and maps need a sweep" in told.err


def test_the_figures_of_a_sweep_are_written_into_its_folder(sweep, capsys):
    assert main(["figures", str(sweep), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert f"{sweep}/maps-n16.svg" in told["figures"]
    assert f"{sweep}/loss-against-r-n16.png" in told["figures"]


def test_the_weights_of_a_population_run_are_not_called_trained(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = ["train", "--method=population", "--n-sparse=16", "--n-dense=4", "--steps=3"]
    assert main([*train, "--device=cpu", "--into=runs", "--quiet", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    assert main(["figures", "out", "--run", run]) == 0
    svg = Path("out/weights.svg").read_text()
    assert "W and bias of population weights and of the rug" in svg
    assert "trained" not in svg


def test_weights_saved_by_a_sweep_are_drawn(tmp_path, capsys):
    grid = Grid(n_sparse="16", ratio="0.25", p="0.1", kinds="trained", steps=5, samples=64,
                rows=4, save_weights=True, device="cpu")  # fmt: skip
    folder = SweepFolder.begin(tmp_path / "sweep", grid)
    for _ in run(folder, in_process.outcomes):
        pass
    folder.close()
    assert main(["figures", str(tmp_path / "out"), "--sweep", str(folder.path)]) == 0
    assert f"{tmp_path}/out/weights.svg" in capsys.readouterr().out.splitlines()


def test_without_matplotlib_a_message_says_how_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rugtui.reports.figure.find_spec", lambda name: None)
    assert importlib.util.find_spec("matplotlib")
    assert main(["figures", str(tmp_path / "out")]) == 2
    assert "pip install 'rugtui[figures]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_terminal_needs_no_extra(sweep, capsys, monkeypatch):
    monkeypatch.setattr("rugtui.reports.figure.find_spec", lambda name: None)
    monkeypatch.setenv("COLUMNS", "90")
    assert main(["figures", "--terminal", "--sweep", str(sweep)]) == 0
    told = capsys.readouterr().out
    assert "p = 0.05: loss per feature against r" in told
    assert "trained loss / L*" in told
    assert "exact loss / L* − 1" in told
    assert {len(line) for line in told.splitlines() if line} == {90}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "name a folder for the figures"),
        (["--terminal", "--sweep", "nowhere"], "'nowhere' holds no sweep"),
        (["--terminal", "--p", "x"], "p must be a number"),
        (["--terminal", "--run", "nothing"], "there is no run 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(options, sentence, capsys):
    assert main(["figures", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_paper_figures_of_an_older_sweep_say_what_was_not_measured(sweep, capsys):
    assert main(["figures", str(sweep), "--paper"]) == 0
    told = capsys.readouterr()
    names = [line.removeprefix(f"{sweep}/") for line in told.out.splitlines()]
    assert names == [
        f"paper-{name}.{suffix}"
        for name in ("loss-against-r", "loss-against-p", "loss-linear", "loss-log")
        for suffix in ("png", "svg")
    ]
    assert "maps of Δ, Λ and p_KS: an older rugtui, which did not measure them" in told.err


def test_paper_figures_of_a_file_of_weights_are_its_corner(tmp_path, capsys):
    W = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    np.savez(tmp_path / "mine.npz", W_in=W, W_out=W.T, b=W[0])
    assert main(["figures", str(tmp_path / "mine.npz"), "--paper"]) == 0
    files = [f"{tmp_path}/mine-paper-corner.{suffix}" for suffix in ("png", "svg")]
    assert capsys.readouterr().out.splitlines() == files
    svg = Path(files[1]).read_text()
    assert all(label in svg for label in ("rank is 4", "W_ii", "W_ij, i ≠ j", "b_i"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["empty", "--paper"], "--paper draws a sweep's maps, or W of a run or a file of weights"),
        (["file.npz"], "'file.npz' is a file, but figures go to a folder"),
    ],
)
def test_nothing_to_draw_is_one_sentence_and_exit_2(
    options, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("file.npz").touch()
    assert main(["figures", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert os.listdir() == ["file.npz"]
