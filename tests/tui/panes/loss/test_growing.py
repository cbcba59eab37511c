"""What is worked out of growing columns, again and again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rugtui.tui.panes.loss.series import Known


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_what_is_known_is_found_in_any_pieces(pieces, seed):
    rng = np.random.default_rng(seed)
    dense = rng.random(sum(pieces))
    sparse = np.where(rng.random(dense.size) < 0.2, dense, np.nan)
    known, length = Known(), 0
    for piece in pieces:
        length += piece
        found = known(sparse[:length], dense[:length])
        assert found.tolist() == np.flatnonzero(np.isfinite(sparse[:length])).tolist()


def test_another_run_is_seen_anew():
    known = Known()
    nowhere = np.full(5, np.nan)
    assert known(np.array([np.nan, 1.0, np.nan]), np.array([1.0, 2.0, 3.0])).tolist() == [1]
    assert known(nowhere, np.array([9.0, 2.0, 3.0, 4.0, 5.0])).tolist() == []
    assert known(np.array([0.5]), np.array([9.0])).tolist() == [0]
