"""The output of `--json`, validated by the JSON Schema of each command."""

import json

import jsonschema
import numpy as np
import pytest

from rugtui.cli import COMMANDS, main
from rugtui.vocabulary import COMMANDS as DESCRIBED
from rugtui.vocabulary import NAMES, OLD, SCHEMA_VERSION, markdown, schema

SMALL = ["--n-sparse=16", "--n-dense=4", "--steps=20", "--batch=32", "--device=cpu"]


@pytest.fixture
def valid(capsys):
    """The JSON that a command line prints, validated by the command's schema."""

    def printed(*arguments, code=0):
        assert main([*arguments, "--json"]) == code
        found = json.loads(capsys.readouterr().out)
        jsonschema.validate(found, schema(arguments[0]))
        assert found["schema_version"] == SCHEMA_VERSION
        return found

    return printed


def test_every_schema_is_valid_and_describes_a_command():
    assert set(DESCRIBED) <= set(COMMANDS)
    for command in DESCRIBED:
        jsonschema.Draft202012Validator.check_schema(schema(command))
    assert all(f"`{name}`" in markdown() for name in NAMES)
    assert {new for names in OLD.values() for new in names.values()} <= set(NAMES)


def test_predict_has_one_shape_for_one_point_and_for_many(valid, tmp_path):
    one, many = valid("predict"), valid("predict", "--p=0.1,0.2")
    assert len(one["predictions"]) == 1
    assert len(many["predictions"]) == 2
    assert set(one["predictions"][0]) == set(many["predictions"][1])
    for old, new in OLD["predict"].items():
        assert one["predictions"][0].get(old) == one["predictions"][0].get(new)
    path = tmp_path / "w.safetensors"
    valid("rug", "--n-sparse=16", "--n-dense=4", f"--save={path}", "--samples=64")
    of_file = valid("predict", str(path))
    assert of_file["exact"] == of_file["loss_exact"]


def test_train_says_which_loss_why_it_stopped_and_on_how_many_threads(valid, tmp_path):
    told = valid("train", *SMALL, "--quiet", f"--into={tmp_path}")
    assert told["loss_kind"] == "heldout"
    assert told["stop_reason"] == "20 steps done"
    assert told["threads"] >= 1
    assert told["loss_gaussian"] == pytest.approx(told["loss"], rel=0.5)
    again = valid("resume", told["run"], "--no-screen", "--steps=40", "--quiet")
    assert again["steps"] == 40


def test_the_json_of_the_other_commands_matches_their_schemas(
    valid, tmp_path, monkeypatch, sweeps_in_this_process
):
    monkeypatch.chdir(tmp_path)
    assert valid("runs")["runs"] == []
    assert valid("doctor", code=1)["works"] is False
    told = valid("train", *SMALL, "--quiet")
    valid("runs")
    opened = valid("open")
    assert opened["loss_gaussian"] == pytest.approx(told["loss_gaussian"])
    assert valid("watch")["state"] == "finished"
    written = valid("export", "--format=npz", "--output=w.npz")
    assert written["bytes"] == (tmp_path / "w.npz").stat().st_size
    assert valid("open", "w.npz")["p"] == 0.05
    W = np.ones((4, 16), np.float32)
    np.savez("plain.npz", W_in=W, W_out=W.T, b=W[0])
    assert valid("open", "plain.npz")["p"] is None
    assert valid("open", "plain.npz", "--p=0.05")["theory_loss"] == told["theory_loss"]
    axes = ["--n-sparse=16", "--ratio=0.25", "--p=0.1", "--kinds=theory,linear", "--quiet"]
    assert valid("sweep", *axes, "--out=grid")["done"] == 2
    valid("figures", "out", "--sweep=grid")
    valid("study", "plateau", "--n-sparse=16", "--steps=20", "--batch=32", "--quiet")


def test_export_writes_new_and_old_names_and_event_files(capsys, tmp_path, monkeypatch):
    from tensorboardX.proto.event_pb2 import Event

    monkeypatch.chdir(tmp_path)
    assert main(["train", *SMALL, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["export", "--format=json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["statistics"]["exact"] == found["statistics"]["loss_exact"]
    assert found["theory"]["r"] == found["theory"]["ratio"]
    assert main(["export", "--format=tensorboard", "--output=events"]) == 0
    assert main(["export", "--format=tensorboard", "--output=events"]) == 2
    (file,) = (tmp_path / "events").iterdir()
    content, losses = file.read_bytes(), {}
    while content:  # length, its checksum, the event, its checksum
        length = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]
        for value in event.summary.value:
            if value.tag == "loss/train":
                losses[event.step] = value.simple_value
    assert main(["export", "--format=csv"]) == 0
    *_, rows = capsys.readouterr().out.partition("step,")
    steps = [int(float(line.split(",")[0])) for line in rows.splitlines()[1:]]
    assert sorted(losses) == steps
