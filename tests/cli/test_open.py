"""`rugtui open` from its command line to its exit, without a terminal."""

import functools

import numpy as np
import pytest
import torch
from textual.app import App

from rugtui.cli import dashboard, main
from rugtui.storage.checkpoint import newest
from rugtui.storage.run_directory import all_runs, find_run
from rugtui.tui.app import RugtuiApp
from tests.live.test_opening import tree


@pytest.fixture
def seat(monkeypatch):
    """Runs `rugtui open` with a function that acts as the user."""

    def seated(user, *arguments):
        async def sit(pilot):
            try:
                await user(pilot)
            finally:
                pilot.app.leave()

        sits = functools.partialmethod(App.run, headless=True, size=(120, 40), auto_pilot=sit)
        monkeypatch.setattr(RugtuiApp, "run", lambda self, **_: sits.__get__(self)())
        for name in ("require_terminal", "obey_signals", "watch_for_hangup"):
            monkeypatch.setattr(dashboard, name, lambda *_: None)
        monkeypatch.setattr(dashboard, "end_process", lambda code: code)  # the process is pytest's
        monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115 - it has a number
        monkeypatch.setattr(dashboard, "finish", lambda s, code, *_: s.finished.wait(20) and code)
        return main(["open", *arguments])

    return seated


@pytest.fixture
def file(tmp_path):
    """Four instances of tied weights, features first, as toy models of superposition keep them."""
    W = torch.randn(4, 16, 4, generator=torch.Generator().manual_seed(0))
    torch.save({"W": W, "b_final": torch.zeros(4, 16)}, tmp_path / "toy.pt")
    return tmp_path / "toy.pt"


async def until(pilot, condition, turns=1500):
    for _ in range(turns):
        if condition(pilot.app.latest):
            return pilot.app.latest
        await pilot.pause(0.02)
    raise AssertionError(f"it never came true of {pilot.app.latest}")


def test_weights_from_a_file_train_at_once_with_continue(seat, file, tmp_path):
    seen, before = [], tree(tmp_path)

    async def user(pilot):
        seen.append(await until(pilot, lambda f: f.phase == "training" and len(f.history)))

    options = ("--steps", "0", "--batch", "16", "--p", "0.2", "--device", "cpu")
    assert seat(user, f"{file}#2", "--continue", *options) == 0
    (frame,) = seen
    assert (frame.settings.tied, frame.settings.n_sparse, frame.settings.p) == (True, 16, 0.2)
    assert not frame.notices  # that it is only looked at would be wrong
    run = find_run(None)
    assert newest(run)[1].step >= frame.step > 0
    assert f"began from weights in {file}#2" in (run / "log.txt").read_text()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
def test_a_damaged_file_is_named_in_one_sentence_with_what_to_do(seat, suffix, tmp_path, capsys):
    path = tmp_path / f"half{suffix}"
    if suffix == ".npz":
        np.savez(path, W=np.ones((2, 4)))
    else:
        torch.save({"W": torch.ones(2, 4)}, path)  # as safetensors it is none
    path.write_bytes(path.read_bytes()[:-40])

    async def user(pilot):
        await until(pilot, lambda _: pilot.app.session.finished.is_set())

    assert seat(user, str(path)) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"rugtui: {path} is not a whole {suffix} file: ")
    assert said.endswith("; copy or save it again.\n")
    assert said.count("\n") == 1
    assert not all_runs()
