"""How long population training takes to come within 1 % of L*, and on how much of a grid it does.

    python -m tests.benchmarks.population [--grid 12] [--rounds 3]

No setting is touched but size, p and the target. The grid is r 0.05 … 0.8 and p 0.002 … 0.6, both
even in their logarithms, at n_sparse 256.
"""

from __future__ import annotations

import argparse
import statistics
import time

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from rugtui.settings.settings import Settings  # noqa: E402
from rugtui.training.trainer import Trainer, results  # noqa: E402

SIZES = [(512, 128, 0.05), (1024, 256, 0.01), (2048, 512, 0.01)]
WITHIN = 0.01
MOST_STEPS = 5000


def main() -> None:
    options = parse()
    print(f"{torch.get_num_threads()} threads, {options.rounds} rounds, within {WITHIN:.0%} of L*")
    for n_sparse, n_dense, p in SIZES if options.rounds else []:
        runs = [arrival(n_sparse, n_dense, p, seed) for seed in range(options.rounds)]
        seconds = statistics.median(taken for taken, _, _ in runs)
        steps = [step for _, step, _ in runs]
        print(f"({n_sparse}, {n_dense}, {p:g}): {seconds:.2f} s, steps {steps}", flush=True)
    if options.grid:
        grid(options.grid)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--grid", type=int, default=12, help="points a side; 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="seeds at each size; 0: none")
    return parser.parse_args()


def arrival(n_sparse: int, n_dense: int, p: float, seed: int = 0) -> tuple[float, int, bool]:
    """Seconds, construction included, steps, and whether the target was met."""
    settings = Settings(
        n_sparse=n_sparse,
        n_dense=n_dense,
        p=p,
        seed=seed,
        method="population",
        until_within=WITHIN,
        steps=MOST_STEPS,
        device="cpu",
    )
    begun = time.perf_counter()
    training = Trainer(settings)
    for _ in results(training):
        pass
    return time.perf_counter() - begun, training.step, "within" in training.ending


def grid(side: int) -> None:
    begun, missed = time.perf_counter(), []
    for r in np.geomspace(0.05, 0.8, side):
        for p in np.geomspace(0.002, 0.6, side):
            _, step, met = arrival(256, round(256 * r), float(p))
            if not met:
                missed.append(f"(r {r:.3g}, p {p:.3g}, step {step})")
    share = 1 - len(missed) / side**2
    print(f"{side} × {side}: {share:.1%} within, {time.perf_counter() - begun:.0f} s")
    print("missed:", *(missed or ["none"]))


if __name__ == "__main__":
    main()
