"""Training at r = 1/2 goes on below L*, until all features are in antipodal pairs."""

import numpy as np

from rugtui.analysis.statistics import statistics
from rugtui.settings.settings import Settings
from rugtui.theory.levels import levels
from rugtui.theory.pairs import lopsided
from rugtui.training.trainer import Trainer, results


def test_features_end_in_pairs_with_the_loss_that_theory_says():
    settings = Settings(n_sparse=64, n_dense=32, p=0.1, steps=5000, device="cpu")
    training = Trainer(settings)
    for _ in results(training):
        pass
    found = statistics(training.weights(), settings.p, generator=np.random.default_rng(0))
    assert found.pairs_share > 0.95
    assert lopsided(settings.p).loss < found.exact < 1.1 * lopsided(settings.p).loss
    assert found.exact < levels(0.5, settings.p).loss / 2
