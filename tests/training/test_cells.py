"""Finding the cells that are on, against NumPy's search."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rugtui.training.cells import Cells, marked, marks, positives


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_positive_cells_are_those_above_zero(dtype):
    y = torch.tensor([[0.0, -0.0, 1e-30, -2.0, 3.0], [-1e-30, 5.0, 0.0, 0.0, 1.0]], dtype=dtype)
    bits = {torch.bfloat16: y.view(torch.int16)}.get(dtype, y)
    on = positives(bits, marks(10), most=0.4)
    assert on is not None
    assert on.places.tolist() == [2, 4, 6, 9]
    assert not on.values.any()
    assert positives(bits, marks(10), most=0.39) is None


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("places", [[], [0], [3, 4, 11, 14], list(range(15))])
def test_a_product_on_some_cells_is_that_of_all_cells_there(places):
    g = torch.Generator().manual_seed(0)
    left, right = (torch.randn(n, 7, generator=g, dtype=torch.float64) for n in (3, 5))
    cells = Cells.at((3, 5), torch.tensor(places, dtype=torch.int64))
    want = (left @ right.T).view(-1)[places]
    torch.testing.assert_close(cells.product(left, right), want)
