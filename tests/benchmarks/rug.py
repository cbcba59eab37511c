"""What a rug costs: run `python -m tests.benchmarks.rug` from the top of the repository.

Times are the best of several, as ratios to a copy of the same bytes and to a dense product of the
same process; peak memory is what the step adds to the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

import torch  # noqa: E402 - threads.py must come first

from rugtui.models.base import Window  # noqa: E402
from rugtui.models.constructions import engineered  # noqa: E402
from rugtui.models.dense import Dense  # noqa: E402
from rugtui.models.orthogonal_rows import transform  # noqa: E402
from rugtui.models.rug import Rug  # noqa: E402
from rugtui.theory import exact  # noqa: E402
from rugtui.theory.optimum import optimum  # noqa: E402

R, P = 0.25, 0.01


def main() -> None:
    gemm = best(torch.mm, *torch.randn(2, 1024, 1024))
    print(f"a product of two 1024 × 1024: {1e3 * gemm:.2f} ms, the unit GEMM below\n")
    exact_losses(gemm)
    transforms(gemm)
    forwards()
    pictures(gemm)


def transforms(gemm: float) -> None:
    print("transform of batch × n: ms, copies of the same bytes, GEMM")
    for batch, n in [(1024, 512), (256, 4096), (16, 1 << 16), (1, 1 << 20), (1, 1 << 22)]:
        x = torch.randn(batch, n)
        target = torch.empty_like(x)
        seconds, copy = best(transform, x), best(target.copy_, x)
        line = f"{batch:>6} × {n:<9} {1e3 * seconds:>9.2f}"
        print(f"{line} {seconds / copy:>8.1f} {seconds / gemm:>8.2f}")


def forwards() -> None:
    print("\nforward of 64 samples: rug ms, dense ms, dense / rug")
    for n in (512, 1024, 2048, 4096, 8192, 16384):
        rug = built(n)
        # timing asks nothing of the numbers: the dense twin need not be the same matrix
        W_in = torch.randn(rug.n_dense, n)
        dense = Dense(W_in, W_in.T.contiguous(), torch.zeros(n))
        x = torch.rand(64, n)
        quick, slow = best(rug.forward, x), best(dense.forward, x)
        print(f"{n:>9} {1e3 * quick:>9.2f} {1e3 * slow:>9.2f} {slow / quick:>8.1f}")


def pictures(gemm: float) -> None:
    print("\nwhole W pooled to 100 × 100, and a window 1:1: ms, GEMM")
    for n in (512, 1 << 12, 1 << 16, 1 << 20, 1 << 22):
        rug = built(n)
        size = min(n, 100)
        whole = best(rug.pooled, Window.whole(n), size, size)
        near = best(rug.pooled, Window(0, 0, size, size), size, size)
        line = f"{n:>9} {1e3 * whole:>9.2f} {whole / gemm:>8.2f}"
        print(f"{line} {1e3 * near:>9.2f} {near / gemm:>8.2f}")


def exact_losses(gemm: float) -> None:
    print("from nothing to the exact loss: s, GEMM, of it building; peak MiB; exact / Gaussian")
    for n in (1 << 10, 1 << 13, 1 << 16, 1 << 19, 1 << 22):
        reset_peak()
        before, started = memory("VmRSS"), time.perf_counter()
        rug = built(n)
        building = time.perf_counter() - started
        values, counts = rug.grouped_row()
        loss = exact.grouped_row_loss(values, counts, rug.a, rug.b, P)
        seconds = time.perf_counter() - started
        peak = memory("VmHWM") - before
        ratio = loss / optimum(R, P).loss
        line = f"{n:>9} {seconds:>9.3f} {seconds / gemm:>9.1f} {building:>9.3f} {peak:>9.0f}"
        print(f"{line} {ratio:>10.5f}")
    print()


def built(n: int) -> Rug:
    rug = engineered("hadamard", n, int(R * n), P, generator=torch.Generator().manual_seed(0))
    assert isinstance(rug, Rug)
    return rug


def best(call: Callable[..., Any], *arguments: Any) -> float:
    """Seconds of the fastest of up to ten calls, within a second or so."""
    call(*arguments)
    fastest, until = float("inf"), time.perf_counter() + 1
    for _ in range(10):
        started = time.perf_counter()
        call(*arguments)
        fastest = min(fastest, time.perf_counter() - started)
        if time.perf_counter() > until:
            break
    return fastest


def reset_peak() -> None:
    """Let VmHWM count from now on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(field: str) -> float:
    """MiB of this process by the kernel's count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


if __name__ == "__main__":
    main()
