"""Folders: a missing home, folders that a user names, and who may read what is written."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rugtui.cli import main
from rugtui.cli.config_file import config_path
from rugtui.storage.run_directory import all_runs, checkpoints, find_run, runs_folder

SMALL = ["--n-sparse", "16", "--n-dense", "4", "--device", "cpu", "--quiet"]
TRAIN = ["train", *SMALL, "--steps", "4", "--json"]


def trained(capsys, *options):
    assert main([*TRAIN, *options]) == 0
    return Path(json.loads(capsys.readouterr().out)["run"])


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the system does not know, as in a container."""

    def unknown(_):
        raise KeyError("uid not found")

    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_without_a_home_commands_with_folders_of_their_own_work(homeless, tmp_path, capsys):
    assert main(["predict", "--ratio", "0.25", "--p", "0.1"]) == 0
    capsys.readouterr()
    assert trained(capsys, "--into", str(tmp_path)).parent == tmp_path
    run = str(next(tmp_path.glob("*-sgd")))
    assert main(["export", run, "--format", "csv", "-o", str(tmp_path / "x.csv")]) == 0
    assert main(["predict", "~/x.npz"]) == 2
    assert main([*TRAIN, "--init", "~/x.npz", "--into", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    "command", [["runs"], ["resume", "--no-screen"], TRAIN, ["export", "--format=csv"]]
)
def test_without_a_home_other_commands_say_what_to_set(homeless, command, capsys):
    assert main([*command]) in (1, 2)
    said = capsys.readouterr().err
    assert "no home directory" in said
    assert "set HOME or XDG_STATE_HOME to an absolute path" in said


def test_without_a_home_doctor_says_so(homeless, capsys):
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["checks"]
    assert not found["runs"]["works"]
    assert "set HOME or XDG_STATE_HOME" in found["runs"]["advice"][0]
    assert "set HOME or XDG_CONFIG_HOME" in found["config_folder"]["advice"][0]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_an_unknown_user_id_gets_no_traceback():
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME")
    }
    command = [sys.executable, "-m", "rugtui", *TRAIN]
    done = subprocess.run(
        command,
        env=kept,
        preexec_fn=lambda: os.setresuid(12345, 0, 0),
        capture_output=True,
        text=True,
    )
    assert "no home directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_relative_xdg_path_is_reported_and_not_used(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", "mine")
    assert main(["runs"]) == 0
    said = "XDG_STATE_HOME is ignored: it must be an absolute path, but it is 'mine'."
    assert said in capsys.readouterr().err
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"]["runs"]["advice"] == [said]
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [*TRAIN, "--into", ""],
        ["sweep", "--out", ""],
        ["export", "-o", "", "--format", "csv"],
        ["figures", ""],
        ["rug", "--save", ""],
        ["study", "plateau", "--out", " "],
    ],
)
def test_an_empty_path_is_refused(arguments, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "it must be a path, but it is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_into_a_run_is_refused(capsys, tmp_path):
    run = trained(capsys, "--into", str(tmp_path))
    before = sorted(run.rglob("*"))
    for folder, what in ((run, "run"), (next(run.glob("snapshots/*")), "snapshot")):
        assert main([*TRAIN, "--into", str(folder)]) == 2
        assert f"is a {what}: name another" in capsys.readouterr().err
    assert sorted(run.rglob("*")) == before


def test_a_file_to_write_needs_its_folder(capsys, tmp_path):
    run = str(trained(capsys, "--into", str(tmp_path)))
    missing = str(tmp_path / "missing" / "x.npz")
    for command in (["export", run, "-o", missing], ["rug", "--n-sparse", "16", "--n-dense", "4",
                    "--save", missing], ["rug", "--picture", missing]):  # fmt: skip
        assert main(command) == 2
        assert f"there is no folder '{tmp_path}/missing': make it" in capsys.readouterr().err


def modes(folder):
    paths = [folder, *folder.rglob("*")]
    return {stat.S_IMODE(path.lstat().st_mode) for path in paths if not path.is_symlink()}


@pytest.mark.parametrize(
    ("umask", "expected"),
    [(0o022, {0o755, 0o644}), (0o002, {0o775, 0o664}), (0o077, {0o700, 0o600})],
)  # fmt: skip
def test_files_in_a_named_folder_follow_the_umask(
    umask, expected, tmp_path, capsys, sweeps_in_this_process
):
    before = os.umask(umask)
    try:
        run = trained(capsys, "--into", str(tmp_path / "new" / "runs"))
        written = [tmp_path / "x.npz", tmp_path / "x.csv"]
        for path in written:
            assert main(["export", str(run), "-o", str(path)]) == 0
        grid = ["--n-sparse", "16", "--ratio", "0.25", "--p", "0.1", "--kinds", "linear"]
        assert main(["sweep", "--out", str(tmp_path / "sweep"), *grid]) == 0
    finally:
        os.umask(before)
    assert modes(tmp_path / "new") == modes(tmp_path / "sweep") == expected
    assert {path.stat().st_mode & 0o777 for path in written} == {min(expected)}


def test_private_state_stays_private(capsys, private_state):
    before = os.umask(0o000)
    try:
        run = trained(capsys)
        assert main(["export", str(run), "-o", str(runs_folder() / "x.csv")]) == 0
    finally:
        os.umask(before)
    assert run.parent == runs_folder()
    assert modes(private_state / "rugtui") == {0o700, 0o600}


def copied(folder, how):
    """A copy of a state folder, whose files have the time of copying."""
    if how == "cp -rL":
        (copy := folder.with_name("copy")).mkdir()
        for path in folder.iterdir():
            shutil.copytree(path, copy / path.name)
    else:
        copy = shutil.copytree(folder, folder.with_name("copy"), symlinks=True)
        (copy / "latest").unlink()
    return copy


@pytest.fixture
def clock(monkeypatch):
    """Sets the clock that file names are made with forward by some minutes."""

    def forward(minutes):
        now = time.localtime(begun + 60 * minutes)
        monkeypatch.setattr("time.strftime", lambda form, *_: strftime(form, now))

    begun, strftime = time.time(), time.strftime
    return forward


@pytest.mark.parametrize("how", ["cp -rL", "without links"])
def test_in_a_copied_folder_the_newest_run_is_found_by_its_contents(how, capsys, clock):
    first = trained(capsys)
    clock(1)
    second = trained(capsys, "--seed", "1")
    copy = copied(runs_folder(), how)
    assert find_run(None, copy).name == second.name
    shutil.rmtree(runs_folder())
    copy.rename(runs_folder())
    clock(2)  # the older one goes on, and so is the newest
    assert main(["resume", first.name, "--no-screen", "--steps", "8", "--quiet"]) == 0
    assert find_run(None).name == first.name
    capsys.readouterr()
    assert main(["export", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 8
    assert main(["runs", "--prune", "--keep", "1", "--snapshots", "--yes"]) == 0
    assert [run.name for run in all_runs()] == [first.name]


@pytest.mark.parametrize("what", ["run", "snapshot"])
def test_the_history_is_exported_if_only_the_weights_are_damaged(what, capsys, tmp_path):
    run = trained(capsys, "--into", str(tmp_path))
    folder = run if what == "run" else next(run.glob("snapshots/*"))
    assert main(["export", str(folder), "--format", "csv"]) == 0
    sound = capsys.readouterr().out
    files = checkpoints(run) if what == "run" else folder.glob("*.safetensors")
    for path in files:
        path.write_bytes(path.read_bytes()[:-9])
    assert main(["export", str(folder), "--format", "csv"]) == 0
    streams = capsys.readouterr()
    assert streams.out == sound
    assert "damaged" in streams.err
    assert main(["export", str(folder), "--format", "npz"]) == 2


@pytest.mark.parametrize(
    ("text", "options", "sizes"),
    [
        ("n_sparse = 64", [], (64, 16)),
        ("n_sparse = 2", [], (2, 1)),
        ("n_sparse = 64", ["--n-dense", "4"], (64, 4)),
        ("n_sparse = 64", ["--n-sparse", "256"], (256, 128)),
        ("n_sparse = 64", ["--ratio", "0.5"], (64, 32)),
        ("n_sparse = 64", ["--preset", "paper"], None),
        ("n_dense = 600", ["--n-sparse", "1024"], (1024, 600)),
        ("n_dense = 600", ["--n-dense", "8"], (512, 8)),
        ("n_dense = 600", ["--ratio", "0.5"], (512, 256)),
    ],
)
def test_options_replace_values_of_the_config_file(text, options, sizes, capsys):
    config_path().parent.mkdir(parents=True)
    config_path().write_text(f"[settings]\n{text}\n")
    assert main(["train", "--device", "cpu", "--quiet", "--json", "--steps", "1", *options]) == 0
    streams = capsys.readouterr()
    facts = json.loads(streams.out)
    assert streams.err == ""
    assert sizes is None or (facts["n_sparse"], facts["n_dense"]) == sizes
