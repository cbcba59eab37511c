"""Loss against seconds: the paper's loop, learning from samples, and population training, with L*.

    python -m tests.benchmarks.descent --reference CHECKOUT [--figure screenshots/descent.svg]

The three descend one after another at the default size, from the start that each has by default and
at its own rate; the paper's is the loop of the code of arXiv 2410.12101 (`model.Model.optimize`) in
a process of its own. What is drawn is the loss of their weights on one held-out batch, the same for
all, measured when all is over: the clock counts steps alone.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from rugtui.models.dense import Dense  # noqa: E402
from rugtui.reports.figure import Figure, LinePanel, Series  # noqa: E402
from rugtui.settings.settings import Settings  # noqa: E402
from rugtui.theory.optimum import optimum  # noqa: E402
from rugtui.training import heldout  # noqa: E402
from rugtui.training.data import chunks  # noqa: E402
from rugtui.training.trainer import Trainer  # noqa: E402
from tests.benchmarks.moments import Moments  # noqa: E402
from tests.benchmarks.training import reference_process  # noqa: E402

POPULATION_SECONDS = 1.0
HELDOUT, SEED = 1 << 15, 0x5EED


class Curve(NamedTuple):
    """Weights after so many steps, and seconds of them."""

    seconds: np.ndarray
    steps: np.ndarray
    weights: list[Dense]


def main() -> None:
    options = parse()
    settings = Settings(device="cpu", steps=0)
    runs: dict[str, Callable[[], Curve]] = {
        "rugtui, population": lambda: descent(
            settings.replace(method="population"), POPULATION_SECONDS
        ),
        "rugtui, samples": lambda: descent(settings, options.seconds),
    }
    if options.reference:
        runs["the paper's loop"] = lambda: paper(options.reference, settings, options.seconds)
    known = {name: run() for name, run in runs.items()}
    best = float(optimum(settings.ratio, settings.p).loss)
    losses = {name: measured(curve, settings) for name, curve in known.items()}
    for name, curve in known.items():
        tell(name, curve, losses[name] / best)
    if options.figure:
        draw(settings, known, losses, best, *options.figure)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, help="a checkout of the paper's code")
    parser.add_argument("--seconds", type=float, default=60, help="of learning from samples")
    parser.add_argument("--figure", type=Path, nargs="+", help="files to draw, .svg or .png")
    return parser.parse_args()


def descent(settings: Settings, seconds: float) -> Curve:
    training, moments, kept = Trainer(settings), Moments(seconds), []
    while not moments.over:
        if moments.due():
            kept.append(training.weights())
            moments.went_on()
        training._take_step(lambda: None)
    return Curve(np.array(moments.seconds), np.array(moments.steps), kept)


def paper(checkout: Path, settings: Settings, seconds: float) -> Curve:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "curve.npz"
        process = reference_process(checkout, settings, "--curve", str(path), str(seconds))
        if process.wait():
            raise SystemExit("the paper's loop failed")
        found = dict(np.load(path))
    columns = (torch.from_numpy(found[name]) for name in ("W_in", "W_out", "b"))
    weights = [Dense(*parts) for parts in zip(*columns, strict=True)]
    return Curve(found["seconds"], found["steps"], weights)


def measured(curve: Curve, settings: Settings) -> np.ndarray:
    """The loss of each of the weights on the same samples."""

    def batches():
        generator = torch.Generator().manual_seed(SEED)
        return chunks(settings.n_sparse, settings.p, HELDOUT, generator=generator, cells=1 << 20)

    return np.array([heldout.measure(weights, batches()).mean for weights in curve.weights])


def tell(name: str, curve: Curve, above: np.ndarray) -> None:
    """The steps, and when the loss is first within 10 %, 5 % and 1 % of L*."""
    print(
        f"{name}: {curve.steps[-1]:,} steps in {curve.seconds[-1]:.2f} s, "
        f"least {above.min():.3f} L*, last {above[-1]:.3f} L*"
    )
    for within in (0.1, 0.05, 0.01):
        arrived = np.flatnonzero(above <= 1 + within)
        when = f"after {curve.seconds[arrived[0]]:.2g} s" if len(arrived) else "never"
        print(f"  within {within:.0%} of L* {when}")


def draw(
    settings: Settings,
    curves: dict[str, Curve],
    losses: dict[str, np.ndarray],
    best: float,
    *paths: Path,
) -> None:
    from rugtui.reports import matplotlib_figures
    from rugtui.tui.charts.palette import picture_colours

    series = tuple(
        Series(name, curve.seconds[1:], losses[name][1:] / best, place=place)  # log(0 s) is nowhere
        for place, (name, curve) in enumerate(curves.items())
    )
    title = f"n_sparse {settings.n_sparse}, n_dense {settings.n_dense}, p {settings.p:g}"
    x = f"seconds of training, {torch.get_num_threads()} threads"
    y = "held-out loss / L*"
    lines = LinePanel(title, x, y, series, levels=(("L*", 1.0),), legend_columns=2)
    matplotlib_figures.write(
        Figure("descent", "Loss against seconds of training.", (lines,)),
        picture_colours(dark=False),
        *paths,
    )


if __name__ == "__main__":
    main()
