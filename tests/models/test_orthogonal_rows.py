import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rugtui.models.orthogonal_rows as module
from rugtui.errors import WeightsError
from rugtui.models.base import is_power_of_two
from rugtui.models.orthogonal_rows import convolve, hadamard, sequency_order, transform


@pytest.mark.parametrize("bits", range(11))
def test_hadamard_is_sylvesters(bits):
    assert np.array_equal(hadamard(1 << bits).numpy(), scipy.linalg.hadamard(1 << bits))


@settings(max_examples=50)
@given(bits=st.integers(0, 11), batch=st.sampled_from([(), (1,), (3,), (2, 5)]))
def test_transform_is_the_product_with_the_matrix(bits, batch):
    x = torch.randn(*batch, 1 << bits, dtype=torch.float64)
    wanted = x.numpy() @ scipy.linalg.hadamard(1 << bits)
    np.testing.assert_allclose(transform(x), wanted, atol=1e-11 * 2**bits)


@pytest.mark.parametrize("bits", [3, 12, 17])
def test_twice_transformed_is_n_times_itself(bits):
    x = torch.randn(2, 1 << bits, dtype=torch.float64)
    torch.testing.assert_close(transform(transform(x)), x * 2**bits)


@pytest.mark.parametrize("bits", [0, 1, 4, 9, 11])
def test_convolve_is_the_product_with_the_xor_circulant(bits, monkeypatch):
    """Also where the rows are swept a few at a time, with a rest."""
    monkeypatch.setattr(module, "CACHED", 3 << bits)
    n = 1 << bits
    x, spectrum = torch.randn(7, n, dtype=torch.float64), torch.randn(n, dtype=torch.float64)
    f = scipy.linalg.hadamard(n) @ spectrum.numpy()
    W = f[np.arange(n)[:, None] ^ np.arange(n)]
    np.testing.assert_allclose(convolve(x, spectrum), x.numpy() @ W.T, atol=1e-10 * n)


def test_whole_numbers_are_exact():
    indicator = (torch.rand(1 << 16) < 0.3).double()
    counts = transform(indicator)
    assert torch.equal(counts, counts.round())
    assert torch.equal(transform(counts), indicator * (1 << 16))


def test_an_input_that_is_not_contiguous_is_left_alone():
    x = torch.randn(64, 3, dtype=torch.float64)
    before = x.clone()
    np.testing.assert_allclose(transform(x.T), x.T.numpy() @ scipy.linalg.hadamard(64), atol=1e-12)
    assert torch.equal(x, before)


@pytest.mark.parametrize("n", [1, 2, 8, 256])
def test_sequency_counts_changes_of_sign(n):
    H = scipy.linalg.hadamard(n)
    changes = (np.diff(H[sequency_order(n)], axis=1) != 0).sum(1)
    assert np.array_equal(changes, np.arange(n))


@pytest.mark.parametrize("n", [-4, 0, 3, 12])
def test_other_sizes_are_refused(n):
    assert not is_power_of_two(n)
    if n > 0:
        with pytest.raises(WeightsError, match=str(n)):
            transform(torch.zeros(n))
    with pytest.raises(WeightsError, match=str(n)):
        sequency_order(n)
