"""What the W pane may ask of a worker: other frames, both kinds at once, and what cannot be."""

import math

import torch

from rugtui.errors import WeightsError
from rugtui.live import experiment as experiment_module
from rugtui.live import statistics_worker as analyst
from rugtui.live.commands import Change, Look, NextFrame, Show
from rugtui.live.experiment import Experiment
from rugtui.live.frame import Frame
from rugtui.live.loss_sampler import CELLS, RugTrial
from rugtui.live.opening import open_run
from rugtui.live.run_session import RunSession
from rugtui.settings.settings import Settings
from tests.live.test_session import SMALL, running, wait


def warnings(frame):
    return [notice.text for notice in frame.notices if notice.severity == "warning"]


def test_frames_come_round_and_each_has_its_own_statistics():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        names = [wait(session, lambda f: f.rug and f.picture).frame_name]
        for _ in range(6):
            session.send(NextFrame())
            last = names[-1]
            frame = wait(session, lambda f, last=last: f.frame_name != last and f.picture)
            assert frame.shown == "rug"
            assert frame.phase == "training"
            names.append(frame.frame_name)
    around = ["hadamard", "natural", "sequency", "orthonormal", "dct", "block", "hadamard"]
    assert names == around
    assert warnings(frame) == []


def test_frames_that_these_sizes_do_not_have_are_passed_over_with_a_reason():
    with running(SMALL.replace(n_sparse=63)) as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        assert wait(session, lambda f: f.rug).frame_name == "dct"
        session.send(NextFrame())  # block, and three of powers of two
        frame = wait(session, lambda f: f.frame_name == "orthonormal")
        assert any("common divisor" in text for text in warnings(frame))
        assert any("power of two" in text for text in warnings(frame))


def test_statistics_of_the_last_frame_are_not_taken_for_those_of_this(tmp_path):
    experiment = Experiment(RunSession.new(SMALL, into=tmp_path))
    try:
        experiment.trial()
        experiment.read("rug", beside=True)  # asks the analyst
        experiment.next_frame()
        assert experiment.analyst._pending is not None
        experiment.analyst._pending.result()
        experiment.read("rug", beside=True)
        assert experiment.readings["rug"].statistics is None
    finally:
        experiment.leave("paused")


def test_a_rug_beside_trained_weights_does_not_hold_up_their_statistics(tmp_path, monkeypatch):
    monkeypatch.setattr(analyst, "share_beside", lambda: 1e9)  # it needs no rest
    experiment = Experiment(RunSession.new(SMALL, into=tmp_path))
    try:
        experiment.picture("trained", Look(8, 8, beside=True))
        for _ in range(2):
            before = experiment.readings["trained"].measured_at
            for _ in range(500):
                experiment.train(lambda: False)
                experiment.read("trained", beside=True)
                if experiment.readings["trained"].measured_at > before:
                    break
            assert experiment.readings["trained"].measured_at > before
    finally:
        experiment.leave("paused")


def test_trained_and_rug_are_seen_side_by_side():
    with running() as session:
        session.send(Look(16, 16, beside=True, cursor=(3, 4)))
        frame = wait(session, lambda f: f.picture and len(f.picture.panels) == 2)
        assert [panel.kind for panel in frame.picture.panels] == ["trained", "rug"]
        assert {panel.cell.place for panel in frame.picture.panels} == {(3, 4)}
        assert frame.shown == "trained"
        session.send(Look(16, 16))
        wait(session, lambda f: f.picture and len(f.picture.panels) == 1)


def test_a_look_outlives_a_change_of_size():
    with running() as session:
        session.send(Look(16, 16, beside=True, cursor=(63, 63)))
        wait(session, lambda f: f.picture and len(f.picture.panels) == 2)
        session.send(Change(SMALL.replace(n_sparse=20, n_dense=5)))
        frame = wait(session, lambda f: f.picture and f.picture.n_sparse == 20)
        assert frame.phase == "training"
        assert frame.picture.panels[1].cell is None


def test_a_rug_that_does_not_fit_is_refused_and_training_goes_on(monkeypatch):
    def no_room(*_):
        raise WeightsError("A rug of so many features needs more memory.")

    monkeypatch.setattr(experiment_module, "RugTrial", no_room)
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        session.send(Look(16, 16, beside=True))
        frame = wait(session, lambda f: len(warnings(f)) == 2)
        assert frame.shown == "trained"
        assert frame.phase == "training"
        assert wait(session, lambda f: f.step > frame.step)


def test_a_rug_with_millions_of_features_is_sampled_in_small_bites():
    """A batch of it would keep the worker from the keys for minutes."""
    settings = Settings(n_sparse=1 << 20, n_dense=16, p=1e-4, batch=1024)
    trial = RugTrial(settings, torch.device("cpu"), "hadamard")
    trial.sample()
    assert trial._count * settings.n_sparse <= CELLS
    assert trial.loss()[0] > 0


def test_a_loss_that_was_not_read_yet_is_not_said_to_be_missing(tmp_path):
    course = RunSession.new(SMALL, into=tmp_path)
    while course.advance(lambda: False) is None:
        pass
    experiment = Experiment(course)
    nothing = "There is no result at these settings yet."
    try:
        frame = Frame(course.settings)
        assert nothing not in experiment.describe(frame, None).verdict
        experiment.change(SMALL.replace(p=0.3))
        assert experiment.describe(frame, None).verdict.startswith(nothing)
        course.advance(lambda: False, lambda: True)  # a step, and no result of it
        assert experiment.describe(frame, None).verdict.startswith(nothing)
    finally:
        experiment.leave("paused")


def test_weights_that_are_sampled_need_no_result(tmp_path):
    course = RunSession.new(SMALL, into=tmp_path)
    while course.advance(lambda: False) is None:
        pass
    course.leave("paused")
    experiment = Experiment(open_run(course.keeper.run))
    try:
        experiment.change(SMALL.replace(p=0.3))
        assert "no result" not in experiment.describe(Frame(SMALL), None).verdict
    finally:
        experiment.leave("paused")


def test_weights_that_stand_still_are_held_against_their_own_held_out_loss(tmp_path):
    course = RunSession.new(SMALL.replace(steps=40), into=tmp_path)
    while not course.training.done:
        course.advance(lambda: False)
    experiment = Experiment(course)
    try:
        known = [read_to_the_end(experiment)]
        for p in (0.3, SMALL.p):  # what was measured at another p says nothing of this one
            experiment.change(course.settings.replace(p=p))
            known.append(read_to_the_end(experiment))
    finally:
        experiment.leave("paused")
    heldout = course.history.view().heldout_at(SMALL.p)
    assert [one.measured_at for one in known] == [40] * 3
    assert (known[0].heldout, known[0].heldout_standard_error) == heldout
    assert math.isfinite(heldout[0])
    assert math.isnan(known[1].heldout)
    assert known[2].heldout == heldout[0]


def read_to_the_end(experiment):
    """What is known of trained weights once the analyst has answered."""
    experiment.read("trained", beside=False)
    experiment.analyst._pending.result()
    experiment.read("trained", beside=False)
    return experiment.readings["trained"]


def test_a_run_that_is_over_has_not_just_begun(tmp_path):
    slow = SMALL.replace(optimizer="sgd", lr=1e-6, steps=300)
    experiment = Experiment(RunSession.new(slow, into=tmp_path))
    said = []
    try:
        while not experiment.done:
            experiment.train(lambda: False)
            experiment.read("trained", beside=True)
            said.append(experiment.describe(Frame(slow), None).verdict)
    finally:
        experiment.leave("done")
    assert len(said) > 1
    assert all("linear optimum too: it has just begun" in one for one in said[:-1])
    assert "above the linear optimum too." in said[-1]
