import math

import pytest
import torch

from rugtui.errors import UsageError, WeightsError
from rugtui.models.constructions import engineered
from rugtui.models.decoders import DECODERS, DecoderView, best_jump, sampled, topk
from rugtui.models.dense import Dense


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batches(n_sparse, p, samples, generator, at_once=64):
    """Sparse data the plain way: a uniform number where a coin says so."""
    for _ in range(samples // at_once):
        on = torch.rand(at_once, n_sparse, generator=generator) < p
        yield torch.rand(at_once, n_sparse, generator=generator) * on


@pytest.mark.parametrize("frame", ["hadamard", "orthonormal"])
@pytest.mark.parametrize("p", [0.02, 0.2])
def test_samples_say_what_theory_says(frame, p):
    """Sizes are finite: beside four standard errors, 4 % (orthonormal: rows differ)."""
    n_sparse = 4096 if frame == "hadamard" else 2048
    weights = engineered(frame, n_sparse, n_sparse // 4, p, generator=seeded())
    results = sampled(weights, p, batches(n_sparse, p, 512, seeded(1)))
    assert [result.name for result in results] == list(DECODERS)
    for result in results:
        slack = 4 * result.standard_error + 0.04 * result.theory
        assert result.loss == pytest.approx(result.theory, abs=slack), result
        assert 0 < result.standard_error < 0.05 * result.loss


def test_the_model_itself_is_the_relu():
    weights = engineered("dct", 96, 24, 0.1, generator=seeded())
    x = next(batches(96, 0.1, 64, seeded(1)))
    (result,) = sampled(weights, 0.1, [x[:30], x[30:]], ["relu"])
    each = (x - weights.forward(x)).square().mean(1)
    assert result.loss == pytest.approx(each.mean().item(), rel=1e-5)
    assert result.standard_error == pytest.approx(each.std().item() / 8, rel=1e-4)


@pytest.mark.parametrize("name", DECODERS)
def test_the_data_are_not_modified(name):
    weights = engineered("dct", 96, 24, 0.1, generator=seeded())
    x = next(batches(96, 0.1, 64, seeded(1)))
    z, before = torch.randn(64, 96), x.clone()
    z_before = z.clone()
    DECODERS[name](DecoderView.of(weights, 0.1, "cpu"), x, z)
    assert torch.equal(x, before)
    assert torch.equal(z, z_before)


def test_topk_passes_the_share_of_the_best_threshold():
    p, n_sparse = 0.1, 256
    weights = engineered("hadamard", n_sparse, 64, p, generator=seeded())
    view = DecoderView.of(weights, p, "cpu")
    x = next(batches(n_sparse, p, 64, seeded(1)))
    z = view.normalised(weights.product(x))
    passed = topk(view, x, z) != 0
    k = round(best_jump(math.sqrt((p / 3 - p**2 / 4) * 3), p).share * n_sparse)
    assert (passed.sum(1) == k).all()
    least = torch.where(passed, z, torch.inf).min(1).values
    most = torch.where(passed, -torch.inf, z).max(1).values
    assert (least >= most).all()


def test_weights_that_cannot_be_decoded_are_refused():
    weights = engineered("hadamard", 64, 16, 0.1, generator=seeded())
    with pytest.raises(UsageError, match="'magic'"):
        sampled(weights, 0.1, [], ["relu", "magic"])
    dead = Dense(torch.zeros(2, 5), torch.zeros(5, 2), torch.zeros(5))
    with pytest.raises(WeightsError, match="positive diagonal"):
        sampled(dead, 0.1, [])
