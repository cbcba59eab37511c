"""NaN, explosions, dead outputs and full memory are states of a run, with a sentence each."""

import pytest
import torch

from rugtui.config import Settings
from rugtui.training import failure, step
from rugtui.training.failure import Diverged, OutOfMemory
from rugtui.training.loop import Training, results

SMALL = Settings(n_sparse=32, n_dense=8, p=0.1, batch=64, steps=0, device="cpu")


def test_divergence_restores_sound_weights():
    training = Training(SMALL)
    training.advance()
    training.change(SMALL.replace(lr=1e30))
    with pytest.raises(Diverged) as told:
        list(results(training))
    assert told.value.step > told.value.kept_step
    assert f"diverged by step {told.value.step:,}" in str(told.value)
    assert "lower the learning rate, lr 2.5e+29 say" in str(told.value)
    assert training.step == told.value.kept_step
    assert torch.isfinite(training.weights().W_in).all()
    training.change(SMALL)
    result = training.advance()
    assert result.loss < 0.1


def test_explosion_is_found_before_it_is_infinite():
    training = Training(SMALL)
    training.advance()
    kept = training.weights()
    training._parameters.weights.b.fill_(1e4)
    with pytest.raises(Diverged, match=r"loss 1e\+08"):
        training.advance()
    assert torch.equal(training.weights().b, kept.b)


def test_nan_is_found_whatever_the_method():
    training = Training(SMALL.replace(method="population"))
    training._parameters.weights.b.fill_(float("nan"))
    with pytest.raises(Diverged, match="nan"):
        training.advance()
    assert torch.isfinite(training.weights().b).all()


def test_dead_outputs_are_counted():
    training = Training(SMALL.replace(init="rug"))
    assert training.advance().dead == 0
    training._parameters.weights.b[:5] = -100.0
    assert training.advance().dead == 5


def test_an_output_whose_feature_is_rare_is_not_called_dead():
    """Of 256 features one is on in a sample: two batches say nothing of most outputs."""
    settings = SMALL.replace(n_sparse=256, data="one", p=1.0, init="rug")
    training = Training(settings)
    for _ in range(2):
        training._take_step(lambda: None)
    assert training._method.dead() == 0


def test_full_memory_is_a_sentence(monkeypatch):
    training = Training(SMALL)
    training.advance()
    before = training.state()

    def full(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to …")

    with monkeypatch.context() as broken:
        broken.setattr(step.Gradient, "_encode", full)
        with pytest.raises(OutOfMemory) as told:
            training.advance()
    assert "batch 32 fits" in str(told.value)
    after = training.state()
    assert all(torch.equal(before.tensors[name], after.tensors[name]) for name in before.tensors)
    assert training.advance() is not None


def test_what_cannot_fit_is_refused_at_once():
    with pytest.raises(OutOfMemory, match="take a smaller n_sparse or n_dense"):
        Training(Settings(n_sparse=2**27, n_dense=2**20, device="cpu"))


def test_other_errors_are_not_swallowed(monkeypatch):
    training = Training(SMALL)

    def broken(*_, **__):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(step.Gradient, "_encode", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        training.advance()


def test_largest_batch():
    settings = Settings(n_sparse=32_768, n_dense=1024, batch=65_536, device="cpu")
    batch = failure.largest_batch(settings, 6 * 2**30)
    assert batch == 8192
    assert failure.needed_memory(settings.replace(batch=batch)) < 6 * 2**30
    assert failure.needed_memory(settings.replace(batch=2 * batch)) > 6 * 2**30
    assert failure.largest_batch(settings, 2**20) == 0


def test_ends_tidily_at_once():
    training = Training(SMALL.replace(steps=1))
    assert [result.step for result in results(training)] == [1]
    assert training.ending == "1 steps done"
