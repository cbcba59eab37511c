"""Loss against seconds: the paper's loop, learning from samples, and population training, with L*.

    python -m tests.benchmarks.descent --reference CHECKOUT [--figure descent.svg]

The three descend one after another at the default size, from the start that each has by default and
at its own rate. The paper's is the loop of the code of arXiv 2410.12101 (`model.Model.optimize`) in
a process of its own, its seconds spread evenly over its batches. The first two show the loss of
their fresh batches, population training the Gaussian loss of its weights, each as means between
points that are even in the logarithm of time. Nothing else than steps is timed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from rugtui.threads import wait_briefly

wait_briefly()

import numpy as np  # noqa: E402

from rugtui.config import Settings  # noqa: E402
from rugtui.figures.plate import Lines, Plate, Series  # noqa: E402
from rugtui.theory.optimum import optimum  # noqa: E402
from rugtui.training.loop import Training  # noqa: E402
from tests.benchmarks.training import reference_process  # noqa: E402

Curve = tuple[np.ndarray, np.ndarray]
"""Seconds since the start, and the loss of the step that ended there."""
POINTS_A_DECADE = 10
POPULATION_STEPS = 200


def main() -> None:
    options = parse()
    settings = Settings(device="cpu", steps=0)
    best = float(optimum(settings.ratio, settings.p).loss)
    runs: dict[str, Callable[[], Curve]] = {
        "population": lambda: descent(settings.replace(method="population"), POPULATION_STEPS),
        "sgd": lambda: descent(settings, options.steps),
    }
    if options.reference:
        runs["the paper's loop"] = lambda: paper(options.reference, settings, options.epochs)
    curves = {}
    for name, run in runs.items():
        curves[name] = run()
        tell(name, curves[name], best)
    if options.figure:
        draw(options.figure, settings, {n: means(*c) for n, c in curves.items()}, best)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, help="a checkout of the paper's code")
    parser.add_argument("--steps", type=int, default=4000, help="of learning from samples")
    parser.add_argument("--epochs", type=int, default=45, help="of the paper's loop, 30 batches")
    parser.add_argument("--figure", type=Path, help="file to draw, .svg or .png")
    return parser.parse_args()


def descent(settings: Settings, steps: int) -> Curve:
    training = Training(settings)
    seconds, losses = np.empty(steps), np.empty(steps)
    begun = time.perf_counter()
    for step in range(steps):
        training._take_step(lambda: None)
        losses[step] = float(training._sum)
        training._clear_interval()
        seconds[step] = time.perf_counter() - begun
    return seconds, losses


def paper(checkout: Path, settings: Settings, epochs: int) -> Curve:
    process = reference_process(checkout, settings, "--curve")
    answer, _ = process.communicate(f"{epochs}\n")
    told = json.loads(answer)
    count = len(told["losses"])
    return told["total"] * np.arange(1, count + 1) / count, np.array(told["losses"])


def means(seconds: np.ndarray, losses: np.ndarray) -> Curve:
    """Of the losses between two points of time; the last point is the last step."""
    bins = np.floor(np.log10(seconds) * POINTS_A_DECADE).astype(int)
    ends = np.flatnonzero(np.append(np.diff(bins) > 0, True))
    starts = np.append(0, ends[:-1] + 1)
    return seconds[ends], np.add.reduceat(losses, starts) / (ends - starts + 1)


def tell(name: str, curve: Curve, best: float) -> None:
    """The steps, and when the smoothed loss is first within 10 % and 1 % of L*."""
    seconds, losses = curve
    smooth = means(seconds, losses)
    print(
        f"{name}: {len(losses):,} steps in {seconds[-1]:.2f} s, last {smooth[1][-1] / best:.3f} L*"
    )
    for within in (0.1, 0.01):
        arrived = np.flatnonzero(smooth[1] <= (1 + within) * best)
        when = f"after {smooth[0][arrived[0]]:.2g} s" if len(arrived) else "never"
        print(f"  within {within:.0%} of L* {when}")


def draw(path: Path, settings: Settings, curves: dict[str, Curve], best: float) -> None:
    from rugtui.figures import printed
    from rugtui.ui.renderables.picture_colours import picture_colours

    series = tuple(
        Series(name, seconds, losses, place=place)
        for place, (name, (seconds, losses)) in enumerate(curves.items())
    )
    title = f"n_sparse {settings.n_sparse}, n_dense {settings.n_dense}, p {settings.p:g}"
    lines = Lines(title, "seconds", "loss", series, levels=(("L*", best),))
    printed.write(
        Plate("descent", "Loss against seconds of training.", (lines,)),
        picture_colours(dark=False),
        path,
    )


if __name__ == "__main__":
    main()
