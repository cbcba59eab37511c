"""Samplers of other magnitudes, probabilities and groups against the moments of their laws: each
mean within 5 of its own standard errors, which the samples themselves give."""

import itertools

import numpy as np
import pytest
import torch

from rugtui.analysis.verdict import caveat
from rugtui.errors import SettingError
from rugtui.settings.law import MagnitudeLaw
from rugtui.settings.settings import Settings
from rugtui.theory.magnitudes import Magnitude, exact_loss
from rugtui.training.data import decayed
from rugtui.training.kernels.sparse_rows import SparseRows
from rugtui.training.source import Source
from rugtui.training.trainer import Trainer

LAWS = ["uniform:0.5,1.5", "normal:1,0.3", "exponential:0.5", "fixed:2", "signed"]
SETTINGS = Settings(n_sparse=24, n_dense=6, p=0.15, batch=20_000, device="cpu")
CPU = torch.device("cpu")


def drawn(settings, dtype=torch.float32):
    x = Source(torch.Generator().manual_seed(3), CPU, dtype).draw(settings, settings.batch)
    return (x.dense() if isinstance(x, SparseRows) else x).double().numpy()


def agrees(values, mean, variance=None):
    """Whether a mean of independent values is within 5 standard errors, from their own spread or
    from the law's variance, where some are rare."""
    variance = values.var(0, ddof=1) if variance is None else variance
    error = np.sqrt(variance / len(values))
    return np.all(np.abs(values.mean(0) - mean) <= 5 * error + 1e-9)


@pytest.mark.parametrize("magnitude", ["uniform", *LAWS])
@pytest.mark.parametrize("more", [{}, {"p": 0.6}, {"data": "one"}, {"data": "correlated"}], ids=str)
def test_magnitudes_have_the_moments_and_the_characteristic_of_their_law(magnitude, more):
    settings = SETTINGS.replace(magnitude=magnitude, **more)
    x, law = drawn(settings), Magnitude.parse(magnitude)
    p = settings.p_on
    assert agrees((x != 0).mean(1), p)
    u = x[x != 0]
    low, high = law.range
    assert low - 1e-6 <= u.min() <= u.max() <= high + 1e-6
    assert agrees(u, law.mean)
    assert agrees(u**2, law.second_moment)
    t = 2.0
    assert agrees(np.cos(t * u), float(law.characteristic(np.array(t)).real))
    assert agrees(np.sin(t * u), float(law.characteristic(np.array(t)).imag))


def test_the_usual_law_draws_the_very_samples_of_before():
    for p in (0.02, 0.6):
        usual = drawn(SETTINGS.replace(p=p))
        np.testing.assert_array_equal(usual, drawn(SETTINGS.replace(p=p, magnitude="uniform:0,1")))
    assert MagnitudeLaw.parse("uniform:0,1").is_usual


@pytest.mark.parametrize("decay", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("p", [0.05, 0.5, 1.0])
def test_probabilities_that_decay(decay, p):
    each = decayed(24, p, decay).numpy()
    assert each.mean() == pytest.approx(p, rel=1e-12)
    assert each.max() <= 1
    free = each < 1
    ratio = each[free] * np.arange(1, 25)[free] ** decay
    np.testing.assert_allclose(ratio, ratio[:1].repeat(len(ratio)), rtol=1e-9)
    x = drawn(SETTINGS.replace(p=p, p_decay=decay))
    assert agrees(x != 0, each, each * (1 - each))
    assert agrees(x, each / 2, each / 3 - each**2 / 4)


@pytest.mark.parametrize("size", [2, 3])
def test_groups_are_on_together_or_never_together(size):
    p = 0.15
    for data, joint in (("correlated", p), ("anticorrelated", 0.0)):
        on = drawn(SETTINGS.replace(data=data, group=size)) != 0
        assert agrees(on, p)
        for i, j in itertools.combinations(range(2 * size), 2):
            both = on[:, i] & on[:, j]
            assert agrees(both.astype(float), joint if i // size == j // size else p * p)


@pytest.mark.parametrize("magnitude", LAWS)
def test_the_held_out_loss_is_the_exact_loss_of_the_law(magnitude):
    """A trained model's loss on samples against an integral over the law (section 7)."""
    training = Trainer(SETTINGS.replace(magnitude=magnitude, batch=256, steps=60))
    while training.advance():
        pass
    weights = training.weights()
    found, index = training.measure(20_000), np.arange(24)
    rows = weights.rows(index)
    exact = exact_loss(rows, index, weights.biases(), 0.15, Magnitude.parse(magnitude)).mean()
    assert abs(found.mean - exact) < 5 * found.standard_error
    assert found.standard_error < 0.02 * exact


@pytest.mark.parametrize(
    ("changes", "name", "wanted"),
    [
        ({"magnitude": "cauchy"}, "magnitude", "one of uniform, normal"),
        ({"magnitude": "uniform:2,1"}, "magnitude", "LOW below HIGH"),
        ({"data": "correlated", "group": 5}, "group", "a divisor of n_sparse"),
        ({"data": "anticorrelated", "p": 0.6}, "p", "at most 1/2"),
        ({"data": "one", "p_decay": 1.0}, "p_decay", "0 where data is one"),
        ({"method": "population", "magnitude": "signed"}, "method", "sgd where magnitude"),
        ({"until_within": 0.1, "p_decay": 1.0}, "until_within", "p_decay is not 0"),
    ],
)
def test_incompatible_settings_are_refused(changes, name, wanted):
    with pytest.raises(SettingError, match=wanted) as caught:
        SETTINGS.replace(**changes)
    assert caught.value.name == name


def test_settings_to_which_theory_does_not_apply_are_named():
    assert "no sum of independent terms" in caveat(SETTINGS.replace(data="correlated"))
    assert "features with different p" in caveat(SETTINGS.replace(p_decay=1.0))
    assert "levels are of magnitudes signed" in caveat(SETTINGS.replace(magnitude="signed"))
