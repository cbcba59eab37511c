"""A run: what it reaches, that it repeats itself, stops, and goes on."""

import math

import pytest
import torch

from rugtui.errors import SettingError
from rugtui.settings.settings import Settings
from rugtui.training.kernels import plan
from rugtui.training.kernels.sparse_rows import SparseRows
from rugtui.training.trainer import Trainer, results
from tests.training.states import same_state

SMALL = Settings(n_sparse=32, n_dense=8, p=0.1, batch=64, steps=0, device="cpu")


def run(training, count):
    return [training.advance() for _ in range(count)]


def bits(training):
    return torch.cat([part.flatten() for part in vars_of(training.weights())])


def vars_of(weights):
    return weights.W_in, weights.W_out, weights.b


def test_equal_settings_give_equal_bits():
    one, two = Trainer(SMALL), Trainer(SMALL)
    assert run(one, 3) == run(two, 3)
    same_state(one.state(), two.state())
    other = Trainer(SMALL.replace(seed=1))
    run(other, 3)
    assert not torch.equal(bits(one), bits(other))


def test_restored_run_is_the_run_that_never_stopped():
    through, stopped = Trainer(SMALL), Trainer(SMALL)
    run(through, 5)
    run(stopped, 2)
    state = stopped.state()
    run(stopped, 1)  # what happens after must not matter
    again = Trainer(SMALL)
    again.restore(state)
    run(again, 3)
    same_state(through.state(), again.state())
    assert again.advance() == through.advance()


def test_cancelling_anywhere_changes_nothing():
    smooth, jerky = Trainer(SMALL), Trainer(SMALL)
    wanted = run(smooth, 3)
    got, asked = [], 0

    def cancelled():
        nonlocal asked
        asked += 1
        return asked % 7 == 0

    while len(got) < 3:
        result = jerky.advance(cancelled)
        if result is not None:
            got.append(result)
    assert asked > 30
    assert got == wanted
    same_state(smooth.state(), jerky.state())


def test_a_pause_after_any_step_changes_nothing():
    smooth, called = Trainer(SMALL), Trainer(SMALL)
    wanted, got, calls = run(smooth, 3), [], 0
    while len(got) < 3:
        before = called.step
        result = called.advance(pause_requested=lambda: True)
        calls += 1
        assert called.step == before + (result is None)
        if result is not None:
            got.append(result)
    assert calls == called.step + 3
    assert got == wanted
    same_state(smooth.state(), called.state())


def test_stops_after_its_steps():
    training = Trainer(SMALL.replace(steps=130))
    seen = list(results(training))
    assert seen[-1].step == training.step == 130
    assert seen[-1].heldout is not None
    assert training.advance() is None
    training.change(SMALL.replace(steps=150))
    assert [result.step for result in results(training)][-1] == 150


def test_hot_changes_apply_and_others_are_refused():
    training = Trainer(SMALL)
    run(training, 1)
    training.change(SMALL.replace(lr=0.5, p=0.3, batch=32))
    result = training.advance()
    assert (result.lr, result.p, result.batch) == (0.5, 0.3, 32)
    with pytest.raises(SettingError, match="n_dense must be 8 throughout a run"):
        training.change(SMALL.replace(n_dense=9))
    assert training.settings.n_dense == 8


def test_a_step_computes_on_its_own_number_of_threads_and_leaves_the_process_its():
    training, seen = Trainer(SMALL.replace(threads=3)), []
    before = torch.get_num_threads()
    training.advance(pause_requested=lambda: seen.append(torch.get_num_threads()))
    assert set(seen) == {3}
    assert torch.get_num_threads() == before
    training.change(SMALL.replace(threads=2))
    assert training.threads == training.state().facts["threads"] == 2


@pytest.mark.parametrize(
    ("changes", "granted", "wanted"),
    [
        ({"n_sparse": 128, "n_dense": 32}, 64, 1),
        ({"n_sparse": 1024, "n_dense": 256}, 64, 2),
        ({"n_sparse": 2048, "n_dense": 512}, 64, 8),
        ({"n_sparse": 8192, "n_dense": 2048}, 256, 128),
        ({"n_sparse": 8192, "n_dense": 2048}, 4, 4),
        ({"n_sparse": 8192, "n_dense": 2048, "batch": 8}, 4, 1),
        ({"n_sparse": 2048, "n_dense": 512, "method": "population"}, 8, 4),
        ({"threads": 5}, 1, 5),
    ],
)
def test_threads_follow_the_size_of_a_step_and_what_is_granted(changes, granted, wanted):
    assert plan.threads(Settings(**changes), granted) == wanted


def test_weights_are_a_copy():
    training = Trainer(SMALL)
    before = training.weights()
    kept = before.W_in.clone()
    run(training, 1)
    assert torch.equal(before.W_in, kept)
    assert not torch.equal(before.W_in, training.weights().W_in)


@pytest.mark.parametrize("recipe", [{}, {"p": 0.9, "activation": "gelu", "dtype": "float64"}])
def test_heldout_samples_of_unequal_batches_all_count(recipe):
    settings = SMALL.replace(**recipe)
    training, again = Trainer(settings), Trainer(settings)
    batches = list(again._heldout_source.draw_many(settings, 150))
    assert [x.shape[0] for x in batches] == [64, 64, 22]
    x = torch.cat([x.dense() if isinstance(x, SparseRows) else x for x in batches]).double()
    own = again.weights()
    pre = x @ own.W_in.T.double() @ own.W_out.T.double() + own.b
    y = torch.nn.functional.gelu(pre) if recipe else pre.relu()
    each = ((x - y) ** 2).mean(1)
    found = training.measure(150)
    assert found.mean == pytest.approx(float(each.mean()), rel=1e-5)
    assert found.standard_error == pytest.approx(float(each.std()) / math.sqrt(150), rel=1e-5)


def test_heldout_error_is_honest():
    training = Trainer(SMALL)
    seen = [training.measure(400) for _ in range(60)]
    means = torch.tensor([one.mean for one in seen])
    claimed = sum(one.standard_error for one in seen) / len(seen)
    assert 0.7 < means.std() / claimed < 1.4
    z = (means.mean() - training.measure(100_000).mean) / (claimed / math.sqrt(60))
    assert abs(z) < 4
