import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rugtui.errors import WeightsError
from rugtui.models import base
from rugtui.models.base import Window
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug

STORED = Path(__file__).parents[1] / "data/weights"


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def dense_of(rug: Rug) -> Dense:
    """The same model from the definition, by another Hadamard matrix: W_in = H[S]."""
    H = torch.tensor(scipy.linalg.hadamard(rug.n_sparse), dtype=torch.float64)
    W_in = H[rug.chosen]
    return Dense(
        W_in, rug.a / rug.n_dense * W_in.T, torch.full((rug.n_sparse,), rug.b, dtype=torch.float64)
    )


@st.composite
def rugs(draw, most_bits=8):
    bits = draw(st.integers(1, most_bits))
    n_dense = draw(st.integers(1, 2**bits - 1))
    order = draw(st.sampled_from(["random", "natural", "sequency"]))
    a, b = draw(st.floats(0.1, 2)), draw(st.floats(-1, 1))
    return Rug.build(2**bits, n_dense, a, b, rows=order, generator=seeded(draw(st.integers(0, 99))))


@settings(max_examples=50)
@given(rug=rugs())
def test_a_rug_agrees_with_its_dense_matrix(rug):
    dense = dense_of(rug)
    every = np.arange(rug.n_sparse)
    W = dense.rows(every)
    np.testing.assert_allclose(rug.rows(every), W, atol=1e-12)
    np.testing.assert_allclose(rug.diagonal(), W.diagonal(), rtol=1e-12)
    np.testing.assert_allclose(rug.row_sums(), W.sum(1), atol=1e-11)
    np.testing.assert_allclose(rug.row_squares(), (W**2).sum(1), rtol=1e-11)
    np.testing.assert_array_equal(rug.biases(), dense.biases())
    assert rug.mean(0.3) == pytest.approx(0.15 * (W[0].sum() - W[0, 0]), abs=1e-11)
    assert rug.mean(0.3) == pytest.approx(-0.15 * rug.a, abs=1e-11)
    x = torch.rand(7, rug.n_sparse, dtype=torch.float64)
    torch.testing.assert_close(rug.forward(x), dense.forward(x), rtol=0, atol=1e-10)


@settings(max_examples=50)
@given(rug=rugs())
def test_one_row_grouped_is_every_row(rug):
    values, counts = rug.grouped_row()
    assert counts.sum() == rug.n_sparse - 1
    for i in {0, rug.n_sparse // 3, rug.n_sparse - 1}:
        row = np.delete(rug.rows(np.array([i]))[0], i)
        np.testing.assert_allclose(np.sort(row), np.repeat(values, counts), atol=1e-15)


@settings(max_examples=50)
@given(rug=rugs(7), data=st.data())
def test_pooled_is_the_block_means_of_the_matrix(rug, data):
    n = rug.n_sparse
    top, left = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    bottom, right = data.draw(st.integers(top + 1, n)), data.draw(st.integers(left + 1, n))
    height = data.draw(st.integers(1, bottom - top))
    width = data.draw(st.integers(1, right - left))
    W = dense_of(rug).rows(np.arange(n))[top:bottom, left:right]
    down = [k * (bottom - top) // height for k in range(height + 1)]
    across = [k * (right - left) // width for k in range(width + 1)]
    wanted = [[W[u:v, s:t].mean() for s, t in pairwise(across)] for u, v in pairwise(down)]
    picture = rug.pooled(Window(top, left, bottom, right), height, width)
    np.testing.assert_allclose(picture, wanted, atol=1e-12)


def test_a_picture_of_a_large_rug_adds_up():
    rug = Rug.build(2**20, 2**18, 1.1, 0, generator=seeded())
    n = rug.n_sparse
    whole = rug.pooled(Window.whole(n), 64, 64)
    assert whole.mean() * n == pytest.approx(0, abs=1e-9)
    assert np.trace(whole) > 0
    at = Window(123_457, 123_450, 123_477, 123_480)
    i, j = np.arange(at.top, at.bottom), np.arange(at.left, at.right)
    np.testing.assert_allclose(rug.pooled(at, 20, 30), rug.cells(i[:, None], j), atol=1e-15)


def test_the_stored_rug():
    entry = json.loads((STORED / "index.json").read_text())[0]
    stored = np.load(STORED / entry["file"])
    rug = Rug.of_rows(torch.tensor(entry["hadamard_rows"]), 64, entry["a"], float(stored["b"][0]))
    W = stored["W_out"].astype(float) @ stored["W_in"].astype(float)
    np.testing.assert_allclose(rug.rows(np.arange(64)), W, atol=1e-6)
    assert rug.row_sum == pytest.approx(W[0].sum(), rel=1e-6)  # row 0 of H is among them


def test_rows_are_drawn_by_the_generator_and_leave_out_the_first():
    def draw(seed):
        return Rug.build(64, 63, 1, 0, generator=seeded(seed)), Rug.build(
            64, 20, 1, 0, generator=seeded(seed)
        )

    everything, some = draw(3)
    assert everything.chosen.tolist() == list(range(1, 64))
    assert torch.equal(some.chosen, draw(3)[1].chosen)
    assert not torch.equal(some.chosen, draw(4)[1].chosen)


def test_forward_in_single_precision():
    rug = Rug.build(4096, 1024, 1.2, -0.3, generator=seeded())
    x = torch.rand(16, 4096) * (torch.rand(16, 4096) < 0.05)
    torch.testing.assert_close(rug.forward(x).double(), rug.forward(x.double()), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("n_sparse", "n_dense", "told"),
    [(12, 3, "dct"), (16, 0, "from 1 to 15"), (16, 16, "from 1 to 15"), (2**50, 9, "GiB")],
)
def test_impossible_sizes_are_refused(n_sparse, n_dense, told):
    with pytest.raises(WeightsError, match=told):
        Rug.build(n_sparse, n_dense, 1, 0, generator=seeded())


def test_memory_is_checked_before_it_is_allocated(monkeypatch):
    monkeypatch.setattr(base, "available_memory", lambda: 2**20)
    Rug.build(2**14, 10, 1, 0, generator=seeded())
    with pytest.raises(WeightsError, match=r"needs .* GiB of memory, but 0.000977 GiB"):
        Rug.build(2**15, 10, 1, 0, generator=seeded())


def test_too_little_memory_is_reported_with_both_sizes(monkeypatch):
    monkeypatch.setattr(base, "available_memory", lambda: 2**30)
    base.require_memory(2**30, "It")
    with pytest.raises(WeightsError, match=r"It needs 3 GiB of memory, but 1 GiB are available"):
        base.require_memory(3 * 2**30, "It")


def test_sizes_in_words_are_short():
    assert base.gib(3 << 29) == "1.5 GiB"
    assert base.gib(3_030 << 30) == "3,030 GiB"
