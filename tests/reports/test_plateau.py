"""The plateau study: its measurements are the same however often it is interrupted."""

import itertools

import pytest

from rugtui.errors import DamagedError
from rugtui.live.opening import continued_or_new
from rugtui.live.run_session import RunSession
from rugtui.reports.plateau import NAME, StudyLog, is_due, measure, measurements
from rugtui.settings.settings import Settings

TINY = Settings(n_sparse=8, n_dense=2, p=0.2, batch=16, steps=800, device="cpu")


def never():
    return False


def seen(settings, folder, cancelled=never):
    session = continued_or_new(settings, folder)
    try:
        return list(measurements(session, cancelled))
    finally:
        session.close("paused")


def test_a_measurement_has_the_exact_loss_of_the_weights_over_theory(tmp_path):
    session = RunSession.new(TINY, into=tmp_path)
    one = measure(TINY, 0, session.trainer.weights())
    sampled = session.trainer.measure(20_000)
    assert one.standard_error == 0
    assert one.loss == pytest.approx(sampled.mean, abs=5 * sampled.standard_error)
    assert one.over_theory == one.loss / one.theory_loss
    session.close("paused")


def test_training_reaches_the_symmetric_loss_and_goes_below_it(tmp_path):
    """Section 8 at a small size: interferers of a random W above L*, far fewer below it."""
    settings = TINY.replace(n_sparse=32, n_dense=8, batch=64, steps=1500)
    found = seen(settings, tmp_path)
    first, last = found[0], found[-1]
    assert first.over_theory > 1.1
    assert first.share == pytest.approx(1, abs=0.25)
    assert last.step == 1500
    assert last.over_theory < 0.95
    assert last.share < first.share - 0.15
    assert last.skew < first.skew - 0.5


def test_an_interrupted_study_has_the_measurements_of_an_uninterrupted_one(tmp_path):
    whole = seen(TINY, tmp_path / "whole")
    for cut_after in (500, 1500):
        calls = itertools.count()
        part = seen(TINY, tmp_path / "parts", lambda: next(calls) > cut_after)  # noqa: B023
        assert part == whole[: len(part)]
    assert seen(TINY, tmp_path / "parts") == whole
    assert len(list((tmp_path / "parts").glob("2*/history.jsonl"))) == 1


def test_more_steps_continue_the_same_run(tmp_path):
    short = seen(TINY.replace(steps=200), tmp_path)
    long = seen(TINY, tmp_path)
    assert long[: len(short)] == short
    assert long[-1].step == 800
    assert seen(TINY.replace(steps=200), tmp_path) == short


def test_other_settings_make_another_run_in_the_same_folder(tmp_path):
    first = seen(TINY.replace(steps=50), tmp_path)
    second = seen(TINY.replace(steps=50, seed=1), tmp_path)
    assert first != second
    assert seen(TINY.replace(steps=50), tmp_path) == first


def test_an_incomplete_line_is_measured_again(tmp_path):
    whole = seen(TINY, tmp_path)
    (path,) = tmp_path.glob(f"2*/{NAME}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 20])
    assert StudyLog(path.parent).all == whole[:-1]
    assert seen(TINY, tmp_path) == whole
    assert path.read_bytes() == content


def test_a_file_with_other_content_is_refused(tmp_path):
    from rugtui.storage import files

    (tmp_path / NAME).write_bytes(files.jsonl_line({"step": 1, "colour": "blue"}))
    with pytest.raises(DamagedError, match="not a measurement"):
        StudyLog(tmp_path)


def test_there_are_four_measurements_while_the_steps_double():
    due = [step for step in range(1, 401) if is_due(step - 1, step)]
    assert due == [50, 59, 71, 84, 100, 119, 141, 168, 200, 238, 283, 336, 400]
