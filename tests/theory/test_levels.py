"""The curves of theory: through the run's point, between the bounds."""

import functools
from itertools import pairwise

import numpy as np
import pytest

from rugtui.theory import levels as module
from rugtui.theory.bounds import linear
from rugtui.theory.levels import levels

curves = functools.cache(module.curves)
LINES = ("oracle", "elementwise", "optimum", "linear")


@pytest.mark.parametrize(("r", "p"), [(0.25, 0.05), (0.003, 1e-4), (0.99, 1.0)])
def test_curves_go_through_the_point_of_the_run(r, p):
    made, here = curves(r, p), levels(r, p)
    for sweep, x in ((made.against_r, r), (made.against_p, p)):
        (index,) = np.flatnonzero(sweep.x == x)
        for name, value in zip(
            LINES, (here.oracle, here.elementwise, here.loss, here.linear), strict=True
        ):
            assert getattr(sweep, name)[index] == pytest.approx(value, rel=1e-9)


def test_lines_keep_their_order_and_fall_with_r():
    made = curves(0.25, 0.05)
    for sweep in (made.against_r, made.against_p):
        assert (np.diff(sweep.x) > 0).all()
        for low, high in pairwise(LINES):
            assert (getattr(sweep, low) <= getattr(sweep, high) * (1 + 1e-9)).all()
    for name in LINES:
        assert (np.diff(getattr(made.against_r, name)) < 0).all()


def test_each_curve_fixes_the_other_number():
    made = curves(0.25, 0.05)
    np.testing.assert_allclose(made.against_r.linear, linear(made.against_r.x, 0.05))
    np.testing.assert_allclose(made.against_p.linear, linear(0.25, made.against_p.x))


def test_the_end_of_training_goes_through_the_point_and_below_the_paired_optimum():
    made = curves(0.6, 0.05)
    assert made.structured is not None
    # against p it is interpolated
    for sweep, x, near in ((made.against_r, 0.6, 1e-9), (made.against_p, 0.05, 0.01)):
        (index,) = np.flatnonzero(sweep.x == x)
        assert sweep.pairs[index] == pytest.approx(made.structured.loss_pairs, rel=1e-9)
        assert sweep.end[index] == pytest.approx(made.structured.loss_end, rel=near)
        assert (sweep.end <= sweep.optimum * (1 + 1e-9)).all()
