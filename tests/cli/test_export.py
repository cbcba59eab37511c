"""`rugtui export`: the files have what was saved."""

import csv
import html
import io
import json
import os
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import rugtui
from rugtui.cli import main
from rugtui.live.history import NAMES
from rugtui.live.run_session import RunSession
from rugtui.storage.kept_steps import kept_steps
from rugtui.storage.run_directory import all_runs
from rugtui.storage.snapshot import write_snapshot
from rugtui.tui.heatmap import animation as animation_module
from tests.live.test_opening import tree
from tests.storage.some import SETTINGS


@pytest.fixture
def session(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    session = RunSession.new(SETTINGS)
    for _ in range(3):
        session.advance(bool)
    session.close("paused")
    return session


@pytest.fixture
def snapshot(session):
    weights = session.trainer.weights()
    return write_snapshot(
        session.writer.run,
        session.run_state("paused"),
        kind="trained",
        weights=weights,
        facts={},
        screen_svg="<svg/>",
    )


def exported(capsysbinary, *arguments):
    assert main(["export", *arguments]) == 0
    return capsysbinary.readouterr().out


def test_weights_as_safetensors_and_npz(session, capsysbinary, tmp_path):
    printed = exported(capsysbinary, "--format", "safetensors").decode().strip()
    found = load_file(tmp_path / printed)
    assert torch.equal(found["W_out"], session.trainer.weights().W_out)
    exported(capsysbinary, "-o", "x.npz")
    arrays = np.load("x.npz", allow_pickle=False)
    np.testing.assert_array_equal(arrays["W_in"], session.trainer.weights().W_in.numpy())
    np.testing.assert_array_equal(arrays["history_loss"], session.history.view().column("loss"))
    assert json.loads(str(arrays["settings"]))["p"] == 0.2


def test_history_as_csv_has_all_digits(session, capsysbinary):
    text = exported(capsysbinary, "--format", "csv").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    view = session.history.view()
    for name in ("loss", "smoothed"):
        assert [float(row[name]) for row in rows] == view.column(name).tolist()


def test_json_has_a_unit_for_every_number(session, snapshot, capsysbinary):
    of_run = json.loads(exported(capsysbinary, "--format", "json"))
    for name in (*of_run["theory"], *of_run["statistics"], *NAMES):
        assert of_run["units"][name]
    assert torch.__version__.startswith(of_run["exported"]["torch"])  # a wheel's name may be less
    assert {"rugtui", "python", "numpy"} < set(of_run["exported"])
    assert of_run["statistics"]["exact"] > 0
    assert of_run["theory"]["loss"] > 0
    assert of_run["units"]["loss"]
    assert of_run["rugtui"] == rugtui.__version__
    of_snapshot = json.loads(exported(capsysbinary, "--format", "json", str(snapshot)))
    assert of_snapshot["settings"] == of_run["settings"]


def test_png_and_the_saved_screen(session, snapshot, capsysbinary):
    assert exported(capsysbinary, "--format", "png", "-o", "-").startswith(b"\x89PNG")
    assert exported(capsysbinary, "--format", "svg", "-o", "-", str(snapshot)) == b"<svg/>"


def test_the_animation_has_a_frame_for_each_kept_step(session, snapshot, capsysbinary):
    content = exported(capsysbinary, "--format", "gif", "-o", "-")
    steps = sorted({*kept_steps(session.folder), session.step})
    with Image.open(io.BytesIO(content)) as animation:
        assert animation.n_frames == len(steps) > 5
        animation.seek(animation.n_frames - 1)
        last = np.asarray(animation.convert("RGB"))
    weights = session.trainer.weights()
    off = (weights.W_out @ weights.W_in).numpy()[0, 1:]
    side = animation_module.SIDE // len(weights.b)
    top, left = animation_module.LINE + animation_module.EDGE, animation_module.EDGE
    cells = last[top + side // 2, left + side // 2 :: side][1:8].astype(int)
    strong = np.abs(off) > 0.5 * np.abs(off).max()
    assert ((cells[:, 0] > cells[:, 2]) == (off > 0))[strong].all()  # orange above 0, else blue
    assert main(["export", "--format", "gif", "-o", "-", str(snapshot)]) == 2
    assert b"no weights of earlier steps" in capsysbinary.readouterr().err


def test_the_dashboard_of_a_run_is_drawn_without_changing_the_run(
    session, capsysbinary, tmp_path, monkeypatch
):
    monkeypatch.setenv("NO_COLOR", "1")  # of the terminal, not of the file
    before = tree(session.writer.run)
    drawn = exported(capsysbinary, "--format", "svg", "-o", "-").decode()
    said = html.unescape("".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawn)))
    said = said.replace("\xa0", " ")
    for word in (
        f"step {session.trainer.step:,}",
        "exact(W)",
        "sampled",
        "interferers",
        "trained · ",
    ):
        assert word in said
    assert "Read-only" not in said  # what is told for a moment
    assert len(set(re.findall("#[0-9a-f]{6}", drawn))) > 10
    assert tree(session.writer.run) == before
    assert os.environ["NO_COLOR"] == "1"


@pytest.fixture
def file(session, tmp_path):
    weights = session.trainer.weights()
    np.savez(tmp_path / "theirs.npz", **{n: getattr(weights, n).numpy() for n in ("W_in", "W_out")})
    return tmp_path / "theirs.npz"


def test_a_file_of_weights_is_exported_in_every_format_for_weights(file, capsysbinary, tmp_path):
    assert (
        exported(capsysbinary, "theirs.npz", "--format", "safetensors") == b"theirs.safetensors\n"
    )
    again = rugtui.load("theirs.safetensors")
    assert torch.equal(again.weights.W_in, rugtui.load(file).weights.W_in)
    facts = json.loads(exported(capsysbinary, "theirs.npz", "--format", "json", "--p", "0.3"))
    assert facts["settings"]["p"] == facts["statistics"]["p"] == facts["theory"]["p"] == 0.3
    assert exported(capsysbinary, "theirs.npz", "--format", "png", "-o", "-").startswith(b"\x89PNG")
    drawn = exported(capsysbinary, "theirs.npz", "--format", "svg", "-o", "-", "--p", "0.3")
    assert b"theirs.npz" in drawn
    assert len(all_runs()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--format must be one of"),
        (["--format", "csv", "theirs.npz"], "there is no history"),
        (["--format", "json", "--p", "0.1"], "a run has its own"),
        (["--format", "svg", "half.npz"], "half.npz"),
        (["-o", "there.csv"], "--force overwrites it"),
        (["--format", "csv", "nowhere"], "there is no run 'nowhere'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(file, capsysbinary, tmp_path, arguments, said):
    (tmp_path / "half.npz").write_bytes(file.read_bytes()[:100])
    (tmp_path / "there.csv").write_text("precious")
    assert main(["export", *arguments]) == 2
    assert said in capsysbinary.readouterr().err.decode()
    assert (tmp_path / "there.csv").read_text() == "precious"
