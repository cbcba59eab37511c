"""A command that cannot save its result says so and exits with 1."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading

import pytest

from rugtui.cli import main
from rugtui.cli import train as train_command
from rugtui.storage.checkpoint import newest
from rugtui.storage.listing import listed
from rugtui.storage.run_directory import LOG, SNAPSHOTS, all_runs, find_run
from tests.processes import running, until
from tests.storage.places import full_disk, read_only

TRAIN = ["train", "--n-sparse", "64", "--n-dense", "16", "--batch", "64", "--device", "cpu"]
RUGTUI = [sys.executable, "-m", "rugtui"]


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(train_command, "HELDOUT_SAMPLES", 64)


@contextlib.contextmanager
def no_file_above(size):
    """No file may grow beyond this many bytes, as when a quota is used up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("size", "lost"),
    [
        (100, "this run is not saved: [Errno 27] File too large: '.*run.json'"),
        (4000, "not saved at step 300: [Errno 27] File too large: '.*checkpoint-"),
    ],
)
@pytest.mark.parametrize("quiet", [["--quiet"], []])
def test_weights_that_could_not_be_saved(size, lost, quiet, tmp_path, capsys):
    command = [*TRAIN, "--steps", "300", "--json", "--into", str(tmp_path), *quiet]
    with no_file_above(size):
        assert main(command) == 1
    out, error = capsys.readouterr()
    result = json.loads(out)
    assert (result["steps"], result["saved_step"]) == (300, None)
    first, _, name = lost.partition(".*")
    assert f"rugtui: {first}" in error
    assert name in error
    assert "rugtui: not saved: [Errno 27] File too large" in error
    assert not list(tmp_path.glob("**/.*"))


def test_a_disk_that_fills_up_says_which_step_was_the_last(tmp_path, capsys):
    with full_disk("mount", tmp_path / "disk") as disk:
        assert main([*TRAIN, "--steps", "100", "--quiet", "--into", str(disk.folder)]) == 0
        (run,) = all_runs(disk.folder)
        capsys.readouterr()
        disk.fill()
        resume = ["resume", "--no-screen", str(run), "--steps", "300", "--quiet", "--json"]
        assert main(resume) == 1  # and nothing is computed that could not be kept
        assert f"No space left on device: '{run / 'lock'}'" in capsys.readouterr().err
        filler = disk.folder / "filler"
        os.truncate(filler, filler.stat().st_size - 4096)  # enough for the lock alone
        assert main(resume) == 1
        out, error = capsys.readouterr()
        assert json.loads(out)["saved_step"] == 100
        assert "rugtui: not saved since step 100: [Errno 28] No space left on device" in error
        assert "snapshot not written: [Errno 28] No space left on device" in error
        disk.free()
        assert newest(run)[1].step == 100
        assert listed(run).snapshots == 1
        assert [path.name for path in (run / SNAPSHOTS).iterdir()] == ["00000100-trained"]
        assert main(resume) == 0
        assert json.loads(capsys.readouterr().out)["saved_step"] == 300


def test_a_folder_that_is_read_only(tmp_path, capsys, monkeypatch):
    with read_only(tmp_path, monkeypatch):
        command = [*TRAIN, "--steps", "50", "--quiet", "--json", "--into", str(tmp_path)]
        assert main(command) == 1
    out, error = capsys.readouterr()
    assert json.loads(out)["run"] is None
    assert "rugtui: this run is not saved: [Errno" in error


@pytest.mark.parametrize(
    "command",
    [
        ["export", "--format", "npz", "-o", "FILE.npz"],
        ["export", "--format", "csv", "-o", "FILE.csv"],
        ["export", "--format", "png", "-o", "FILE.png"],
        ["rug", "--n-sparse", "64", "--n-dense", "16", "--save", "FILE.safetensors"],
        ["rug", "--n-sparse", "64", "--n-dense", "16", "--picture", "FILE.png"],
    ],
)
def test_exported_files_that_could_not_be_written(command, tmp_path, capsys):
    main([*TRAIN, "--steps", "100", "--quiet"])
    capsys.readouterr()
    command = [part.replace("FILE", str(tmp_path / "file")) for part in command]
    with no_file_above(100):
        assert main(command) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"rugtui: [Errno 27] File too large: '{command[-1]}'"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [["predict", "--json"], ["doctor", "--template"]])
def test_results_that_could_not_be_printed(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*RUGTUI, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "rugtui: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_a_result_and_says_how_to_continue(number, capsys):
    """The log, standard error and standard output agree."""
    ended = threading.Event()

    def send():
        logs = lambda: [run / LOG for run in all_runs() if (run / LOG).exists()]  # noqa: E731
        until(lambda: any("began" in log.read_text() for log in logs()))
        if not ended.is_set():
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    code = main([*TRAIN, "--steps", "0", "--json", "--on-hangup", "stop"])
    ended.set()
    sender.join()
    out, error = capsys.readouterr()
    assert code == 128 + number
    result, run = json.loads(out), find_run(None)
    step, name = result["steps"], signal.Signals(number).name
    assert result["saved_step"] == step == newest(run)[1].step
    kept = f"Step {step:,} is saved in {run}; `rugtui resume {run.name}` continues from there."
    assert f"rugtui: ended by {name}. {kept}\n" in error
    log = (run / LOG).read_text()
    assert f"paused at step {step:,} by {name}: {kept}\n" in log
    assert f'"steps": {step}' in log


def test_a_result_reaches_its_file_after_a_hangup(tmp_path):
    command = [*RUGTUI, *TRAIN, "--steps", "5000", "--json", "--quiet"]
    with (tmp_path / "out").open("w") as out, running(command, stdout=out) as process:
        until(lambda: all_runs() and (find_run(None) / LOG).exists())
        process.send_signal(signal.SIGHUP)
        assert process.wait(100) == 0
    assert json.loads((tmp_path / "out").read_text())["steps"] == 5000
