"""Steps of a sweep's SGD cells, as many at once as there are cores, against the paper's loop.

    python -m tests.benchmarks.sweep --reference CHECKOUT [--rounds 5] [--n-dense 32] [--p 0.4 ...]

The loop of the code of arXiv 2410.12101 trains one cell after the other, on all cores; a sweep has
a process a core, each at a cell of its own, on one thread. What is printed is how many steps the
sweep does in the time of one of the loop's: the least times of rounds in which the two take turns,
because whatever else the machine does only adds to them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rugtui.runtime.machine import cores
from rugtui.settings.settings import Settings
from rugtui.sweeps.grid import Grid, Variant
from tests.benchmarks.training import reference, step_seconds

N_SPARSE, N_DENSE = 128, [6, 32, 102]
ODDS = [0.002, 0.02, 0.1, 0.4, 0.8]
TURN = 0.4
"""Seconds, at least, of one process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, required=True, help="the paper's code")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--n-dense", type=int, nargs="+", default=N_DENSE)
    parser.add_argument("--p", type=float, nargs="+", default=ODDS)
    options = parser.parse_args()
    grid, many = Grid(steps=10_000, patience=0, device="cpu"), cores()
    print(f"{many} processes of one thread, least of {options.rounds} rounds")
    names = ["n_sparse", "n_dense", "p", "loop/ms", "alone/ms", "×alone", f"×{many} cells"]
    print(*(f"{name:>9}" for name in names))
    ratios = []
    with ProcessPoolExecutor(many, mp_context=multiprocessing.get_context("spawn")) as pool:
        for n_dense in options.n_dense:
            for p in options.p:
                settings = grid.settings((N_SPARSE, n_dense), p, 0, Variant())
                ratios.append(row(pool, many, settings, options))
    print(f"mean of rows: {statistics.mean(ratios):.1f}; least: {min(ratios):.1f}")


def row(
    pool: ProcessPoolExecutor, many: int, settings: Settings, options: argparse.Namespace
) -> float:
    """Prints one and returns its last ratio."""
    loop = reference(options.reference, settings)
    theirs, alone, together = [], [], []
    loop()
    for _ in range(options.rounds):
        theirs.append(loop())
        alone.append(pool.submit(seconds, settings).result())
        beside = [pool.submit(seconds, settings) for _ in range(many)]
        together.append(1 / sum(1 / one.result() for one in beside))
    was, one, all_of_them = map(min, (theirs, alone, together))
    cells = [settings.n_sparse, settings.n_dense, settings.p, f"{was * 1e3:.2f}"]
    cells += [f"{one * 1e3:.2f}", f"{was / one:.1f}", f"{was / all_of_them:.1f}"]
    print(*(f"{cell!s:>9}" for cell in cells), flush=True)
    return was / all_of_them


def seconds(settings: Settings) -> float:
    """Of a step, in a process of the pool."""
    import torch

    from rugtui.training.trainer import Trainer

    torch.set_num_threads(1)
    training = Trainer(settings.replace(steps=0))
    step_seconds(training)  # warms up
    begun, taken = time.perf_counter(), []
    while time.perf_counter() - begun < TURN:
        taken.append(step_seconds(training))
    return statistics.mean(taken)


if __name__ == "__main__":
    main()
