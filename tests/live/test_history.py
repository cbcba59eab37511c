"""The history: append-only columns and what is read off them."""

import math

import numpy as np
import pytest

from rugtui.live.history import SPAN, History, loss_now
from rugtui.settings.settings import Settings


def filled(losses):
    history = History()
    for step, loss in enumerate(losses, 1):
        history.append(step=step, seconds=step / 10, loss=loss)
    return history


def test_a_view_does_not_change_while_the_history_grows():
    history = filled([1.0, 2.0])
    view = history.view()
    for step in range(3, 5000):
        history.append(step=step, seconds=0.0, loss=9.0)
    assert len(view) == 2
    assert view.column("loss").tolist() == [1.0, 2.0]
    assert len(history.view()) == 4999
    assert history.view().column("step").tolist() == list(range(1, 5000))


def test_a_view_cannot_be_written_and_the_history_still_can():
    history = filled([1.0])
    view = history.view()
    assert not view.table.flags.writeable
    history.append(step=2, seconds=0.0, loss=3.0)
    assert history.view().column("loss").tolist() == [1.0, 3.0]


def test_smoothing_averages_noise_and_does_not_lag_a_young_run():
    rng = np.random.default_rng(0)
    settled = filled(5 + rng.normal(0, 1, 3000)).view().column("smoothed")[1000:]
    # An exponential mean over SPAN results keeps 1 / (2 SPAN − 1) of the variance.
    assert math.isclose(settled.std(), 1 / math.sqrt(2 * SPAN - 1), rel_tol=0.15)
    falling = filled(1 / np.arange(1.0, 101.0)).view()
    assert falling.last("smoothed") < 1.05 * falling.last("loss")


def test_nan_is_a_gap_and_does_not_affect_later_results():
    view = filled([1.0, math.nan, 1.0]).view()
    assert math.isnan(view.column("smoothed")[1])
    assert view.column("smoothed")[2] == 1.0
    assert math.isnan(view.last("heldout"))


def test_recent_loss_is_that_of_the_last_results():
    losses = np.random.default_rng(1).normal(5, 1, 50)
    losses[-3] = math.nan
    recent = np.delete(np.arange(50 - SPAN, 50), -3)
    assert filled(losses).recent_loss(Settings(p=0.05)) == loss_now(recent + 1.0, losses[recent])
    assert math.isnan(filled([1.0]).recent_loss(Settings(p=0.05))[1])


def test_losses_at_another_p_are_ignored():
    history = History()
    for step in range(1, 41):
        p, loss = (0.05, 5.0) if step <= 36 else (0.02, 1.0 + 0.01 * step)
        held = 2 * loss if step in (10, 30) else None
        history.append(
            step=step, seconds=0, loss=loss, heldout=held, heldout_standard_error=0.1, p=p
        )
    assert history.recent_loss(Settings(p=0.02))[0] < 2
    assert math.isnan(history.recent_loss(Settings(p=0.05))[0])  # no weights are those of then
    smooth = history.view().column("smoothed")
    assert smooth[35] == pytest.approx(5.0)
    assert smooth[36:].max() < 2
    assert history.view().heldout_at(0.05) == (10.0, 0.1)
    assert np.isnan(history.view().heldout_at(0.02)).all()


def method_changes():
    """20 results of samples at 2, 20 of weights at 1, 20 of samples at 3."""
    history = History()
    for step in range(60):
        loss, batch = ((2.0, 64), (1.0, 0), (3.0, 64))[step // 20]
        history.append(step=step, seconds=0, loss=loss, p=0.05, batch=batch)
    return history


def test_gaussian_and_sampled_losses_are_not_mixed():
    history = method_changes()
    assert history.view().breaks.tolist() == [20, 40]
    np.testing.assert_array_equal(history.view().column("smoothed"), history.view().column("loss"))
    sampled, population = (Settings(p=0.05, method=one) for one in ("sgd", "population"))
    assert history.recent_loss(sampled)[0] == pytest.approx(3.0)
    assert math.isnan(history.recent_loss(population)[0])


def test_a_resumed_history_is_smoothed_from_the_last_change_on():
    through = method_changes()
    again = History.of(through.past().until(45))
    for step in range(46, 60):
        again.append(step=step, seconds=0, loss=3.0 + step, p=0.05, batch=64)
    other = History.of(through.past().until(39))
    for step in range(40, 60):
        loss = 3.0 if step < 46 else 3.0 + step
        other.append(step=step, seconds=0, loss=loss, p=0.05, batch=64)
    np.testing.assert_array_equal(again.view().table, other.view().table)


def test_marks_are_kept_in_order():
    history = filled([1.0])
    history.mark(1, "lr 0.1")
    before = history.view()
    history.mark(2, "p 0.2")
    assert [mark.text for mark in before.marks] == ["lr 0.1"]
    assert [mark.step for mark in history.view().marks] == [1, 2]


def test_was_below_considers_only_results_at_that_p():
    history = History()
    assert not history.was_below(1.0, 0.1)
    history.append(step=1, seconds=0, loss=0.5, p=0.1)
    history.append(step=2, seconds=0, loss=2.0, p=0.2)
    assert history.was_below(1.0, 0.1)
    assert not history.was_below(1.0, 0.2)
