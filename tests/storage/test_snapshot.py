"""Snapshots and runs come back as they were saved, or are refused with the name of the file."""

import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import rugtui
from rugtui.errors import DamagedError, RunError
from rugtui.live.history import NAMES
from rugtui.live.run_session import RunSession
from rugtui.storage.checkpoint import restore
from rugtui.storage.checkpoint_writer import CheckpointWriter, RunState
from rugtui.storage.files import read_json, write_json
from rugtui.storage.run_directory import checkpoints
from rugtui.storage.snapshot import read_snapshot, write_snapshot
from tests.storage.some import SETTINGS, damage
from tests.test_imports import loaded_by


@pytest.fixture
def session(tmp_path):
    session = RunSession.new(SETTINGS, into=tmp_path)
    for _ in range(3):
        session.advance(bool)
    session.history.mark(session.trainer.step, "p 0.3")
    session.save("paused")
    assert session.writer.wait(10)
    yield session
    session.close("paused")


@pytest.fixture
def snapshot(session, tmp_path):
    weights = session.trainer.weights()
    facts = {"loss": 0.5, "statistics": {"exact": float("nan")}}
    return write_snapshot(
        session.writer.run,
        session.run_state("paused"),
        kind="trained",
        weights=weights,
        facts=facts,
    )


def equal(one, two):
    return all(
        torch.equal(getattr(one, name), getattr(two, name)) for name in ("W_in", "W_out", "b")
    )


@pytest.mark.parametrize("place", ["run", "snapshot"])
def test_runs_and_snapshots_load_as_they_were_saved(session, snapshot, place):
    saved = rugtui.load(snapshot if place == "snapshot" else str(session.writer.run))
    assert equal(saved.weights, session.trainer.weights())
    assert saved.settings == SETTINGS
    assert (saved.step, saved.kind) == (session.trainer.step, "trained")
    np.testing.assert_array_equal(saved.history["loss"], session.history.view().column("loss"))
    assert saved.marks == ((session.trainer.step, "p 0.3"),)
    assert torch.__version__.startswith(saved.facts["torch"])  # a wheel's name may be less
    assert saved.notes == ()


def test_a_snapshot_contains_theory_and_units(snapshot):
    facts = read_json(snapshot / "snapshot.json")
    assert facts["theory"]["linear"] == pytest.approx(0.75 * (0.2 / 3 - 0.01))
    assert facts["statistics"]["exact"] is None
    assert "mean squared error per feature" in facts["units"]["loss"]
    assert facts["settings"]["n_sparse"] == 8


def test_training_goes_on_from_a_snapshot_bit_for_bit(session, snapshot):
    (path,) = checkpoints(snapshot)
    again = restore(path, rugtui.storage.checkpoint.read_checkpoint(path))
    assert again.advance() == session.trainer.advance()
    assert equal(again.weights(), session.trainer.weights())


def test_random_damage_to_each_file_is_refused_by_name(snapshot):
    rng = np.random.default_rng(3)
    whole = read_snapshot(snapshot)
    files = sorted(snapshot.iterdir())
    assert {path.name for path in files} == {*whole["files"], "snapshot.json"}
    for path in files:
        content, harmless = path.read_bytes(), 0
        for _ in range(300):
            path.write_bytes(damage(content, rng))
            try:
                assert read_snapshot(snapshot) == whole
            except DamagedError as error:
                assert path.name in str(error)  # noqa: PT017
            else:
                harmless += 1
        assert harmless < (30 if path.name == "snapshot.json" else 1)  # white space was hit
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(DamagedError, match=path.name):
            rugtui.load(snapshot)
        path.write_bytes(content)
    rugtui.load(snapshot)


def test_a_huge_sparse_file_is_refused_unread(snapshot):
    for path in (snapshot / "weights.safetensors", snapshot / "history.csv"):
        whole = path.read_bytes()
        os.truncate(path, 1 << 43)  # 8 TiB, which take no room, and hours to read
        with pytest.raises(DamagedError, match=rf"{path.name}.* is damaged: it was changed after"):
            read_snapshot(snapshot)
        path.write_bytes(whole)
    assert read_snapshot(snapshot)["sizes"].keys() == read_snapshot(snapshot)["files"].keys()


def test_a_snapshot_cannot_name_files_outside_its_folder(snapshot):
    facts = read_json(snapshot / "snapshot.json")
    write_json(snapshot / "snapshot.json", facts | {"files": {"../../run.json": "0"}})
    with pytest.raises(DamagedError, match="outside its folder"):
        rugtui.load(snapshot)


def test_other_folders_and_runs_that_were_never_saved_are_refused(tmp_path):
    with pytest.raises(RunError, match="neither a run nor a snapshot"):
        rugtui.load(tmp_path)
    writer = CheckpointWriter(SETTINGS, device="cpu", into=tmp_path)
    writer.begin()
    with pytest.raises(RunError, match="never saved"):
        rugtui.load(writer.run)
    writer.close(5)


def test_a_run_is_loaded_by_its_name_and_weights_by_their_file(tmp_path):
    session = RunSession.new(SETTINGS)
    session.advance(bool)
    session.close("paused")
    assert rugtui.load(session.writer.run.name).step == session.trainer.step
    W = np.arange(12.0).reshape(3, 4)
    np.savez(tmp_path / "w.npz", W=W, b_final=np.ones(4))
    saved = rugtui.load(tmp_path / "w.npz")
    assert (saved.kind, saved.step, saved.settings.tied) == ("file", 0, True)
    assert (saved.settings.n_sparse, saved.settings.n_dense) == (4, 3)
    np.testing.assert_array_equal(saved.weights.W_out.T, W)
    assert set(saved.history) == {*NAMES}
    assert saved.past.table.size == 0


def test_weights_are_an_ordinary_safetensors_file(session, snapshot):
    found = load_file(snapshot / "weights.safetensors")
    assert torch.equal(found["W_in"], session.trainer.weights().W_in)


def test_loading_needs_no_textual(session):
    statement = f"import rugtui; rugtui.load({str(session.writer.run)!r})"
    assert not loaded_by(statement) & {"textual", "plotext", "click"}
    assert isinstance(session.run_state("paused"), RunState)
