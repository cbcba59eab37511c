"""The estimate of the recent loss, on descents whose loss is known."""

import math

import numpy as np
import pytest

from rugtui.live.history import loss_now

DESCENTS = {
    "plateau": lambda step: 0.0058 + 0 * step,
    "to a plateau": lambda step: 0.0058 + 0.011 * np.exp(-step / 300),
    "1/step": lambda step: 1 / step,
    "exponential": lambda step: np.exp(-step / 60),
}


def judged(descent, end, noise, results=16):
    """Estimates and errors of many runs that end with result number `end`, and the truth."""
    rng = np.random.default_rng(0)
    steps = 10.0 * np.arange(end - results + 1, end + 1)
    truth = descent(steps)
    many = [loss_now(steps, truth * (1 + noise * rng.normal(size=results))) for _ in range(200)]
    return np.array(many).T, truth[-1]


@pytest.mark.parametrize("noise", [1e-3, 1e-2, 5e-2])
@pytest.mark.parametrize("end", [20, 40, 100])
@pytest.mark.parametrize("descent", DESCENTS.values(), ids=DESCENTS)
def test_the_estimate_is_right_within_its_error_however_the_loss_falls(descent, end, noise):
    (values, errors), truth = judged(descent, end, noise)
    pulls = (values - truth) / errors
    assert np.sqrt(np.mean(pulls**2)) < 1.8
    assert abs(np.mean(values) - truth) < 1.5 * np.mean(errors)
    assert np.std(values) < 1.3 * noise * truth  # no worse than the newest result alone


@pytest.mark.parametrize("noise", [1e-3, 5e-2])
def test_on_a_plateau_the_estimate_is_little_worse_than_a_mean(noise):
    (values, errors), truth = judged(DESCENTS["plateau"], 100, noise)
    of_mean = noise * truth / 4
    assert np.std(values) < 2.6 * of_mean
    assert np.mean(errors) < 2.6 * of_mean


def test_of_few_results_and_of_zeros_the_mean_is_used():
    assert math.isnan(loss_now(np.empty(0), np.empty(0))[0])
    steps = np.arange(1.0, 10.0)
    assert loss_now(steps, np.zeros(9)) == (0, 0)
    assert loss_now(steps[:2], np.array([1.0, 3.0])) == pytest.approx((2, 1))
    assert loss_now(steps, np.full(9, 0.3)) == pytest.approx((0.3, 0), abs=1e-12)
