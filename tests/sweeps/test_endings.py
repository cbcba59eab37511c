"""How `rugtui sweep` ends: exit code, messages and files."""

import json
import os
import pty
import signal
import sys

from rugtui.cli import main
from rugtui.sweeps.folder import ROWS, read_rows
from tests.processes import running, until
from tests.sweeps.in_process import read_parquet

TINY = ["--n-sparse", "16", "--ratio", "0.25", "--p", "0.1", "--device", "cpu", "--samples", "64"]
LONG = [*TINY[:4], "--p", "0.1,0.2,0.3", "--kinds", "theory,trained",
        "--patience", "0", "--steps", "300000", "--device", "cpu"]  # fmt: skip


def sweep(folder, *options):
    return [sys.executable, "-m", "rugtui", "sweep", "--out", str(folder), *options]


def has_rows(folder):
    return (folder / ROWS).exists() and len(read_rows(folder).rows) >= 3


def test_failed_cells_are_exit_1_with_the_first_reason_even_if_quiet(tmp_path, capsys):
    wild = ["--kinds", "trained", "--lr", "1e30", "--steps", "20"]
    out = tmp_path / "sweep"
    assert main(["sweep", "--out", str(out), *TINY, *wild, "--json"]) == 1
    streams = capsys.readouterr()
    told = json.loads(streams.out)
    assert (told["failed"], told["stop_reason"]) == (1, "done")
    assert told["first_error"].startswith("trained 16 × 4, p 0.1, seed 0: diverged by step")
    for options in ([], ["--quiet"]):
        assert f"1 cell failed, the first one: {told['first_error']}" in streams.err
        assert "--retry-failed` computes them again" in streams.err
        assert main(["sweep", "--out", str(out), *options]) == 1  # nothing is left to compute
        streams = capsys.readouterr()


def test_a_sweep_that_is_stopped_says_how_to_continue(tmp_path):
    out = tmp_path / "a sweep"
    with running(sweep(out, *LONG, "--quiet", "--json"), stdout=-1, stderr=-1) as program:
        until(lambda: has_rows(out))
        program.send_signal(signal.SIGTERM)
        told, said = program.communicate()
    assert program.returncode == 128 + signal.SIGTERM
    word = f"stopped by SIGTERM: 3 of 6 cells are kept; `rugtui sweep --out '{out}'` computes"
    assert word in said.decode()
    assert word in (out / "log.txt").read_text()
    facts = json.loads(told)
    assert (facts["done"], facts["left"], facts["stop_reason"]) == (3, 3, "SIGTERM")
    assert len(read_parquet(out / "results.parquet")) == 3
    assert len((out / "results.csv").read_text().splitlines()) == 4


def test_a_sweep_continues_when_its_terminal_closes(tmp_path):
    """The kernel signals every process of the terminal, including those that compute."""
    out = tmp_path / "sweep"
    ours, theirs = pty.openpty()
    more = ["--kinds", "theory,trained,rug", "--seed", "0,1,2", "--steps", "50"]
    command = sweep(out, *TINY, *more)
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with running(command, start_new_session=True, preexec_fn=own_terminal, **ends) as program:
        os.close(theirs)
        until(lambda: (out / ROWS).exists())
        os.close(ours)
        assert program.wait(60) == 0
    assert "the terminal is gone; the sweep goes on" in (out / "log.txt").read_text()
    assert {row.status for row in read_parquet(out / "results.parquet")} == {"done"}
    assert len((out / "results.csv").read_text().splitlines()) == 8


def own_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
