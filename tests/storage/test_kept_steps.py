"""Weights kept for the replay: few, evenly spaced, in half precision, and never a burden on
training."""

import errno
import functools
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rugtui.errors import DamagedError
from rugtui.live.run_session import RunSession
from rugtui.storage.kept_steps import (
    BYTES,
    FOLDER,
    LEAST,
    MOST,
    KeptSteps,
    bins_per_octave,
    kept_path,
    kept_steps,
    most_steps,
    read_kept,
    size_of,
    thinned,
)
from rugtui.storage.listing import listed
from tests.storage.places import full_disk
from tests.storage.some import SETTINGS, some_training

STEPS = st.lists(st.integers(0, 10**7), min_size=1, max_size=300, unique=True).map(sorted)


@functools.cache
def some_weights():
    return some_training(1).halved()


@given(STEPS, st.integers(LEAST, MOST), st.data())
def test_repeated_thinning_equals_thinning_once(steps, most, data):
    once = thinned(steps, most)
    assert len(once) <= most
    assert once[0] == steps[0]
    cut = data.draw(st.integers(0, len(steps)))
    assert thinned((*thinned(steps[:cut], most), *steps[cut:]), most) == once


@given(st.integers(1, 3000), st.integers(LEAST, MOST), st.integers(1, 40))
def test_a_growing_run_keeps_the_steps_that_thinning_all_at_once_would(last, most, stride):
    settings, weights = SETTINGS, some_weights()
    kept, seen = KeptSteps(settings), []
    kept.most = most
    for step in range(0, last, stride):  # training may pass over steps
        seen.append(step)
        if kept.wants(step):
            kept.keep(step, lambda: weights)
            kept.saved(kept.change())
    assert len(kept.steps) <= most
    assert thinned((*kept.steps, seen[-1]), most) == thinned(seen, most)


def test_steps_are_even_in_log_step_and_use_at_least_a_third_of_the_limit():
    for last in (300, 1000, 12_000, 10**6):
        steps = thinned(range(min(last, 50_000) + 1), MOST)
        width = bins_per_octave(steps[-1], MOST)
        late = [step for step in steps if step > 4 * width]
        ratios = [math.log2(b / a) * width for a, b in itertools.pairwise(late)]
        assert all(0.5 < ratio < 2 for ratio in ratios)
        assert len(steps) > MOST / 3


def test_large_models_keep_fewer_steps_and_the_largest_none():
    for sizes in ((128, 32), (1024, 256), (8192, 1024), (8192, 2048), (32_768, 8192)):
        settings = SETTINGS.replace(n_sparse=sizes[0], n_dense=sizes[1])
        assert most_steps(settings) * size_of(settings) <= BYTES
    assert not KeptSteps(settings).wants(0)


@pytest.mark.parametrize("tied", [False, True])
def test_weights_come_back_in_half_precision(tied, tmp_path):
    course = RunSession.new(SETTINGS.replace(tied=tied, steps=40), into=tmp_path)
    wanted = {}
    while not course.done:
        course.advance(lambda: False, lambda: True)
        if course.step in course.kept_steps:
            wanted[course.step] = course.weights()
    before = {step: course.kept_weights(step) for step in wanted}  # some have not been written
    assert course.close("done")
    run = course.folder
    assert kept_steps(run) == course.kept_steps
    assert len(wanted) > 10
    for step, weights in wanted.items():
        found = read_kept(run, step)
        assert found == before[step]
        for name in ("W_in", "W_out", "b"):
            was, now = getattr(weights, name), getattr(found, name)
            torch.testing.assert_close(now.float(), was, rtol=1e-3, atol=1e-4)
    on_disk = sum(path.stat().st_size for path in (run / FOLDER).iterdir())
    assert listed(run).size > on_disk > 0


def test_weights_beyond_float16_keep_their_range():
    weights = some_training(1).weights()
    weights.b[0] = 1e6
    assert weights.halved().b[0].float() == pytest.approx(1e6, rel=1e-2)


def test_a_resumed_run_keeps_the_same_steps(tmp_path):
    def run_to(course, step):
        while course.step < step:
            course.advance(lambda: False, lambda: True)
        return course

    through = run_to(RunSession.new(SETTINGS, into=tmp_path / "through"), 90)
    through.close("paused")
    course = run_to(RunSession.new(SETTINGS, into=tmp_path / "halves"), 40)
    course.close("paused")
    kept_path(course.folder, 77).write_bytes(b"")  # of a future that was not saved
    again = run_to(RunSession.resumed(course.folder), 90)
    assert 77 not in again.kept_steps[: len(course.kept_steps)]
    again.close("paused")
    assert kept_steps(again.folder) == kept_steps(through.folder)
    for step in kept_steps(through.folder):
        assert read_kept(again.folder, step) == read_kept(through.folder, step)


def test_a_full_disk_is_reported_once_and_harms_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rugtui.storage.checkpoint_writer.write_kept", full)
    course = RunSession.new(SETTINGS.replace(steps=30), into=tmp_path)
    told = []
    while not course.done:
        course.advance(lambda: False)
        course.save("training")
        course.writer.wait(10)
        told += course.news()
    assert course.close("done")
    assert told == [("weights for the replay are not kept: No space left on device", True)]
    assert kept_steps(course.folder) == ()
    assert course.kept_weights(0) == course.kept_weights(0)  # still in memory


def test_checkpoints_take_precedence_on_a_small_disk(tmp_path):
    settings = SETTINGS.replace(n_sparse=128, n_dense=64)  # a step has 33 KB
    with full_disk("mount", tmp_path / "disk") as disk:  # of 512 KB
        course = RunSession.new(settings, into=disk.folder)
        while course.step < 60:
            course.advance(lambda: False, lambda: True)
        course.save("training")
        assert course.writer.wait(20)
        assert course.writer.kept == 60
        ((text, _),) = course.news()
        assert text.endswith("not kept: they would take more than half of the free space")
        assert 2 < len(kept_steps(course.folder)) < len(course.kept_steps)
        assert not list((course.folder / FOLDER).glob(".*"))
        course.close("paused")


def test_damaged_weights_are_refused(tmp_path):
    course = RunSession.new(SETTINGS.replace(steps=3), into=tmp_path)
    while not course.done:
        course.advance(lambda: False)
    course.close("done")
    path = kept_path(course.folder, 2)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedError):
        read_kept(course.folder, 2)
