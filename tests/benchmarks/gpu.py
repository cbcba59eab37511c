"""Everything that there is to learn about a GPU, in six minutes and one JSON object.

    python -m tests.benchmarks.gpu [--device cuda] [--seconds 300]
    python -m tests.benchmarks.gpu --device cpu --quick

Of each size: eager and captured steps/s at each precision, the fraction of the time that a dense
step's five products alone would take, and peak memory. Then the final loss at each precision over
that of fp32; whether a resumed run has the same bits; a rug of 2²² features; what a dashboard
costs; and the constants that rugtui.training.kernels.pace should have. A part that fails is told in
its place, and the rest goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from typing import Any

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from rugtui.errors import RugtuiError  # noqa: E402
from rugtui.models.constructions import engineered  # noqa: E402
from rugtui.settings.settings import Settings  # noqa: E402
from rugtui.training.kernels.pace import gemm_seconds  # noqa: E402
from rugtui.training.trainer import Trainer  # noqa: E402

SIZES = [(512, 128, 0.05, 1024), (2048, 512, 0.002, 1024), (8192, 2048, 0.01, 8192)]
QUICK = [(32, 8, 0.1, 16)]
PRECISIONS = {"fp32": "full", "tf32": "tf32", "bf16": "bf16"}
PRODUCTS = 5
EAGER_STEPS = 3
"""Steps that are run before one is recorded, so that libraries allocate their buffers."""
INTERVAL = 0.1
"""Seconds between two results."""


class CapturedStep:
    """A step that is recorded once as a CUDA graph and then replayed: one launch instead of twenty.

    On other devices `step`, which returns its loss, is called. No run captures yet.

    What changes from step to step must be read from tensors on the device.
    """

    def __init__(self, step: Callable[[], Tensor], generator: torch.Generator) -> None:
        self._step, self._generator = step, generator
        self._eager, self._graph, self._loss = 0, None, None

    def __call__(self) -> Tensor:
        """The loss, in a tensor of its own."""
        if self._generator.device.type != "cuda":
            return self._step()
        if self._eager < EAGER_STEPS:
            self._eager += 1
            return self._aside()
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            self._graph.register_generator_state(self._generator)
            with torch.cuda.graph(self._graph):
                self._loss = self._step()
        self._graph.replay()
        assert self._loss is not None
        return self._loss.clone()

    def _aside(self) -> Tensor:
        """On another stream, which capturing requires."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self._step()
        torch.cuda.current_stream().wait_stream(stream)
        return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=300, help="for all timings together")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and a few steps")
    options = parser.parse_args()
    print(json.dumps(report(options.device, options.seconds, quick=options.quick), indent=1))


def report(device: str, seconds: float = 300, *, quick: bool = False) -> dict[str, Any]:
    """The JSON object."""
    begun = time.perf_counter()
    sizes = QUICK if quick else SIZES
    each = 0.02 if quick else seconds / (4 * len(sizes) * len(PRECISIONS))
    parts: dict[str, Callable[[], Any]] = {
        "speed": lambda: [
            speed(settings(device, *size, precision), precision, each)
            for size in sizes
            for precision in PRECISIONS
        ],
        "loss": lambda: final_losses(settings(device, *sizes[0]), 20 if quick else 3000),
        "resume_is_bit_exact": lambda: resumes(settings(device, *sizes[0])),
        "rug": lambda: rug(device, 1 << (10 if quick else 22)),
        "dashboard": lambda: dashboard(settings(device, *sizes[-1])),
    }
    found: dict[str, Any] = {"device": device, "name": name(device), "torch": torch.__version__}
    found |= {part: attempted(measure) for part, measure in parts.items()}
    found["pace"] = attempted(lambda: pace(found["speed"]))
    return {**found, "seconds": time.perf_counter() - begun}


def attempted(measure: Callable[[], Any]) -> Any:
    """What it gives, or its error: one part must not cost the others."""
    try:
        return measure()
    except (RuntimeError, ArithmeticError, ValueError, LookupError, RugtuiError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def name(device: str) -> str:
    cuda = device.startswith("cuda") and torch.cuda.is_available()
    return torch.cuda.get_device_name(device) if cuda else platform.machine()


def settings(
    device: str, n_sparse: int, n_dense: int, p: float, batch: int, precision: str = "fp32"
) -> Settings:
    sizes = {"n_sparse": n_sparse, "n_dense": n_dense, "p": p, "batch": batch}
    return Settings(**sizes, device=device, matmul=PRECISIONS[precision], steps=0)


def speed(known: Settings, precision: str, seconds: float) -> dict[str, Any]:
    """Steps a second of trained weights, as a run takes them and captured."""
    training = Trainer(known.replace(init="rug"))
    cuda = training.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(training.device)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with training._computing():
        bound = PRODUCTS * gemm_seconds(known, training.device, dtype=dtype)
        eager = rate(lambda: training._take_step(nobody), training.device, seconds)
        captured = attempted(lambda: rate(captured_step(training), training.device, seconds))
    fast = max(eager, captured) if isinstance(captured, float) else eager
    return {
        "n_sparse": known.n_sparse,
        "n_dense": known.n_dense,
        "p": known.p,
        "batch": known.batch,
        "precision": precision,
        "eager_steps_per_second": eager,
        "captured_steps_per_second": captured,
        "fraction_of_products": bound * fast,
        "gemm_seconds": bound / PRODUCTS,
        "peak_bytes": torch.cuda.max_memory_allocated(training.device) if cuda else None,
    }


def nobody() -> None:
    """Nobody cancels."""


def captured_step(training: Trainer) -> Callable[[], Any]:
    """The gradient and the count of quiet outputs as one graph; the optimizer, whose rate is a
    number of the host's, after it."""
    method: Any = training._method

    def gradient() -> torch.Tensor:
        return method._gradient(method._source.draw(training.settings, training.settings.batch))

    graph = CapturedStep(gradient, training._generators["data"])

    def step() -> torch.Tensor:
        loss = graph()
        method._optimizer.step(method.lr)
        return loss

    return step


def rate(step: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """Steps a second, the first few left out; the host waits once an interval, as a run does."""
    for _ in range(5):
        step()
    synchronize(device)
    begun, steps, at_once = time.perf_counter(), 0, 1
    while (taken := time.perf_counter() - begun) < seconds:
        for _ in range(at_once):
            step()
        synchronize(device)
        steps += at_once
        if time.perf_counter() - begun - taken < INTERVAL:
            at_once *= 2
    return steps / taken if steps else 0.0


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def final_losses(known: Settings, steps: int) -> dict[str, Any]:
    """Held out after so many steps, and at each precision over that at fp32."""
    losses = {}
    for precision, matmul in PRECISIONS.items():
        training = Trainer(known.replace(matmul=matmul, steps=steps))
        while not training.done:
            training.advance()
        losses[precision] = training.measure(1 << 12).mean
    ratios = {f"{name} / fp32": loss / losses["fp32"] for name, loss in losses.items()}
    return {"steps": steps, **losses, **ratios}


def resumes(known: Settings) -> bool:
    """Whether a run that is taken up from its state is the run that never stopped."""
    through, again = Trainer(known), Trainer(known.replace(seed=1))
    through.advance()
    again.restore(through.state())
    for training in (through, again):
        training.advance()
    one, two = (training.state().tensors["weights"] for training in (through, again))
    return torch.equal(one, two)


def rug(device: str, n_sparse: int) -> dict[str, Any]:
    """Seconds of a rug's forward pass of one sample, and peak memory."""
    where = torch.device(device)
    generator = torch.Generator().manual_seed(0)
    made = engineered("hadamard", n_sparse, n_sparse // 4, 0.001, generator=generator, device=where)
    x = torch.rand(1, n_sparse, device=where)
    forward: Any = made.forward
    each = 1 / rate(lambda: forward(x), where, 0.5)
    cuda = where.type == "cuda"
    peak = torch.cuda.max_memory_allocated(where) if cuda else None
    return {"n_sparse": n_sparse, "seconds": each, "peak_bytes": peak}


def dashboard(known: Settings) -> dict[str, float]:
    """Share of the time that what a dashboard asks for takes, once a second."""
    training = Trainer(known)
    training.advance()
    begun = time.perf_counter()
    weights = training.weights()
    for part in (weights.diagonal, weights.biases, weights.row_sums, weights.row_squares):
        part()
    return {"share": time.perf_counter() - begun}


def pace(speeds: list[dict[str, Any]]) -> dict[str, float]:
    """CUDA_PRODUCTS and CUDA_OVERHEAD: multiplications of one of a step's products in an interval
    of large steps, and how many of them a step of small ones stands for."""
    fp32 = [one for one in speeds if one["precision"] == "fp32"]
    small, large = fp32[0], fp32[-1]

    def product(one: dict[str, Any]) -> float:
        return one["batch"] * one["n_sparse"] * one["n_dense"]

    products = product(large) * large["eager_steps_per_second"] * INTERVAL
    overhead = products / (small["eager_steps_per_second"] * INTERVAL) - product(small)
    return {"CUDA_PRODUCTS": products, "CUDA_OVERHEAD": max(overhead, 0.0)}


if __name__ == "__main__":
    main()
