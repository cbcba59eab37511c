"""NaN, explosions, dead outputs and full memory are states of a run, with a sentence each."""

import json
import os
import subprocess
import sys

import pytest
import torch

from rugtui.settings.settings import Settings
from rugtui.training import failure
from rugtui.training.failure import Diverged, OutOfMemory
from rugtui.training.kernels import gradient
from rugtui.training.trainer import Trainer, results

SMALL = Settings(n_sparse=32, n_dense=8, p=0.1, batch=64, steps=0, device="cpu")


def test_divergence_restores_sound_weights():
    training = Trainer(SMALL)
    training.advance()
    training.change(SMALL.replace(lr=1e30))
    with pytest.raises(Diverged) as told:
        list(results(training))
    assert told.value.step > told.value.kept_step
    assert f"diverged by step {told.value.step:,}" in str(told.value)
    assert "lower the learning rate, for example lr 0.00053" in str(told.value)
    assert training.step == told.value.kept_step
    assert torch.isfinite(training.weights().W_in).all()
    training.change(SMALL)
    result = training.advance()
    assert result.loss < 0.1


def test_explosion_is_found_before_it_is_infinite():
    training = Trainer(SMALL)
    training.advance()
    kept = training.weights()
    training._parameters.weights.b.fill_(1e4)
    with pytest.raises(Diverged, match=r"loss 1e\+08"):
        training.advance()
    assert torch.equal(training.weights().b, kept.b)


@pytest.mark.parametrize("lr", [30.0, 1e6])
@pytest.mark.parametrize("at", ["start", "later"])
def test_a_rate_that_explodes_the_loss_is_found_though_it_stays_finite(lr, at):
    training = Trainer(SMALL.replace(lr=lr) if at == "start" else SMALL)
    if at == "later":
        training.advance()
        training.change(SMALL.replace(lr=lr))
    kept = training.weights()
    with pytest.raises(Diverged, match=r"loss \d.*lower the learning rate"):
        training.advance()
    assert torch.equal(training.weights().W_in, kept.W_in)
    assert torch.equal(training.weights().b, kept.b)


def test_a_rate_that_kills_all_outputs():
    training = Trainer(SMALL.replace(lr=0.3))
    result = [training.advance() for _ in range(2)][-1]
    assert result.dead == 32
    assert result.loss == pytest.approx(0.1 / 3, rel=0.05)  # that of silence
    assert not training._parameters.gradient.flat.any()


def test_nan_is_found_whatever_the_method():
    training = Trainer(SMALL.replace(method="population"))
    training._parameters.weights.b.fill_(float("nan"))
    with pytest.raises(Diverged, match="nan"):
        training.advance()
    assert torch.isfinite(training.weights().b).all()


@pytest.mark.parametrize("more", [{}, {"p": 0.5}, {"n_dense": 31}, {"activation": "gelu"}])
def test_one_nan_weight_is_found_within_the_interval(more):
    training = Trainer(SMALL.replace(**more))
    training.advance()
    training._parameters.weights.W_in[2, 3] = float("nan")
    with pytest.raises(Diverged, match="nan"):
        training.advance()
    assert torch.isfinite(training.weights().W_in).all()


def test_dead_outputs_are_counted():
    training = Trainer(SMALL.replace(init="rug"))
    assert training.advance().dead == 0
    training._parameters.weights.b[:5] = -100.0
    assert training.advance().dead == 5


def test_an_output_whose_feature_is_rare_is_not_called_dead():
    """Of 256 features one is on in a sample: two batches say nothing of most outputs."""
    settings = SMALL.replace(n_sparse=256, data="one", p=1.0, init="rug")
    training = Trainer(settings)
    for _ in range(2):
        training._take_step(lambda: None)
    assert training._method.dead() == 0


def test_full_memory_is_reported_in_a_sentence(monkeypatch):
    training = Trainer(SMALL)
    training.advance()
    before = training.state()

    def full(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to …")

    with monkeypatch.context() as broken:
        broken.setattr(gradient.Gradient, "_encode", full)
        with pytest.raises(OutOfMemory) as told:
            training.advance()
    assert "batch 32 fits" in str(told.value)
    after = training.state()
    assert all(torch.equal(before.tensors[name], after.tensors[name]) for name in before.tensors)
    assert training.advance() is not None


def test_what_cannot_fit_is_refused_at_once():
    with pytest.raises(OutOfMemory, match="choose a smaller n_sparse or n_dense"):
        Trainer(Settings(n_sparse=2**27, n_dense=2**20, device="cpu"))


def test_other_errors_are_not_swallowed(monkeypatch):
    training = Trainer(SMALL)

    def broken(*_, **__):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(gradient.Gradient, "_encode", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        training.advance()


FEW_ARENAS = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Every thread has the C library set address space aside, which the limit counts."""
FULL = """
import psutil, re, resource, sys
from rugtui.cli import main
from rugtui.cli import train as command
from rugtui.training.failure import MemoryBudget

command.HELDOUT_SAMPLES = 1024
require, most = MemoryBudget.require, psutil.Process().memory_info().vms + (512 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))

def train(batch):
    return main(["train", "--quiet", "--device", "cpu", "--n-sparse", "1024", "--n-dense", "4",
                 "--steps", "2", "--p", "0.01", "--into", sys.argv[1], "--batch", str(batch)])

MemoryBudget.require = lambda *_: None  # what the kernel refuses, not what is foreseen
print(train(1_000_000), file=sys.stderr)
MemoryBudget.require = require
print(train(1_000_000), file=sys.stderr)
print(train(int(sys.stdin.readline())), file=sys.stderr)
"""


def test_memory_that_really_runs_out_and_the_batch_that_fits(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", "import torch\n" + FULL, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | FEW_ARENAS,
    ) as child:
        said = [child.stderr.readline() for _ in range(4)]
        words = said[2].replace(",", "").split()
        batch = words[words.index("fits.") - 1]
        _, rest = child.communicate(batch, timeout=60)
    for sentence in said[::2]:
        assert sentence.startswith("rugtui: Training at batch 1,000,000 needs about 2"), said
    assert said[1::2] == ["1\n", "2\n"]  # it failed; it cannot be
    assert 2048 <= int(batch) <= 32_768
    assert rest == "0\n"


AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""What is freed goes back to the system, and no later run takes it up unseen."""
TAKEN = """
import gc, json
from rugtui.settings.settings import Settings
from rugtui.training.failure import needed_memory
from rugtui.training.trainer import Trainer

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))

def taken(**more):
    settings = Settings(n_sparse=1024, batch=4096, steps=1, device="cpu", **more)
    gc.collect()
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    before = status("VmRSS")
    training = Trainer(settings)
    while not training.done:
        training.advance()
    return status("VmHWM") - before, needed_memory(settings)

taken(n_dense=8, p=0.01)  # what is loaded late
print(json.dumps([
    taken(n_dense=16, p=0.5),
    taken(n_dense=1000, p=0.5),  # by way of W
    taken(n_dense=256, p=0.01),
    taken(n_dense=16, p=0.5, activation="gelu"),
]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="where the kernel tells the peak")
def test_the_memory_that_is_needed_is_predicted():
    done = subprocess.run(
        [sys.executable, "-c", TAKEN],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        env=os.environ | FEW_ARENAS | AT_ONCE,
    )
    for taken, needed in json.loads(done.stdout):
        assert taken < 1.05 * needed
        assert needed < 3.5 * taken  # every state that may be on its way to a file counts


def test_a_batch_that_cannot_fit_is_refused_and_changes_nothing():
    training = Trainer(SMALL)
    training.advance()
    with pytest.raises(OutOfMemory, match=r"batch \d.* fits"):
        training.change(SMALL.replace(batch=10**12))
    assert training.settings == SMALL
    assert training.advance() is not None


def test_what_a_dashboard_holds_counts_too():
    settings = Settings(n_sparse=32_768, n_dense=1024, p=0.001, device="cpu")
    needed, seen = (failure.needed_memory(settings, screen=screen) for screen in (False, True))
    weights = 4 * 2 * 32_768 * 1024
    assert needed + 4 * weights < seen < 6 * 2**30
    uneven = settings.replace(n_sparse=32_767)
    assert failure.needed_memory(uneven, screen=True) > seen


def test_the_usual_rate_of_sgd_does_not_explode_where_most_features_are_on():
    settings = SMALL.replace(n_sparse=512, n_dense=128, p=0.8, optimizer="sgd", steps=30)
    assert all(result.loss < 1 for result in results(Trainer(settings)))


def test_largest_batch():
    settings = Settings(n_sparse=32_768, n_dense=1024, batch=65_536, device="cpu")
    batch = failure.largest_batch(settings, 6 * 2**30)
    assert batch == 4096
    assert failure.needed_memory(settings.replace(batch=batch)) < 6 * 2**30
    assert failure.needed_memory(settings.replace(batch=2 * batch)) > 6 * 2**30
    assert failure.largest_batch(settings, 2**20) == 0


def test_ends_tidily_at_once():
    training = Trainer(SMALL.replace(steps=1))
    assert [result.step for result in results(training)] == [1]
    assert training.ending == "1 steps done"
