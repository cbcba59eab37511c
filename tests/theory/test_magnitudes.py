"""Theory for other magnitudes: against the closed forms for [0, 1], and against plain sampling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rugtui.errors import SettingError
from rugtui.theory import bounds, exact, gaussian
from rugtui.theory import magnitudes as theory
from rugtui.theory.magnitudes import Magnitude
from rugtui.theory.optimum import optimum

UNIFORM = Magnitude()
LAWS = ["uniform:0.5,1.5", "normal:1,0.3", "exponential:0.5", "fixed:1", "signed"]
POINTS = [(0.25, 0.05), (0.5, 0.2), (0.1, 0.01)]


def drawn(law: Magnitude, rng: np.random.Generator, size) -> np.ndarray:
    """u, from NumPy's own samplers."""
    match law.kind:
        case "normal":
            return rng.normal(*law.values, size)
        case "exponential":
            return rng.exponential(law.values[0], size)
        case "fixed":
            return np.full(size, law.values[0])
    return rng.uniform(*law.range, size)


def features(law: Magnitude, p: float, rng: np.random.Generator, size) -> np.ndarray:
    return np.where(rng.random(size) < p, drawn(law, rng, size), 0.0)


@pytest.mark.parametrize(("r", "p"), [*POINTS, (0.02, 0.3), (0.9, 0.001), (0.5, 1.0)])
def test_it_agrees_with_the_closed_forms_for_the_paper_s_data(r, p):
    best, other = optimum(r, p), theory.optimum(r, p, UNIFORM)
    assert other.loss == pytest.approx(float(best.loss), rel=1e-8)
    assert theory.linear(r, p, UNIFORM) == pytest.approx(float(bounds.linear(r, p)), rel=1e-12)
    both = bounds.elementwise_and_oracle(r, p)
    assert theory.elementwise_and_oracle(r, p, UNIFORM) == pytest.approx(
        [float(x) for x in both], rel=1e-5
    )


@given(
    a=st.floats(0.05, 1.5),
    b=st.floats(-1, 1),
    sigma=st.floats(1e-4, 1),
    p=st.floats(0.01, 1),
)
def test_the_gaussian_loss_agrees_with_the_closed_form(a, b, sigma, p):
    known = float(gaussian.loss(a, b, sigma, p))
    assert theory.loss(a, b, sigma, p, UNIFORM) == pytest.approx(known, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("text", LAWS)
@pytest.mark.parametrize(("r", "p"), POINTS)
def test_l_star_agrees_with_sampling(text, r, p):
    law, rng, count = Magnitude.parse(text), np.random.default_rng(1), 400_000
    best = theory.optimum(r, p, law)
    x, z = features(law, p, rng, count), rng.standard_normal(count)
    losses = (x - np.maximum(best.a * x + best.b + best.sigma * z, 0)) ** 2
    assert abs(losses.mean() - best.loss) < 4 * losses.std() / np.sqrt(count)
    for off in (0.97, 1.03):  # and nothing beside it is better
        assert theory.loss(best.a * off, best.b, best.sigma * off, p, law) >= best.loss
        assert theory.loss(best.a, best.b * off, best.sigma, p, law) >= best.loss


@pytest.mark.parametrize("text", LAWS)
@pytest.mark.parametrize(("r", "p"), POINTS)
def test_the_losses_lie_in_their_order(text, r, p):
    law = Magnitude.parse(text)
    elementwise, oracle = theory.elementwise_and_oracle(r, p, law)
    assert (oracle == 0) == (law.kind == "fixed")  # there, to be on is to have a known size
    assert oracle <= elementwise <= theory.optimum(r, p, law).loss
    assert elementwise <= theory.linear(r, p, law) <= p * law.second_moment


@pytest.mark.parametrize("text", [*LAWS, "uniform"])
def test_the_exact_loss_agrees_with_sampling(text):
    law, rng, p, count = Magnitude.parse(text), np.random.default_rng(2), 0.1, 200_000
    W = rng.normal(0, 0.25, (3, 12))
    W[np.arange(3), np.arange(3)] = 0.9
    b = np.array([-0.1, -0.2, 0.05])
    x = features(law, p, rng, (count, 12))
    losses = (x[:, :3] - np.maximum(x @ W.T + b, 0)) ** 2
    found = theory.exact_loss(W, np.arange(3), b, p, law)
    assert (np.abs(losses.mean(0) - found) < 4 * losses.std(0) / np.sqrt(count)).all()
    if text == "uniform":
        known = exact.exact_loss(W, np.arange(3), b, p)
        np.testing.assert_allclose(found, known, rtol=1e-4)


@pytest.mark.parametrize("text", LAWS)
def test_moments_and_characteristic_function_are_those_of_the_law(text):
    law = Magnitude.parse(text)
    u = drawn(law, np.random.default_rng(3), 400_000)
    t = np.array([0.0, 0.7, 3.0])
    assert law.mean == pytest.approx(u.mean(), abs=5 * u.std() / 600 + 1e-12)
    assert law.second_moment == pytest.approx((u**2).mean(), abs=5 * (u**2).std() / 600 + 1e-12)
    seen = np.exp(1j * np.outer(t, u)).mean(1)
    np.testing.assert_allclose(law.characteristic(t), seen, atol=8e-3)
    nodes, weight = law.nodes(0.1)
    assert nodes @ weight == pytest.approx(law.mean, abs=1e-9)
    assert Magnitude.parse(str(law)) == law


@pytest.mark.parametrize(
    "text",
    ["gamma", "uniform:1", "uniform:2,1", "normal:1,0", "fixed:0", "exponential:x", "signed:1"],
)
def test_unknown_laws_are_refused_with_what_is_wanted(text):
    with pytest.raises(SettingError, match="magnitude"):
        Magnitude.parse(text)
