"""Runs and files of any name are found by it, also with control characters."""

import json
import os
import sys

import numpy as np
import pytest
from safetensors.torch import save

from rugtui.cli import main, train
from rugtui.cli.watch import run_to_watch
from rugtui.errors import RunError
from rugtui.live.run_session import RunSession
from rugtui.runtime.terminal import printable
from rugtui.storage.run_directory import all_runs, find_target, runs_folder
from tests.models.weight_files.test_weight_file import W_IN, W_OUT, B
from tests.storage.some import SETTINGS

NAMES = ["two words", "..a", "new\nline", "-x", "a\x1b[31mred", "{0}%s[b]", "#1", "é名", "y" * 250]
if sys.platform == "linux":
    NAMES.append(os.fsdecode(b"\xff\xfe"))


def test_every_command_finds_a_run_by_its_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "HELDOUT_SAMPLES", 64)
    session = RunSession.new(SETTINGS.replace(steps=20))
    while not session.trainer.done:
        session.advance(bool)
    session.close("done")
    run = session.writer.run
    for name in NAMES:
        run = run.rename(run.parent / name)
        assert main(["resume", "--no-screen", "--quiet", "--", name]) == 0
        assert printable(str(run)) in capsys.readouterr().out
        assert main(["export", "--format", "csv", "--", name]) == 0
        assert capsys.readouterr().out.startswith("step,")
        assert main(["export", "-o", "w.npz", "--force", "--", name]) == 0
        assert find_target(name).path == run_to_watch(name) == run
        capsys.readouterr()
        assert main(["runs", "--json"]) == 0
        (listed,) = json.loads(capsys.readouterr().out)["runs"]
        assert listed["name"] == name
        assert main(["runs"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2
    assert os.listdir() == ["w.npz"]


@pytest.mark.parametrize("name", ["../x", "..", ".", "/", "/etc/passwd", "", "latest/.."])
def test_names_outside_the_runs_folder_are_not_found(name, capsys, monkeypatch):
    session = RunSession.new(SETTINGS)
    session.advance(bool)
    session.close("paused")
    monkeypatch.chdir(runs_folder())
    for command in (["resume", "--no-screen"], ["export", "--format", "csv"]):
        assert main([*command, "--", name]) == 2, command
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("rugtui: ")
    with pytest.raises(RunError):
        run_to_watch(name)
    assert all_runs() == [session.writer.run]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_in_a_file_of_any_name(suffix, capsys, tmp_path):
    for name in NAMES:
        path = tmp_path / f"{name[:200]}{suffix}"
        if suffix == ".npz":
            np.savez(path, W_in=W_IN, W_out=W_OUT, b=B)
        else:
            path.write_bytes(save({"W_in": W_IN, "W_out": W_OUT, "b": B}))
        assert main(["open", "--json", "--", str(path)]) == 0
        assert json.loads(capsys.readouterr().out)["n_sparse"] == 7
