import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.theory import characteristic
from rugtui.theory.characteristic import log_factor, of_groups, of_rows


def by_product(row, p, t):
    """The definition, one complex factor a weight, the mean taken out at the end."""
    s = np.multiply.outer(t, row)
    with np.errstate(invalid="ignore", divide="ignore"):
        wave = np.where(s == 0, 1, np.expm1(1j * s) / (1j * s))
    return np.prod(1 - p + p * wave, axis=1) * np.exp(-1j * p / 2 * t * row.sum())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(1e-8, 1),
    st.floats(0.1, 1000),
    st.sampled_from([1, 3, 60]),
)
def test_rows_against_the_product(seed, p, highest, count):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, 40)) * 0.1
    rows[:, 0] *= 30
    rows[:, 1] = 0
    t = highest * np.linspace(0.01, 1, 50)
    expected = np.stack([by_product(row, p, t) for row in rows])
    np.testing.assert_allclose(of_rows(rows, p, t)[0], expected, atol=1e-8 * (1 + 40 * p))


def test_the_grid_is_taken_for_many_rows_and_is_good_to_many_digits(monkeypatch):
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((64, 256)) * 0.1
    t = np.linspace(0.5, 40, 64)
    gridded, _ = of_rows(rows, 0.01, t)
    monkeypatch.setattr(characteristic, "SMOOTH_BELOW", 0)
    monkeypatch.setattr(characteristic, "SMOOTH_UP_TO", 0)
    plain, _ = of_rows(rows, 0.01, t)
    assert not np.array_equal(gridded, plain)
    np.testing.assert_allclose(gridded, plain, atol=1e-8)


@pytest.mark.parametrize(("p", "reach"), [(1e-4, 60), (0.05, 60), (0.2, 60), (0.5, 60), (1.0, 4)])
def test_interpolation_is_good_to_1e_8_p(p, reach):
    """One weight at the worst place of a cell, its middle, wherever a grid may be used."""
    step = characteristic.STEP if p <= 0.2 else characteristic.STEP / 2
    place = np.arange(-reach, reach, step) + step / 2
    here = np.array(log_factor(place, p))
    around = [np.array(log_factor(place + (o - 0.5) * step, p)) for o in characteristic.OFFSETS]
    interpolated = np.tensordot(characteristic.LAGRANGE[:, 0], around, 1)
    assert np.abs(interpolated - here).max() < 1e-8 * p


def test_groups_repeat_a_value():
    t = np.linspace(0.1, 30, 40)
    grouped, _ = of_groups(np.array([0.2, -0.1]), np.array([[3.0, 5.0]]), 0.3, t)
    row = np.array([0.2] * 3 + [-0.1] * 5)
    np.testing.assert_allclose(grouped[0], by_product(row, 0.3, t), atol=1e-13)


@given(st.floats(1e-8, 1), st.floats(1e-9, 1e-2))
def test_small_arguments_give_the_cumulants(p, s):
    """ψ(s) = −v s²/2 − i κ₃ s³/6 + O(s⁴), to the relative accuracy that n terms may add up."""
    size, phase = log_factor(np.array(s), p)
    third = p / 4 - p**2 / 2 + p**3 / 4
    assert size == pytest.approx(-(p / 3 - p**2 / 4) * s**2 / 2, abs=p * (s**4 + 4e-16))
    assert phase == pytest.approx(-third * s**3 / 6, abs=p * s**5 + 4e-16 * s)


def test_a_zero_of_the_factor_does_not_crash():
    size, phase = log_factor(2 * np.pi * np.arange(1, 4), 1.0)
    assert (size < -30).all()
    assert np.isfinite(phase).all()
    transform, _ = of_groups(np.array([1.0]), np.array([[7.0]]), 1.0, 2 * np.pi * np.arange(1, 4))
    np.testing.assert_allclose(transform, 0, atol=1e-90)
