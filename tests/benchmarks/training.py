"""What a training step costs, in dense batch × n_sparse × n_dense products ("GEMMs").

    python -m tests.benchmarks.training [--reference CHECKOUT] [--threads 1 2]
    python -m tests.benchmarks.training --device cuda [--matmul tf32]

Two states are timed: "start", the first steps of a run, and "trained", which begins as a rug.
Steps and products take turns, so that whatever else the machine does falls on both; ratios are of
medians. Samples/s and "of bound" are of "trained". The bound is the time of a dense step's five
products, at the precision asked for: on a GPU none of them can be left out, on a CPU a sparse step
leaves some out and may be beyond 100 %. On CUDA the size is n_sparse 8,192 at batch 8,192.

A size has a row for each number of threads, on which its products are timed too; * marks the number
that a run takes by itself. The overhead is what a step takes where there is next to nothing to
compute: 64 × 32, one sample, hardly a feature on.

With `--reference` the training loop of the code of arXiv 2410.12101 (its `model.Model.optimize`,
recipe of `train_model`) takes turns too: data loader, Adam and bookkeeping its own, in a process of
its own, whose threads wait as PyTorch has them wait by default (what `configure_spin_wait` sets is
for this process alone).

Measured on two idle cores of an AMD EPYC 9005, trained state, the threads that a run takes by
itself (one thread's GEMM is twice as long as two threads'); times the paper's loop; overhead
0.13 ms:

    (128, 32, 0.05)     1 thread    4.6 GEMM    12.4
    (512, 128, 0.05)    1 thread    1.3 GEMM     8.3
    (1024, 256, 0.01)   1 thread    0.8 GEMM     7.6
    (2048, 512, 0.002)  2 threads   0.8 GEMM    11.0
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

import torch  # noqa: E402

from rugtui.runtime.threads import compute_threads, granted_threads  # noqa: E402
from rugtui.settings.settings import Settings  # noqa: E402
from rugtui.training.device import precision  # noqa: E402
from rugtui.training.kernels import plan  # noqa: E402
from rugtui.training.kernels.pace import gemm_seconds  # noqa: E402
from rugtui.training.trainer import Trainer  # noqa: E402

SIZES = [(128, 32, 0.05), (512, 128, 0.05), (1024, 256, 0.01), (2048, 512, 0.002)]
BATCH = 1024
NOTHING = Settings(n_sparse=64, n_dense=32, p=1e-4, batch=1, steps=0, device="cpu")
CUDA_SIZES, CUDA_BATCH = [(8192, 2048, 0.01)], 8192
PRODUCTS = 5
"""Of a dense step: two forward, two for W_out and W_in, one back through the decoder."""
STATES = ("start", "trained")


def main() -> None:
    options = parse()
    print(
        f"{granted_threads()} cores granted, {options.device}, batch {options.batch:,}, products "
        f"{options.matmul}, medians of {options.rounds} turns"
    )
    if options.device == "cpu":
        print(f"overhead {1e3 * overhead(options.rounds):.3f} ms a step")
    names = ["n_sparse", "n_dense", "p", "threads", "GEMM/ms", *STATES, "samples/s", "of bound"]
    if options.reference:
        names += ["reference", "×start", "×trained"]
    print(*(f"{name:>9}" for name in names), " plan")
    for n_sparse, n_dense, p in options.sizes:
        settings = Settings(
            n_sparse=n_sparse,
            n_dense=n_dense,
            p=p,
            batch=options.batch,
            device=options.device,
            matmul=options.matmul,
            steps=0,
        )
        for threads in options.threads:
            row(settings.replace(threads=threads), options)


def overhead(rounds: int) -> float:
    """Seconds of a core that a step takes beside products and passes: the least of many turns."""
    training, least = Trainer(NOTHING), math.inf
    for _ in range(rounds):
        begun = time.thread_time()
        step_seconds(training, steps=200)
        least = min(least, (time.thread_time() - begun) / 200)
    return least


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=checkout, help="a checkout of the paper's code")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--matmul", default="full", choices=["full", "tf32", "bf16"])
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int, nargs="+", help="(1 2, of those granted)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", type=size, nargs="+", help="n_sparse,n_dense,p ...")
    options = parser.parse_args()
    cuda = options.device.startswith("cuda")
    options.sizes = options.sizes or (CUDA_SIZES if cuda else SIZES)
    few = [count for count in (1, 2) if count <= granted_threads()]
    options.threads = options.threads or (few[:1] if cuda else few)
    options.batch = options.batch or (CUDA_BATCH if cuda else BATCH)
    return options


def checkout(text: str) -> Path:
    if not (Path(text) / "model.py").is_file():
        raise argparse.ArgumentTypeError(f"there is no model.py in {text!r}")
    return Path(text)


def size(text: str) -> tuple[int, int, float]:
    n_sparse, n_dense, p = text.split(",")
    return int(n_sparse), int(n_dense), float(p)


def row(settings: Settings, options: argparse.Namespace) -> None:
    start, trained = Trainer(settings), Trainer(settings.replace(init="rug"))
    turns: dict[str, Callable[[], float]] = {
        "gemm": lambda: product_seconds(settings, start.device),
        "start": lambda: step_seconds(start),
        "trained": lambda: step_seconds(trained),
    }
    if options.reference:
        turns["reference"] = reference(options.reference, settings)
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for turn in range(options.rounds + 1):
        for name, timed in turns.items():
            taken = timed()
            if turn:  # the first warms up
                seconds[name].append(taken)
    median = {name: statistics.median(taken) for name, taken in seconds.items()}
    gemm, trained_seconds = median["gemm"], median["trained"]
    itself = plan.threads(settings.replace(threads=None), granted_threads())
    threads = f"{settings.threads}{'*' * (settings.threads == itself)}"
    cells = [settings.n_sparse, settings.n_dense, settings.p, threads, f"{gemm * 1e3:.3f}"]
    cells += [f"{median[state] / gemm:.2f}" for state in STATES]
    cells += [f"{settings.batch / trained_seconds:,.0f}"]
    cells += [f"{PRODUCTS * gemm / trained_seconds:.0%}"]
    if options.reference:
        cells += [f"{median['reference'] / gemm:.2f}"]
        cells += [f"{median['reference'] / median[state]:.1f}" for state in STATES]
    print(*(f"{cell!s:>9}" for cell in cells), "", start.plan, flush=True)


def product_seconds(settings: Settings, device: torch.device) -> float:
    """Of one dense product at the precision of the settings."""
    with precision(settings, device), compute_threads(settings.threads or 1):
        kind = torch.bfloat16 if settings.matmul == "bf16" else torch.float32
        return gemm_seconds(settings, device, dtype=kind)


def step_seconds(training: Trainer, steps: int = 0) -> float:
    """Seconds a step of one interval, loss read at the end, without a look at held-out data."""
    steps = steps or training._pace.interval

    def nobody() -> None:
        return None

    begun = time.perf_counter()
    with training._computing():
        for _ in range(steps):
            training._take_step(nobody)
        float(training._loss_sum)
    return (time.perf_counter() - begun) / steps


def reference(checkout: Path, settings: Settings) -> Callable[[], float]:
    """A turn of the paper's loop in its own process: one epoch, in seconds per full batch."""
    child = reference_process(checkout, settings)
    assert child.stdin
    assert child.stdout
    asked, answers = child.stdin, child.stdout

    def turn() -> float:
        print(1, file=asked, flush=True)  # epoch
        return json.loads(answers.readline())["seconds"]

    return turn


def reference_process(checkout: Path, settings: Settings, *more: str) -> subprocess.Popen[str]:
    """The paper's loop, which trains as many epochs as each line on its stdin says."""
    environment = {n: v for n, v in os.environ.items() if n != "GOMP_SPINCOUNT"}
    told = [str(checkout), *map(str, (settings.n_sparse, settings.n_dense, settings.p))]
    told += [str(settings.batch), str(settings.learning_rate), settings.device, *more]
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("reference.py")), *told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


if __name__ == "__main__":
    main()
