"""What users expect of a command line: help, completion, one style of errors."""

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from rugtui.cli import COMMANDS, LazyGroup, main, rugtui
from rugtui.settings.presets import PRESETS

SMALL = ["--n-sparse=16", "--n-dense=4", "--steps=20", "--batch=32", "--device=cpu", "--quiet"]


def completions(*words):
    *before, begun = words
    shell = ShellComplete(rugtui, {}, "rugtui", "_RUGTUI_COMPLETE")
    return [one.value for one in shell.get_completions(list(before), begun)]


def test_root_help_lists_the_commands_first_and_cuts_nothing_at_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["-h"]) == 0
    text = capsys.readouterr().out
    assert "..." not in text.replace("[ARGS]...", "")
    places = [text.index(f"\n{name}:") for name in ("Commands", "Options", "Model", "Training")]
    assert places == sorted(places)
    for name, summary in COMMANDS.items():
        assert f"  {name:<7}  {summary}\n" in text


def test_the_shell_completes_values_commands_and_run_names():
    assert completions("train", "--optimizer", "ad") == ["adam", "adamw"]
    assert completions("train", "--preset", "") == [one.name for one in PRESETS]
    assert "cuda" in completions("train", "--device", "")
    assert completions("help", "g") == ["glossary"]
    assert completions("tr") == ["train"]
    assert main(["train", *SMALL]) == 0
    (run, _) = completions("resume", "2")
    assert run.endswith("16x4-p0.05-sgd")
    assert completions("open", run[:8])[0] == run


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["runs", "--keep", "3"], "--keep has no effect without --prune"),
        (["runs", "--snapshots"], "--snapshots has no effect without --prune"),
        (["predict", "--rows", "5"], "--rows"),
        (["predict", "--seed", "5"], "--seed"),
        (["figures", "--terminal", "--json"], "--json has no effect with --terminal"),
        (["figures", "--terminal", "--ratio", "0.5"], "--ratio has no effect without a sweep"),
        (["figures", "--terminal", "--p", "0.5"], "--p has no effect without a sweep"),
        (["figures", "out", "--ascii"], "--ascii has no effect on files"),
        (["resume", "--json"], "--json has no effect in the dashboard"),
        (["resume", "--no-screen", "--theme", "light"], "--theme has no effect with --no-screen"),
        (["open", "--preset", "small"], "--preset has no effect"),
        (["study", "plateau", "--json", "--csv"], "give one of them"),
        (["study", "plateau", "--json", "--ascii"], "--ascii has no effect with --json"),
        (["doctor", "--template", "--json"], "--json"),
        (["--n-sparse", "64", "train"], "options go after the command: rugtui train --option"),
        (["rug", "--n-sparse", "64"], "n_sparse must be above n_dense, which is 128 unless"),
        (["study", "plateau", "--n-sparse", "1"], "n_sparse must be a whole number of at least 2"),
        (["train", "--optimiser", "adam"], "no such option"),
        (["export", "--format", "bmp"], "'bmp' is not one of"),
        (["trian"], "no such command 'trian'"),
    ],
)
def test_options_without_effect_are_refused_in_one_sentence(words, sentence, capsys):
    assert main(words) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    first, *rest = streams.err.splitlines()
    assert first.startswith("rugtui: ")
    assert sentence in first
    assert all(line.startswith("rugtui: ") for line in rest)


def test_figures_refuse_a_value_that_the_sweep_lacks(tmp_path, capsys, sweeps_in_this_process):
    axes = ["--n-sparse=16", "--ratio=0.25,0.5", "--p=0.05,0.2", "--kinds=theory,linear"]
    assert main(["sweep", *axes, f"--out={tmp_path / 'grid'}", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["figures", str(tmp_path / "grid"), "--terminal", "--p", "0.77"]) == 2
    assert "no p 0.77; it has 0.05, 0.2" in capsys.readouterr().err


def test_help_imports_no_command():
    code = "import sys; from rugtui.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {f"rugtui.cli.{name}" for name in COMMANDS} & loaded
    assert not {"torch", "numpy", "scipy", "textual"} & loaded
    assert isinstance(rugtui, LazyGroup)
