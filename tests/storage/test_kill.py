"""kill -9 at random moments."""

import itertools
import json
import subprocess
import sys

import numpy as np
import torch

from rugtui.live.history import NAMES
from rugtui.live.run_session import RunSession
from rugtui.storage.checkpoint import newest
from rugtui.storage.checkpoint_writer import CheckpointWriter
from rugtui.storage.history_file import read_past
from rugtui.storage.run_directory import all_runs
from rugtui.training.kernels import pace
from tests.storage.some import SETTINGS

KILLS = 20


def test_a_run_killed_at_random_moments_resumes_from_its_last_save_with_the_same_numbers(
    tmp_path, monkeypatch
):
    command = [sys.executable, "-m", "tests.storage.kill", str(tmp_path), str(KILLS), "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=110)
    lives = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lives) == KILLS
    for before, after in itertools.pairwise(lives):
        # Whatever has a checkpoint's name is whole: the newest is the one that is taken up.
        last = int(before["left"][0].split("-")[1].split(".")[0]) if before["left"] else 0
        assert after["step"] == last
        assert len(before["left"]) <= 3
    assert lives[-1]["step"] > lives[1]["step"]
    # It saves without a pause: what is lost is what one save takes, on a machine that may be busy.
    assert np.median([life["lost"] for life in lives]) < 0.2

    (run,) = all_runs(tmp_path)
    checkpoint = newest(run)[1]
    monkeypatch.setattr(pace, "PRODUCTS", 1e7)  # as the others
    through = RunSession.new(SETTINGS.replace(steps=0), into=tmp_path / "through")
    while through.trainer.step < checkpoint.step:
        through.advance(lambda: through.trainer.step >= checkpoint.step)
    wanted = through.trainer.state().tensors
    assert all(torch.equal(wanted[name], kept) for name, kept in checkpoint.state.tensors.items())
    past = read_past(run, NAMES)[0].until(checkpoint.step)
    ours = through.history.past().table
    assert past.table.shape == ours.shape
    np.testing.assert_array_equal(np.delete(past.table, 1, axis=0), np.delete(ours, 1, axis=0))
    through.close("paused")

    # What was being written aside is gone once somebody takes the run up.
    CheckpointWriter(SETTINGS, device="cpu", run=run).close(5)
    assert not list(run.glob(".*.aside"))
