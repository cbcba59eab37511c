"""Readings: statistics, sampled losses, curves and pictures of trained weights and of rugs."""

import math
import threading
from contextlib import contextmanager

import torch

from rugtui.errors import WeightsError
from rugtui.live import measuring
from rugtui.live import readings as module
from rugtui.live.commands import Change, Look, NextConstruction, Show
from rugtui.live.frame import Frame
from rugtui.live.measuring import CELLS, RugSampler
from rugtui.live.opening import open_run
from rugtui.live.readings import Readings
from rugtui.live.run_session import RunSession
from rugtui.models.constructions import CONSTRUCTIONS
from rugtui.settings.settings import Settings
from rugtui.theory.levels import curves
from tests.live.test_session import SMALL, running, wait


def warnings(frame):
    return [notice.text for notice in frame.notices if notice.severity == "warning"]


def test_constructions_cycle_and_each_has_its_own_statistics():
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        names = [wait(session, lambda f: f.rug and f.picture).construction]
        while len(names) < 2 or names[-1] != names[0]:
            session.send(NextConstruction())
            last = names[-1]
            frame = wait(session, lambda f, last=last: f.construction != last and f.picture)
            assert frame.shown == "rug"
            assert frame.phase == "training"
            names.append(frame.construction)
    assert names[:6] == ["hadamard", "natural", "sequency", "orthonormal", "dct", "block"]
    assert names == [name for name in (*CONSTRUCTIONS, "hadamard") if name in names]


def test_impossible_constructions_are_skipped_with_a_reason():
    with running(SMALL.replace(n_sparse=63)) as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        assert wait(session, lambda f: f.rug).construction == "dct"
        names, told = ["dct"], list[str]()
        while names[-1] != "dct" or len(names) < 2:
            session.send(NextConstruction())
            last = names[-1]
            frame = wait(session, lambda f, last=last: f.construction != last)
            names.append(frame.construction)
            told += warnings(frame)
        assert "orthonormal" in names
        assert not {"block", "hadamard"} & set(names)
        assert any("common divisor" in text for text in told)
        assert any("power of two" in text for text in told)


def test_statistics_of_the_previous_rug_are_discarded(tmp_path):
    with reading(RunSession.new(SMALL, into=tmp_path)) as readings:
        readings.rug()
        readings.read("rug", learning=True)  # has statistics taken
        readings.next_construction()
        computed(readings)
        readings.read("rug", learning=True)
        assert readings.known["rug"].statistics is None


def test_a_rug_beside_trained_weights_does_not_delay_their_statistics(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "share_beside", lambda: 1e9)  # no rest between two of them
    with reading(RunSession.new(SMALL, into=tmp_path)) as readings:
        readings.picture("trained", Look(8, 8, beside=True))
        for _ in range(2):
            before = readings.known["trained"].measured_at
            for _ in range(500):
                train(readings)
                readings.read("trained", learning=True)
                if readings.known["trained"].measured_at > before:
                    break
            assert readings.known["trained"].measured_at > before


def test_trained_and_rug_are_shown_side_by_side():
    with running() as session:
        session.send(Look(16, 16, beside=True, cursor=(3, 4)))
        frame = wait(session, lambda f: f.picture and len(f.picture.panels) == 2)
        assert [panel.kind for panel in frame.picture.panels] == ["trained", "rug"]
        assert {panel.cell.place for panel in frame.picture.panels} == {(3, 4)}
        assert frame.shown == "trained"
        session.send(Look(16, 16))
        wait(session, lambda f: f.picture and len(f.picture.panels) == 1)


def test_the_view_stays_after_a_change_of_size():
    with running() as session:
        session.send(Look(16, 16, beside=True, cursor=(63, 63)))
        wait(session, lambda f: f.picture and len(f.picture.panels) == 2)
        session.send(Change(SMALL.replace(n_sparse=20, n_dense=5)))
        frame = wait(session, lambda f: f.picture and f.picture.n_sparse == 20)
        assert frame.phase == "training"
        assert frame.picture.panels[1].cell is None


def test_a_rug_that_does_not_fit_in_memory_is_refused_and_training_continues(monkeypatch):
    def no_room(*_):
        raise WeightsError("A rug of so many features needs more memory.")

    monkeypatch.setattr(module, "RugSampler", no_room)
    with running() as session:
        wait(session, lambda f: f.step > 0)
        session.send(Show("rug"))
        session.send(Look(16, 16, beside=True))
        frame = wait(session, lambda f: len(warnings(f)) == 2)
        assert frame.shown == "trained"
        assert frame.phase == "training"
        assert wait(session, lambda f: f.step > frame.step)


def test_a_rug_with_a_million_features_is_sampled_in_small_batches():
    """During a full batch the worker would not answer a key for minutes."""
    settings = Settings(n_sparse=1 << 20, n_dense=16, p=1e-4, batch=1024)
    trial = RugSampler(settings, torch.device("cpu"), "hadamard")
    trial.sample()
    assert trial.count * settings.n_sparse <= CELLS
    assert trial.loss()[0] > 0


def test_only_a_loss_that_is_really_missing_is_reported_as_missing(tmp_path):
    run = RunSession.new(SMALL, into=tmp_path)
    while run.advance(lambda: False) is None:
        pass
    nothing = "There is no result at these settings yet."
    with reading(run) as readings:
        frame = Frame(run.settings, phase="training")
        assert nothing not in readings.describe(frame, None).verdict
        change(readings, p=0.3)
        assert readings.describe(frame, None).verdict.startswith(nothing)
        run.advance(lambda: False, lambda: True)  # a step, and no result of it
        assert readings.describe(frame, None).verdict.startswith(nothing)


def test_sampled_weights_need_no_result(tmp_path):
    run = RunSession.new(SMALL, into=tmp_path)
    while run.advance(lambda: False) is None:
        pass
    run.close("paused")
    with reading(open_run(run.folder)) as readings:
        change(readings, p=0.3)
        assert "no result" not in readings.describe(Frame(SMALL, phase="opened"), None).verdict


def test_after_the_end_the_readings_belong_to_the_last_step(tmp_path):
    """The loss that is shown is the held-out loss of exactly these weights."""
    run = RunSession.new(SMALL.replace(steps=10, batch=4096), into=tmp_path)
    with reading(run, "done") as readings:
        while not run.done:
            train(readings)
        known = [read_to_the_end(readings)]
        frame = readings.describe(Frame(SMALL, phase="done"), None)
        for p in (0.3, SMALL.p):  # what was measured at another p says nothing of this one
            change(readings, p=p)
            known.append(read_to_the_end(readings))
    heldout = run.history.view().heldout_at(SMALL.p)
    assert math.isfinite(heldout[0])
    assert [(one.measured_at, one.loss_at, one.age) for one in known] == [(10, 10, 0)] * 3
    assert (known[0].heldout, known[0].heldout_standard_error) == heldout
    assert (known[0].loss, known[0].standard_error) == heldout
    assert math.isnan(known[1].heldout)
    assert known[2].heldout == known[2].loss == heldout[0]
    assert math.isnan(frame.steps_per_second)
    assert frame.trained.estimate == "held out"


def test_a_paused_run_without_a_held_out_loss_is_sampled(tmp_path):
    run = RunSession.new(SMALL, into=tmp_path)
    with reading(run) as readings:
        train(readings)
        readings.read("trained", learning=True)
        learning = readings.known["trained"]
        run.advance(lambda: False, lambda: True)  # one step more, and no result of it
        readings.read("trained", learning=False)
        while not readings.settled("trained"):
            readings.sample("trained")
        readings.read("trained", learning=False)
        frame = readings.describe(Frame(SMALL, phase="paused"), None)
    assert frame.trained.estimate == "sampled"
    assert (frame.trained.loss_at, learning.loss_at) == (run.step, run.step - 1)
    assert frame.trained.loss < learning.loss  # which is a mean over steps before


def test_the_verdict_on_a_finished_run_does_not_say_that_it_has_just_begun(tmp_path):
    slow = SMALL.replace(optimizer="sgd", lr=1e-6, steps=300)
    said = []
    with reading(RunSession.new(slow, into=tmp_path), "done") as readings:
        while not readings.run.done:
            train(readings)
            learning = not readings.run.done
            readings.read("trained", learning=learning)
            while not learning and not readings.settled("trained"):
                readings.sample("trained")
                readings.read("trained", learning=False)
            phase = "training" if learning else "done"
            said.append(readings.describe(Frame(slow, phase=phase), None).verdict)
    assert len(said) > 1
    assert all("linear optimum too: it has just begun" in one for one in said[:-1])
    assert "above the linear optimum too" in said[-1]
    assert "just begun" not in said[-1]


def test_curves_of_the_previous_p_stay_until_the_next_are_computed(tmp_path, monkeypatch):
    gate, made = threading.Event(), []

    def slow(r, p, *rest):
        assert gate.wait(10)
        made.append(p)
        return curves(r, p, *rest)

    monkeypatch.setattr(module, "curves", slow)
    with reading(RunSession.new(SMALL, into=tmp_path)) as readings:
        shown = []
        for p in (SMALL.p, 0.04, 0.03):
            change(readings, p=p)
            readings.read("trained", learning=True)
            shown.append(readings.describe(Frame(SMALL), None).curves)
        assert shown == [None] * 3
        gate.set()
        for _ in range(2):
            readings._curve_worker._jobs[0].result()
            readings.read("trained", learning=True)
            shown.append(readings.describe(Frame(SMALL), None).curves.p)
        assert shown[3:] == made == [SMALL.p, 0.03]  # nobody waits for those between


@contextmanager
def reading(run, phase="paused"):
    readings = Readings(run)
    try:
        yield readings
    finally:
        readings.close()
        run.close(phase)


def train(readings):
    """An interval, as a session trains it."""
    run = readings.run
    steps, seconds = run.step, run.seconds
    result = run.advance(lambda: False)
    readings.trained(result, run.step - steps, run.seconds - seconds)


def change(readings, **changes):
    readings.run.change(readings.run.settings.replace(**changes))
    readings.settings_changed()


def computed(readings):
    """Wait for the statistics."""
    readings._statistics._worker._jobs[0].result()


def read_to_the_end(readings):
    """The readings of fixed trained weights, once all statistics are there."""
    readings.read("trained", learning=False)
    while readings._statistics._worker.busy:  # with the trend's earlier steps, too
        computed(readings)
        readings.read("trained", learning=False)
    return readings.known["trained"]
