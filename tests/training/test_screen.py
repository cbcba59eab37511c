"""Rounded numbers must never tell a cell off that is on, nor cost a digit."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.training import data, screen
from rugtui.training.cells import marks
from rugtui.training.parameters import Parameters
from rugtui.training.plan import Plan
from rugtui.training.screen import Screen, margin
from rugtui.training.step import Gradient
from tests.training.test_step import check, weights

SCREENED = Plan(sparse_encoder=True, most_on=1, screened=True)
there = pytest.mark.skipif(not screen.paced(), reason="no quick bfloat16 on this CPU")


def batch(n_sparse=24, p=0.2, size=33, dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)
    return data.sample_cells(n_sparse, p, size, generator=g, dtype=dtype)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**30), n_dense=st.integers(1, 40), aligned=st.booleans())
def test_rounding_moves_nothing_by_more_than_the_margin(seed, n_dense, aligned):
    g = torch.Generator().manual_seed(seed)
    z, W_out = (torch.randn(n, n_dense, generator=g) for n in (9, 6))
    if aligned:  # as bad as can be: one direction, all of it half way between two numbers
        z, W_out = (torch.full_like(part, 1 + 2.0**-8 * (1 - 1e-6)) for part in (z, W_out))
    halves = z.bfloat16(), W_out.bfloat16()
    moved = z.double() @ W_out.double().T - halves[0].double() @ halves[1].double().T
    most = margin(z, halves[0], W_out, halves[1], spare=torch.empty(9 * n_dense))
    assert (moved.abs() <= most).all()
    assert not aligned or (moved.abs() > 0.9 * most).all()


@there
@pytest.mark.parametrize(("tied", "bias", "important"), itertools.product([False, True], repeat=3))
def test_screened_gradient_is_autograds(tied, bias, important):
    importance = torch.arange(1, 25, dtype=torch.float64) ** -0.7 if important else None
    start, x = weights(), batch()
    more = {"tied": tied, "bias": bias, "activation": "relu", "importance": importance}
    check(start, x, x.dense(), SCREENED, **more)


@there
def test_outputs_are_those_of_full_numbers_batch_after_batch():
    start = weights(n_sparse=300, n_dense=40, dtype=torch.float32)
    start.b.sub_(1.0)
    found, on = Screen(torch.empty(50, 300), 40), marks(50 * 300)
    for seed in range(3):
        z = batch(300, 0.1, 50, torch.float32, seed) @ start.W_in.T
        few = found(z, start.W_out, start.b, marks=on, most=1.0)
        assert few is not None
        want = torch.relu(z.double() @ start.W_out.T.double() + start.b)
        torch.testing.assert_close(few[0].double(), want, rtol=0, atol=1e-5)
        assert len(few[1].values) < 1.3 * (want > 0).sum()  # a screen that lets all pass is none


@there
def test_too_many_cells_make_a_dense_step():
    start, x = weights(), batch()
    few, full = Plan(True, 1e-3, screened=True), Plan(True, 0)
    own = [Parameters(start) for _ in range(2)]
    losses = [Gradient(part, plan)(x) for part, plan in zip(own, (few, full), strict=True)]
    assert losses[0] == losses[1]
    assert torch.equal(own[0].gradient.flat, own[1].gradient.flat)


@there
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_are_left_to_the_dense_step(bad):
    start = weights(dtype=torch.float32)
    start.W_out[3, 2] = bad
    z = batch(dtype=torch.float32) @ start.W_in.T
    found = Screen(torch.empty(33, 24), 7)
    assert found(z, start.W_out, start.b, marks=marks(33 * 24), most=1.0) is None
