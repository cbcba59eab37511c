"""Checkpoints come back as written, or are refused by name and the older one is used."""

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save_file

from rugtui.errors import DamagedError, RunError
from rugtui.settings.settings import Settings
from rugtui.storage import tensors
from rugtui.storage.checkpoint import newest, read_checkpoint, restore, write_checkpoint
from rugtui.storage.run_directory import checkpoints
from rugtui.training.trainer import Trainer
from tests.storage.some import SETTINGS, damage, some_checkpoint, some_training


def same(one, two) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path):
    written = some_checkpoint(phase="paused", results=7)
    read = read_checkpoint(write_checkpoint(tmp_path, written))
    assert same(read.state.tensors, written.state.tensors)
    for name in ("settings", "seconds", "phase", "device", "loss", "results", "step"):
        assert getattr(read, name) == getattr(written, name)
    assert read.state.facts == written.state.facts


def test_any_safetensors_reader_reads_it(tmp_path):
    written = some_checkpoint()
    path = write_checkpoint(tmp_path, written)
    assert same(load_file(path), written.state.tensors)


def test_random_damage_is_refused_by_name_and_the_older_checkpoint_used(tmp_path):
    old, written = some_checkpoint(3), some_checkpoint(5)
    write_checkpoint(tmp_path, old)
    path = write_checkpoint(tmp_path, written)
    content, rng = path.read_bytes(), np.random.default_rng(1)
    refused = harmless = 0
    for _ in range(300):
        path.write_bytes(damage(content, rng))
        _, read, said = newest(tmp_path)
        if said:
            refused += path.name in said[0]
        else:  # what was hit means nothing: white space that pads the header
            harmless += 1
        whole = old if said else written
        assert same(read.state.tensors, whole.state.tensors)
        assert (read.settings, read.step) == (whole.settings, whole.step)
    assert refused + harmless == 300
    assert harmless < 15


def test_if_all_checkpoints_are_damaged_all_are_named(tmp_path):
    write_checkpoint(tmp_path, some_checkpoint(3))
    bad = write_checkpoint(tmp_path, some_checkpoint(5))
    bad.write_bytes(bad.read_bytes()[:-1])
    path, checkpoint, refused = newest(tmp_path)
    assert checkpoint.step == 3
    assert path.name == "checkpoint-00000003.safetensors"
    assert bad.name in refused[0]
    path.write_bytes(b"")
    with pytest.raises(DamagedError, match=r"00000005.*00000003"):
        newest(tmp_path)


def test_no_checkpoint_is_no_error(tmp_path):
    assert newest(tmp_path) is None


def test_order_is_by_step_and_other_files_do_not_matter(tmp_path):
    for name in (
        "checkpoint-9",
        "checkpoint-100000000",
        "checkpoint-x",
        "checkpoint-7.safetensors.1",
    ):
        (tmp_path / f"{name}.safetensors").touch()
    names = [path.name for path in checkpoints(tmp_path)]
    assert names == ["checkpoint-100000000.safetensors", "checkpoint-9.safetensors"]


def test_a_checkpoint_of_a_newer_version_is_neither_read_nor_skipped(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, some_checkpoint(3))
    with monkeypatch.context() as newer:
        newer.setattr(tensors, "FORMAT", tensors.FORMAT + 1)
        write_checkpoint(tmp_path, some_checkpoint(4))
    with pytest.raises(RunError, match=r"00000004.*newer rugtui \(format 2"):
        newest(tmp_path)


def test_tensors_that_do_not_fit_the_settings_are_refused(tmp_path):
    honest = some_checkpoint()
    lie = some_checkpoint(settings=Settings(n_sparse=1 << 20, n_dense=1 << 19))
    path = write_checkpoint(tmp_path, lie)
    with pytest.raises(DamagedError, match="do not have the size"):
        read_checkpoint(path)
    wrong = {name: torch.zeros(99) for name in honest.state.tensors}
    for name in wrong:
        state = type(honest.state)({**honest.state.tensors, name: wrong[name]}, honest.state.facts)
        path = write_checkpoint(tmp_path, some_checkpoint(state=state))
        with pytest.raises(DamagedError, match="not match its own settings"):
            restore(path, read_checkpoint(path))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"__metadata__": {"facts": "{}"}},
        {"__metadata__": {"facts": "[]", "facts_sha256": "0"}},
        {"__metadata__": 3},
        {"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}},
        [],
    ],
)
def test_a_huge_hostile_file_is_refused_unread(tmp_path, header):
    path = tmp_path / "checkpoint-1.safetensors"
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(1 << 30)
    with pytest.raises(DamagedError, match=path.name):
        read_checkpoint(path)


@pytest.mark.parametrize("length", [0, 1, 1 << 30, (1 << 64) - 1])
def test_an_impossible_header_length_is_refused(tmp_path, length):
    path = tmp_path / "checkpoint-1.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", length))
        file.truncate(1 << 30)
    with pytest.raises(DamagedError, match="not a safetensors file"):
        read_checkpoint(path)


def test_a_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "checkpoint-1.safetensors"
    save_file({"flat": torch.zeros(99)}, path)
    with pytest.raises(DamagedError, match="rugtui"):
        read_checkpoint(path)


def test_invalid_settings_in_a_checkpoint_are_refused(tmp_path):
    honest = some_checkpoint()
    facts = {"settings": {"n_sparse": -1}, "state": {}, "seconds": 0}
    for settings in ({"n_sparse": -1}, {"unheard_of": 1}, {"p": "0.1"}, 3, None):
        path = tmp_path / "checkpoint-1.safetensors"
        facts["settings"] = settings
        path.write_bytes(tensors.pack(honest.state.tensors, facts))
        with pytest.raises(DamagedError, match="settings"):
            read_checkpoint(path)


def test_a_run_that_began_from_a_file_resumes_without_it(tmp_path):
    file = tmp_path / "w.npz"
    begun = some_training().weights()
    np.savez(file, **{name: getattr(begun, name).numpy() for name in ("W_in", "W_out", "b")})
    training = Trainer(SETTINGS.replace(init=str(file)))
    training.advance()
    path = write_checkpoint(
        tmp_path, some_checkpoint(settings=training.settings, state=training.state())
    )
    file.unlink()
    again = restore(path, read_checkpoint(path))
    assert torch.equal(again.weights().W_out, training.weights().W_out)
    assert again.advance() == training.advance()


def test_safetensors_reads_what_is_written_in_pieces():
    known = {
        "bytes": torch.arange(7, dtype=torch.uint8),
        "sum": torch.tensor(0.1, dtype=torch.float64),
        "none": torch.empty(0, 3),
        "turned": torch.arange(6.0).view(2, 3).T,
        "quiet": torch.arange(5),
        "on": torch.tensor([True, False, True]),
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    back = load(tensors.pack(known, {"step": 1}))
    assert back.keys() == known.keys()
    for name, tensor in known.items():
        assert back[name].dtype is tensor.dtype
        assert torch.equal(back[name], tensor)
