"""Every recipe that the settings can name: it learns, it is what it says, and it can be resumed."""

import math

import numpy as np
import pytest
import torch

from rugtui.errors import SettingError, WeightsError
from rugtui.settings.settings import Settings
from rugtui.storage.checkpoint import Checkpoint, read_checkpoint, restore, write_checkpoint
from rugtui.storage.run_directory import settings_of
from rugtui.storage.tensors import FORMAT
from rugtui.theory.optimum import optimum
from rugtui.training import schedule
from rugtui.training.kernels import pace
from rugtui.training.trainer import Trainer, results
from tests.training.states import same_state

SMALL = Settings(n_sparse=32, n_dense=8, p=0.1, batch=64, steps=0, device="cpu", lr=1e-3)
RECIPES = [
    {},
    {"optimizer": "adamw"},
    {"optimizer": "sgd", "lr": None},
    {"optimizer": "sgd", "momentum": 0.0, "lr": 2.0},
    {"schedule": "cosine", "steps": 10_000},
    {"schedule": "warmup"},
    {"schedule": "reference"},
    {"tied": True},
    {"tied": True, "optimizer": "adamw", "schedule": "warmup"},
    {"bias": False},
    {"importance": 0.5},
    {"data": "one"},
    {"activation": "gelu"},
    {"activation": "leaky_relu"},
    {"activation": "tanh"},
    {"activation": "identity"},
    {"activation": "jumprelu"},
    {"activation": "jumprelu", "tied": True, "bias": False},
    {"activation": "gated", "importance": 0.5},
    {"activation": "topk", "k": 5, "optimizer": "sgd", "lr": None},
    {"magnitude": "signed"},
    {"magnitude": "normal:1,0.3", "data": "correlated", "activation": "jumprelu"},
    {"data": "anticorrelated", "group": 4},
    {"p_decay": 1.0},
    {"dtype": "float64"},
    {"matmul": "bf16"},
    {"matmul": "tf32"},
    {"p": 1.0},
    {"batch": 1},
    {"method": "population"},
    {"method": "population", "tied": True},
    {"method": "population", "bias": False},
    {"method": "population", "importance": 1.0},
    {"init": "orthonormal"},
]


def bits(training):
    weights = training.weights()
    return torch.cat([part.flatten() for part in weights.arrays()])


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_learns_and_resumes_bit_for_bit(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "PRODUCTS", 5e8)  # 50 steps to a result
    settings = SMALL.replace(**recipe)
    through = Trainer(settings)
    start = through.measure(4000).mean
    through.advance()
    kept = Checkpoint(settings, through.state(), 0.0, "paused", "cpu")
    path = write_checkpoint(tmp_path, kept)
    wanted = [through.advance() for _ in range(2)]
    again = restore(path, read_checkpoint(path))
    assert [again.advance() for _ in range(2)] == wanted
    same_state(through.state(), again.state())
    if recipe.get("init") is None:
        end = through.measure(4000)
        assert end.mean < start - 2 * end.standard_error


def test_tied_weights_are_one_matrix():
    training = Trainer(SMALL.replace(tied=True))
    training.advance()
    weights = training.weights()
    assert torch.equal(weights.W_out, weights.W_in.T)
    assert training._parameters.weights.flat.numel() == 32 * 8 + 32


def test_no_bias_stays_none():
    training = Trainer(SMALL.replace(bias=False))
    training.advance()
    assert not training.weights().b.any()


def test_importance_weighs_features():
    plain = Trainer(SMALL)
    weighed = Trainer(SMALL.replace(importance=1.5))
    for training in (plain, weighed):
        for _ in range(6):
            training.advance()

    def first_of_features(training):
        diagonal = training.weights().diagonal()
        return diagonal[:4].mean() / diagonal[-16:].mean()

    assert first_of_features(weighed) > 2 * first_of_features(plain)


@pytest.mark.parametrize("init", ["rug", "orthonormal"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("n_sparse", [64, 96])
def test_engineered_start_is_the_symmetric_optimum(init, tied, n_sparse):
    settings = SMALL.replace(
        n_sparse=n_sparse, n_dense=n_sparse // 4, init=init, tied=tied, method="population"
    )
    training = Trainer(settings)
    weights = training.weights()
    loss = training._method.loss(lambda: None)
    best = optimum(0.25, 0.1)
    assert np.mean(weights.diagonal()) == pytest.approx(float(best.a), rel=1e-4)
    # a random subspace gives each feature another share of itself, at this size ± 25 %
    assert loss == pytest.approx(float(best.loss), rel=1e-4 if init == "rug" else 0.5)
    assert float(weights.W_in.norm() / weights.W_out.norm()) == pytest.approx(1, rel=1e-4)


def test_start_from_a_file(tmp_path):
    source = Trainer(SMALL)
    source.advance()
    weights = source.weights()
    path = tmp_path / "weights.npz"
    np.savez(path, W_in=weights.W_in, W_out=weights.W_out, b=weights.b)
    training = Trainer(SMALL.replace(init=str(path)))
    assert torch.equal(bits(training), bits(source))
    with pytest.raises(SettingError, match=r"n_dense must be 8, as in .*weights.npz, but it is 7"):
        Trainer(SMALL.replace(init=str(path), n_dense=7))
    with pytest.raises(SettingError, match="tied must be no with the weights of"):
        Trainer(SMALL.replace(init=str(path), tied=True))
    with pytest.raises(WeightsError):
        Trainer(SMALL.replace(init=str(tmp_path / "absent.npz")))


def test_schedules():
    def rates(steps, at, **recipe):
        settings = SMALL.replace(steps=steps, **recipe)
        return [schedule.factor(settings, step) for step in at]

    assert rates(100, [0, 50, 99], schedule="constant") == [1, 1, 1]
    assert rates(100, [0, 9, 10, 99], schedule="warmup") == [0.1, 1, 1, 1]
    assert rates(0, [0, 999, 5000], schedule="warmup") == [0.001, 1, 1]
    cosine = rates(100, range(100), schedule="cosine")
    assert cosine == sorted(cosine, reverse=True)
    assert 0 < cosine[-1] < 1e-3
    assert sum(cosine) == pytest.approx(50)
    assert rates(100, [200], schedule="cosine") == [0]
    with pytest.raises(SettingError, match="steps must be at least 1 where schedule is cosine"):
        SMALL.replace(schedule="cosine", steps=0)


def test_epochs_of_the_reference_hold_30000_samples():
    settings = SMALL.replace(batch=1024, schedule="reference")
    sizes = [schedule.batch(settings, step) for step in range(60)]
    assert sum(sizes[:30]) == sum(sizes[30:]) == 30_000
    assert sizes[29] == 304
    assert {schedule.batch(SMALL.replace(batch=1000, schedule="reference"), 30)} == {1000}
    training = Trainer(SMALL.replace(batch=29_999, schedule="reference", steps=3))
    list(results(training))
    assert training.samples == 29_999 + 1 + 29_999


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"activation": "tanh"}, "method must be sgd where activation is tanh"),
        ({"data": "one"}, "method must be sgd where data is one"),
    ],
)
def test_population_training_needs_settings_that_its_loss_describes(recipe, sentence):
    with pytest.raises(SettingError, match=sentence):
        SMALL.replace(method="population", **recipe)


@pytest.mark.parametrize(
    ("recipe", "where"),
    [
        ({"importance": 1.0}, "importance is not 0"),
        ({"activation": "tanh"}, "activation is tanh"),
        ({"bias": False}, "bias is off"),
        ({"data": "one"}, "data is one"),
    ],
)
def test_settings_outside_the_theory_have_no_target(recipe, where, tmp_path):
    with pytest.raises(SettingError, match=f"until_within must be auto where {where}"):
        SMALL.replace(until_within=0.01, **recipe)
    old = SMALL.replace(**recipe).as_dict() | {"until_within": 0.01}  # as version 0.1 let it be
    read = settings_of(tmp_path, {"format": FORMAT, "settings": old})
    assert read == SMALL.replace(**recipe)


def test_samples_without_a_feature_that_is_on_meet_no_target():
    settings = Settings(
        n_sparse=64, n_dense=16, p=1e-6, batch=256, steps=300, device="cpu", until_within=0.01
    )
    training = Trainer(settings)
    held = [result.heldout for result in results(training)]
    assert 0 in held  # below any target
    assert training.ending == "300 steps done"
    without = Trainer(settings.replace(until_within=None))
    assert [result.heldout for result in results(without)] == held
    same_state(training.state(), without.state())


def test_a_target_can_be_met_however_rare_features_are():
    best = float(optimum(0.25, 1e-6).loss)
    settings = Settings(
        n_sparse=64, n_dense=16, p=1e-6, batch=256, steps=300, device="cpu", lr=0.01,
        until_within=1.2 * (1e-6 / 3) / best - 1,  # what outputs of zero have, and a fifth
    )  # fmt: skip
    training = Trainer(settings)
    list(results(training))
    assert training.ending.startswith("within")
    assert training.step < 300


def test_stops_within_a_fraction_of_theory():
    settings = Settings(
        n_sparse=64, n_dense=16, p=0.2, device="cpu", until_within=0.05, method="population"
    )
    training = Trainer(settings)
    (*_, last) = results(training)
    assert last.loss < 1.05 * float(optimum(0.25, 0.2).loss)
    assert training.done
    assert training.ending == "Gaussian loss within 5 % of L*"
    training.change(settings.replace(until_within=None))
    assert not training.done


def test_stops_where_the_loss_no_longer_falls():
    training = Trainer(SMALL.replace(patience=60, lr=0.02))
    last = None
    for last in results(training):
        assert last.step < 50_000
    assert training.ending == "no improvement for 60 steps"
    assert math.isfinite(last.loss)
    settled = Trainer(SMALL.replace(method="population", steps=5000))
    list(results(settled))
    assert settled.ending == "no improvement for 200 steps"


@pytest.mark.parametrize("batch", [1024, 4000])
def test_the_reference_recipe_stops_where_the_papers_loop_does(batch):
    settings = SMALL.replace(schedule="reference", lr=0.02, batch=batch)
    training, losses = Trainer(settings), []
    step, middle = training._method.step, training.state()

    def noted(number, check_cancelled):
        losses.append(step(number, check_cancelled))
        return losses[-1]

    training._method.step = noted
    for last in results(training):
        assert last.step < 10_000
        if last.step == 400:
            middle = training.state()
    assert training.ending == "no improvement for 200 steps"
    epoch = -(-30_000 // batch)
    assert training.step == papers_end([float(loss) for loss in losses], epoch)

    again = Trainer(settings)
    again.restore(middle)
    list(results(again))
    assert again.step == training.step
    same_state(again.state(), training.state())
    patient = Trainer(settings.replace(patience=0, steps=training.step + epoch))
    patient.restore(middle)
    list(results(patient))
    assert patient.ending == f"{training.step + epoch:,} steps done"


def papers_end(losses, epoch, window=200):
    """After how many steps the loop of arXiv 2410.12101's code has its last epoch behind it."""
    done, change = 0, math.inf
    while change > 0:
        assert done <= len(losses), "it goes on"
        if done > 2 * window:
            before, now = losses[done - 2 * window : done - window], losses[done - window : done]
            change = np.log10(np.mean(before)) - np.log10(np.mean(now))
        done += epoch
    return done
