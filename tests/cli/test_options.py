"""What every command line promises: exit codes, one sentence, nothing lost."""

import importlib
import os
import subprocess
import sys

import click
import pytest

from rugtui.cli import COMMANDS, main
from rugtui.cli.options import given_settings
from rugtui.errors import SettingError
from rugtui.settings.settings import dense_from_ratio, fields
from tests.terminal import private_home


def words(name, command):
    """The words that call a command, and those that call each command of a group."""
    if not isinstance(command, click.Group):
        return [name]
    inner = (words(f"{name} {below}", one) for below, one in command.commands.items())
    return [one for found in inner for one in found]


EVERY = [
    called
    for name in COMMANDS
    for called in words(name, importlib.import_module(f"rugtui.cli.{name}").command)
]


@pytest.mark.parametrize("command", [*COMMANDS, *(called for called in EVERY if " " in called)])
def test_every_command_has_help(command, capsys):
    assert main([*command.split(), "-h"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: rugtui {command}")
    assert "-h, --help" in said
    # An export is a file in the format asked for, and what is opened or watched is looked at; every
    # other answer can be had as JSON.
    assert command in ("export", "open", "watch") or command not in EVERY or "--json" in said


def test_help_lists_commands_and_every_setting(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)
    assert all("--" + one.name.replace("_", "-") in out for one in fields())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--p", "0"], "p must be a number above 0 and at most 1, but it is 0."),
        (["--p", "1.5"], "p must be a number above 0 and at most 1, but it is 1.5."),
        (["--p", "x"], "p must be a number above 0 and at most 1, but it is 'x'."),
        (["--lr", "-1"], "lr must be a number above 0, or auto, but it is -1."),
        (
            ["--n-dense", "600", "--n-sparse", "512"],
            "n_dense must be a whole number from 1 to n_sparse − 1 = 511, but it is 600",
        ),
        (["--device", "cuda:99"], "device must be auto, cpu, cuda, cuda:N or mps, but it is"),
        (["--ratio", "2"], "ratio must be a number from"),
        (["--ratio", "0.0001", "--n-sparse", "64"], "ratio must be a number from"),
        (["--ratio", "0.5", "--n-dense", "4"], "give one of them"),
    ],
)
def test_bad_settings_are_one_sentence_and_exit_2(arguments, sentence, capsys):
    assert main(["train", *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert sentence in streams.err
    assert len(streams.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["train", "--p"]])
def test_unknown_words_exit_2(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("rugtui: ")


def test_the_ratio_sets_n_dense():
    assert dense_from_ratio(0.25, 512) == 128
    assert given_settings({"ratio": 0.25}).n_dense == 128
    with pytest.raises(SettingError):
        dense_from_ratio(0.999, 64)


def test_the_command_line_loads_neither_torch_nor_textual_for_theory():
    code = (
        "from rugtui.cli import main; main(['predict', '--json']); import sys; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"torch", "textual", "plotext", "rich"}


def test_a_reader_who_leaves_early_is_not_an_error(tmp_path):
    command = f"{sys.executable} -m rugtui predict --ratio 0.1:0.9:500 --json | head -c 9"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | private_home(tmp_path),
    )
    assert (done.returncode, done.stderr) == (0, "")
