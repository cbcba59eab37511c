"""Where training ends at r = 1/2: antipodal pairs, within 7 % of the best that theory knows of.

    python -m tests.benchmarks.structures [--steps 12000]

A minute on one core. Prints the exact loss over that of lopsided pairs, and the share of features
in mutual pairs; exits with 1 where they are not what theory says.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from rugtui.analysis.statistics import statistics
from rugtui.settings.presets import preset
from rugtui.settings.settings import Settings
from rugtui.theory.pairs import lopsided
from rugtui.training.trainer import Trainer

MOST_OVER, LEAST_SHARE = 1.07, 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=12_000)
    settings = preset("pairs").over(Settings()).replace(steps=parser.parse_args().steps)
    training = Trainer(settings)
    while not training.done:
        training.advance()
    found = statistics(training.weights(), settings.p, generator=np.random.default_rng(0))
    over = found.exact / lopsided(settings.p).loss
    print(
        f"exact loss {found.exact:.4e}, {over:.3f} times that of lopsided pairs; "
        f"{found.pairs_share:.1%} of features in pairs, s = {found.lopsidedness:.2f}"
    )
    return int(over > MOST_OVER or found.pairs_share < LEAST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
