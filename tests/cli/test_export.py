"""`rugtui export`: what others read is what was saved."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import rugtui
from rugtui.cli import main
from rugtui.runs.snapshot import write_snapshot
from rugtui.session.course import Course
from tests.runs.some import SETTINGS


@pytest.fixture
def course(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    course = Course.new(SETTINGS)
    for _ in range(3):
        course.advance(bool)
    course.leave("paused")
    return course


@pytest.fixture
def snapshot(course):
    weights = course.training.weights()
    return write_snapshot(
        course.keeper.run,
        course.moment("paused"),
        kind="trained",
        weights=weights,
        facts={},
        screen_svg="<svg/>",
    )


def exported(capsysbinary, *arguments):
    assert main(["export", *arguments]) == 0
    return capsysbinary.readouterr().out


def test_weights_as_safetensors_and_npz(course, capsysbinary, tmp_path):
    printed = exported(capsysbinary, "--format", "safetensors").decode().strip()
    found = load_file(tmp_path / printed)
    assert torch.equal(found["W_out"], course.training.weights().W_out)
    exported(capsysbinary, "-o", "x.npz")
    arrays = np.load("x.npz", allow_pickle=False)
    np.testing.assert_array_equal(arrays["W_in"], course.training.weights().W_in.numpy())
    np.testing.assert_array_equal(arrays["history_loss"], course.history.view().column("loss"))
    assert json.loads(str(arrays["settings"]))["p"] == 0.2


def test_history_as_csv_has_all_digits(course, capsysbinary):
    text = exported(capsysbinary, "--format", "csv").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    view = course.history.view()
    for name in ("loss", "smoothed"):
        assert [float(row[name]) for row in rows] == view.column(name).tolist()


def test_facts_as_json(course, snapshot, capsysbinary):
    of_run = json.loads(exported(capsysbinary, "--format", "json"))
    assert of_run["statistics"]["exact"] > 0
    assert of_run["theory"]["loss"] > 0
    assert of_run["units"]["loss"]
    assert of_run["rugtui"] == rugtui.__version__
    of_snapshot = json.loads(exported(capsysbinary, "--format", "json", str(snapshot)))
    assert of_snapshot["settings"] == of_run["settings"]


def test_pictures(course, snapshot, capsysbinary):
    assert exported(capsysbinary, "--format", "png", "-o", "-").startswith(b"\x89PNG")
    assert exported(capsysbinary, "--format", "svg", "-o", "-") == b"<svg/>"
    assert exported(capsysbinary, "--format", "svg", "-o", "-", str(snapshot)) == b"<svg/>"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--format must be one of"),
        (["--format", "svg"], "`s` in the dashboard saves one"),
        (["-o", "there.csv"], "--force writes over it"),
        (["--format", "csv", "nowhere"], "there is no run 'nowhere'"),
    ],
)
def test_what_cannot_be_is_said(course, capsysbinary, tmp_path, arguments, said):
    (tmp_path / "there.csv").write_text("precious")
    assert main(["export", *arguments]) == 2
    assert said in capsysbinary.readouterr().err.decode()
    assert (tmp_path / "there.csv").read_text() == "precious"
