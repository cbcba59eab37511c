"""Finding the cells that are on, against NumPy's search."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rugtui.training.kernels.cells import marked, marks, positives


@given(count=st.integers(0, 300), share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_marked_cells_are_found_in_order_at_every_share(count, share, seed):
    on = marks(count)
    on[:count] = np.random.default_rng(seed).random(count) < share
    assert np.array_equal(marked(on, int(on.sum())), np.flatnonzero(on))


@pytest.mark.parametrize("place", [0, 7, 8, 15, 16, 2**17 - 1])
def test_a_single_mark_is_found_wherever_it_is_in_its_word(place):
    on = marks(2**17)
    on[place] = True
    assert marked(on, int(on.sum())).tolist() == [place]


def test_marks_are_padded_to_whole_words():
    assert marks(0).size == 0
    assert marks(1).size == marks(8).size == 8
    assert marks(9).size == 16


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_positive_cells_are_those_above_zero(dtype):
    y = torch.tensor([[0.0, -0.0, 1e-30, -2.0, 3.0], [-1e-30, 5.0, 0.0, 0.0, 1.0]], dtype=dtype)
    on = positives(y, marks(10), most=0.4)
    assert on is not None
    assert on.places.tolist() == [2, 4, 6, 9]
    assert not on.values.any()
    assert positives(y, marks(10), most=0.39) is None
