"""The worker: commands in, Frames out, with a small model that really trains."""

import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from rugtui.live import measuring
from rugtui.live.commands import Change, Look, Pause, Save, Show, Stop
from rugtui.live.own_run import OwnRun
from rugtui.live.session import Session
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import newest, restore
from rugtui.training.trainer import Trainer
from rugtui.tui.charts.palette import picture_colours
from tests.training.states import same_state

SMALL = Settings(n_sparse=64, n_dense=16, batch=64, device="cpu", steps=0)


@contextmanager
def running(settings=SMALL):
    session = Session(OwnRun(settings))
    thread = threading.Thread(target=session.run, daemon=True)
    thread.start()
    try:
        yield session
    finally:
        session.send(Stop())
        assert session.finished.wait(10)


def wait(session, condition, seconds=30):
    """The first Frame for which the condition holds."""
    deadline, frame = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        frame = session.frames.take() or frame
        if frame is not None and condition(frame):
            return frame
        time.sleep(0.002)
    raise AssertionError(f"no such Frame; the last: {frame}")


def test_frames_show_a_run_that_learns():
    with running() as session:
        frame = wait(session, lambda f: f.step > 1000 and f.trained.statistics is not None)
    assert frame.phase == "training"
    assert frame.device == "cpu"
    history = frame.history
    assert (np.diff(history.column("step")) > 0).all()
    assert history.column("step")[-1] == frame.step
    assert history.column("smoothed")[-1] < 0.8 * history.column("smoothed")[0]
    assert frame.levels.linear == pytest.approx(0.75 * (0.05 / 3 - 0.05**2 / 4))


def test_the_last_weights_are_measured_once_training_is_over():
    with running(SMALL.replace(steps=300)) as session:
        wait(session, lambda f: f.phase == "done" and f.trained.measured_at == 300)
        session.send(Pause(False))  # trains on, and stops again
        at = wait(session, lambda f: f.phase == "training" and f.step > 300).step
        session.send(Pause(True))
        frame = wait(session, lambda f: f.phase == "paused" and f.trained.measured_at == f.step)
        assert frame.step >= at
        assert frame.trained.trend_at[-1] == frame.step


def test_the_rug_is_measured_at_once_when_it_is_shown(
    monkeypatch,
):
    monkeypatch.setattr(measuring, "share_beside", lambda: 1e-9)  # rests for years
    with running() as session:
        wait(session, lambda f: f.trained.statistics is not None)
        session.send(Show("rug"))
        wait(session, lambda f: f.rug and f.rug.statistics is not None)


def test_curves_of_theory_follow_a_change_of_p():
    with running() as session:
        frame = wait(session, lambda f: f.curves is not None)
        assert (frame.curves.r, frame.curves.p) == (0.25, 0.05)
        session.send(Change(SMALL.replace(p=0.1)))
        frame = wait(session, lambda f: f.settings.p == 0.1)
        assert frame.curves is not None
        frame = wait(session, lambda f: f.curves.p == 0.1)
    assert type(frame.curves.against_r.optimum) is np.ndarray


def test_a_frame_is_plain_numbers_and_arrays():
    """No tensor crosses to the screen."""
    with running() as session:
        frame = wait(session, lambda f: f.step > 0 and f.picture is not None)
    assert type(frame.picture.panels[0].pixels) is np.ndarray
    assert type(frame.history.table) is np.ndarray
    assert type(frame.trained.loss) is float


def test_pausing_and_resuming():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Pause(True))
        paused = wait(session, lambda f: f.phase == "paused")
        later = wait(session, lambda f: f is not paused and f.phase == "paused")
        assert later.step == paused.step
        session.send(Pause(False))
        assert wait(session, lambda f: f.phase == "training" and f.step > paused.step)


def test_hot_changes_are_marked_and_training_continues():
    with running() as session:
        before = wait(session, lambda f: f.step > 0)
        session.send(Change(SMALL.replace(lr=1e-3, p=0.1)))
        frame = wait(session, lambda f: f.settings.p == 0.1)
        assert frame.step >= before.step
        assert [mark.text for mark in frame.history.marks] == ["p 0.1", "lr 0.001"]
        assert frame.levels.p == 0.1


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 32},
        {"schedule": "warmup"},
        {"method": "population", "patience": 0},
        {"steps": 10_000_000},
    ],
    ids=str,
)
def test_every_hot_setting_can_be_changed_during_training(change):
    with running() as session:
        before = wait(session, lambda f: f.step > 0)
        session.send(Change(SMALL.replace(**change)))
        frame = wait(session, lambda f: f.settings == SMALL.replace(**change))
        marks = [mark.text for mark in frame.history.marks]
        assert sorted(marks) == sorted(f"{name} {value}" for name, value in change.items())
        later = wait(session, lambda f: f.step > frame.step)
    assert later.run == before.run
    assert later.history.column("step")[0] <= before.step


def test_a_change_of_shape_starts_a_new_run_and_says_so():
    with running() as session:
        wait(session, lambda f: f.step > 200)
        session.send(Change(SMALL.replace(n_dense=8)))
        frame = wait(session, lambda f: f.settings.n_dense == 8 and f.phase == "training")
        assert any("n_dense" in notice.text for notice in frame.notices)
        fresh = wait(session, lambda f: len(f.history) > 0)
        assert fresh.history.column("step")[0] < 200


def test_caveats_of_a_recipe_apply_to_trained_weights_only():
    settings = SMALL.replace(data="one", activation="gelu")
    with running(settings) as session:
        frame = wait(session, lambda f: f.step > 0 and f.trained.statistics)
        assert frame.verdict.startswith("Gaussian(W), exact(W) and L* assume a ReLU, not gelu")
        assert "not exactly one that is on" in frame.verdict
        assert frame.levels.p == frame.trained.statistics.p == 1 / 64
        session.send(Show("rug"))
        frame = wait(session, lambda f: f.shown == "rug" and f.rug and f.rug.loss > 0)
        assert frame.verdict.startswith("The rug is")


def test_the_rug_is_shown_with_its_own_sampled_loss_while_training_goes_on():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        first = wait(session, lambda f: f.shown == "rug" and f.rug and f.rug.statistics)
        frame = wait(session, lambda f: f.step > first.step and f.rug.standard_error < 1e-4)
        assert frame.picture.panels[0].kind == "rug"
        exact = frame.rug.statistics
        error = np.hypot(frame.rug.standard_error, exact.exact_standard_error)
        assert abs(frame.rug.loss - exact.exact) < 5 * error
        session.send(Show("trained"))
        assert wait(session, lambda f: f.picture and f.picture.panels[0].kind == "trained")


def test_pixels_are_as_many_as_asked_for_but_no_finer_than_W():
    def shape(frame):
        return frame.picture and frame.picture.panels[0].pixels.shape

    with running() as session:
        session.send(Look(20, 30))
        wait(session, lambda f: shape(f) == (20, 30))
        session.send(Look(500, 500))
        wait(session, lambda f: shape(f) == (64, 64))


def test_a_snapshot_holds_weights_history_and_facts(private_state):
    with running() as session:
        wait(session, lambda f: f.step > 200)
        session.send(Save("<svg>screen</svg>", picture_colours(dark=True)))
        frame = wait(session, lambda f: any("snapshot" in n.text for n in f.notices))
    (folder,) = (private_state / "rugtui" / "runs").glob("2*/snapshots/*")
    assert str(folder) in frame.notices[-1].text
    weights = load_file(folder / "weights.safetensors")
    assert weights["W_in"].shape == (16, 64)
    assert weights["W_out"].shape == (64, 16)
    assert weights["b"].shape == (64,)
    facts = json.loads((folder / "snapshot.json").read_text())
    assert facts["settings"]["n_sparse"] == 64
    assert facts["step"] == int(folder.name.split("-")[0])
    assert facts["theory"]["loss"] == pytest.approx(frame.levels.loss)
    assert (folder / "screen.svg").read_text() == "<svg>screen</svg>"
    rows = (folder / "history.csv").read_text().splitlines()
    assert rows[0].startswith("step,seconds,loss")
    assert int(float(rows[-1].split(",")[0])) == facts["step"]
    assert (folder / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    for path in [folder, *folder.iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, f"{path.name} is open to others"


def test_a_snapshot_can_be_written_before_the_first_step():
    with running() as session:
        session.send(Save(""))
        frame = wait(session, lambda f: f.notices)
    assert frame.notices[-1].text.startswith("snapshot in ")


def test_failed_writes_are_reported_and_training_continues(private_state):
    (private_state / "rugtui").write_text("a file in the way")
    with running() as session:
        frame = wait(session, lambda f: f.step > 0 and f.notices)
        assert "this run is not saved" in frame.notices[0].text
        session.send(Save(""))
        frame = wait(session, lambda f: any(n.severity == "error" for n in f.notices))
        assert "snapshot not written" in frame.notices[-1].text
        assert frame.phase == "training"
        assert wait(session, lambda f: f.step > frame.step)


def test_a_finished_run_can_train_on():
    with running(SMALL.replace(steps=200)) as session:
        done = wait(session, lambda f: f.phase == "done")
        assert done.step == 200
        session.send(Pause(False))
        assert wait(session, lambda f: f.phase == "done" and f.step == 400)


def told(frame):
    return [notice.text for notice in frame.notices]


def test_a_run_that_patience_ended_trains_on_with_patience_counted_from_there():
    settings = SMALL.replace(method="population", patience=50)
    with running(settings) as session:
        done = wait(session, lambda f: f.phase == "done")
        assert "Stopped: no improvement for 50 steps. Space resumes training." in told(done)
        session.send(Pause(False))
        frame = wait(session, lambda f: f.phase == "done" and f.step >= done.step + 100)
    assert "Training on with patience counted from here." in told(frame)
    assert frame.settings == settings
    assert [(m.step, m.text) for m in frame.history.marks] == [(done.step, "patience anew")]


def test_a_run_that_met_its_target_trains_on_without_it():
    settings = SMALL.replace(method="population", until_within=0.1, patience=0)
    with running(settings) as session:
        done = wait(session, lambda f: f.phase == "done")
        session.send(Pause(False))
        frame = wait(session, lambda f: f.phase == "training" and f.step > done.step + 500)
    assert "Training on without the target." in told(frame)
    assert [mark.text for mark in frame.history.marks] == ["until_within auto"]


def test_a_batch_that_does_not_fit_in_memory_is_refused_and_training_continues():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Change(SMALL.replace(batch=10**12)))
        frame = wait(session, lambda f: any("fits" in text for text in told(f)))
        assert (frame.phase, frame.settings, frame.failure) == ("training", SMALL, "")
        assert wait(session, lambda f: f.step > frame.step)


def test_an_error_is_shown_and_other_settings_start_again():
    with running(SMALL.replace(device="cuda:7")) as session:
        frame = wait(session, lambda f: f.phase == "failed")
        assert "device must be" in frame.failure
        assert frame.traceback == ""
        session.send(Change(SMALL))
        assert wait(session, lambda f: f.phase == "training" and f.step > 0)


@pytest.mark.parametrize("method", ["sgd", "population"])
def test_the_dashboard_and_a_run_without_a_screen_have_the_same_bits(method):
    settings = SMALL.replace(method=method, patience=0)
    with running(settings) as session:  # whatever is looked at, and whenever it is paused
        for kind in ("rug", "trained"):
            before = wait(session, lambda f: f.step > 0)
            session.send(Pause(True))
            session.send(Show(kind))
            session.send(Look(20, 30, order="clustered", beside=True, cursor=(1, 2)))
            session.send(Save(""))
            wait(session, lambda f: f.picture is not None and len(f.picture.panels) == 2)
            session.send(Pause(False))
            frame = wait(session, lambda f, b=before: f.step > b.step)
    path, checkpoint, _ = newest(Path(frame.run))  # wherever in an interval it was left
    looked_at, alone = restore(path, checkpoint), Trainer(settings)
    looked_at.advance()
    losses = []
    while alone.step < looked_at.step:
        losses.append(alone.advance().loss)
    same_state(looked_at.state(), alone.state())
    seen = frame.history.column("loss").tolist()
    assert seen == losses[: len(seen)]


def test_a_diverged_run_keeps_its_last_state_and_continues_at_a_lower_rate():
    with running(SMALL.replace(lr=1e30)) as session:
        frame = wait(session, lambda f: f.phase == "failed")
        assert "lower" in frame.failure
        session.send(Change(SMALL.replace(lr=1e-4)))
        later = wait(session, lambda f: f.phase == "training" and f.step > frame.step)
        assert later.failure == ""
        assert np.isfinite(later.history.column("loss")[-1])


def test_a_command_is_carried_out_within_an_interval():
    with running(SMALL.replace(p=0.5)) as session:
        frame = wait(session, lambda f: f.step > 0)
        interval = int(frame.history.column("step")[0])
        assert interval > 1
        at = []
        while len(at) < 50 and not any(step % interval for step in at):  # a pause falls anywhere
            session.send(Pause(True))
            at.append(wait(session, lambda f: f.phase == "paused").step)
            session.send(Pause(False))
            wait(session, lambda f: f.phase == "training")
        assert at[-1] % interval


def test_the_frame_after_a_command_does_not_wait_until_the_last_is_taken():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        put, shown = session.frames.put, []

        def spied(frame):
            shown.append(frame.shown)
            put(frame)

        session.frames.put = spied
        deadline = time.monotonic() + 30
        while not shown and time.monotonic() < deadline:
            time.sleep(0.002)
        session.send(Show("rug"))
        while "rug" not in shown and time.monotonic() < deadline:
            time.sleep(0.002)
        assert shown == ["trained", "rug"]


def test_no_frame_from_before_a_command_is_published_after_it():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        run = session.subject.run
        put, train, shown = session.frames.put, run.advance, []
        answered = threading.Event()

        def spied(frame):
            shown.append(frame.shown)
            put(frame)
            if frame.shown == "rug":
                answered.set()

        def asked_within(cancelled, called):
            run.advance = train
            result = train(cancelled, called)
            session.send(Show("rug"))
            session.frames.take()  # there would be room for another
            shown.clear()
            return result

        session.frames.put, run.advance = spied, asked_within
        assert answered.wait(30)
        assert shown[0] == "rug"


def test_a_paused_run_at_another_p_is_sampled_there():
    with running() as session:
        at = wait(session, lambda f: f.step > 0 and f.trained.loss > 0)
        session.send(Pause(True))
        wait(session, lambda f: f.phase == "paused")
        session.send(Change(SMALL.replace(p=0.3)))
        frame = wait(session, lambda f: f.settings.p == 0.3 and f.trained.loss > 0)
    assert frame.trained.estimate == "sampled"
    assert "L*" in frame.verdict
    assert frame.trained.loss_at == frame.step
    assert frame.trained.loss > 3 * at.trained.loss  # these weights have learned for p 0.05
