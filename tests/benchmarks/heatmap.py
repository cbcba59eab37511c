"""What the W pane costs a frame, and what it sends: python -m tests.benchmarks.heatmap

Milliseconds of a core for drawing (levels, strips, legend, background), medians over noisy pictures
of n × n pixels; KiB as a terminal of so many colours gets them, for whole pictures and for the rows
that changed where every pixel moves by so much of the picture's spread.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from rich.color import Color
from rich.console import Console
from textual.strip import Strip

from rugtui.live.commands import Look
from rugtui.live.frame import Panel, Picture
from rugtui.live.picture_maker import PictureMaker
from rugtui.models.base import Window
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug
from rugtui.tui.charts.lines import papered
from rugtui.tui.charts.palette import Palette, ink, palette_for
from rugtui.tui.heatmap.heatmap import pair_cells
from rugtui.tui.panes.weights.picture import Shades, weights_picture

FRAMES = 40
PAPER = Color.from_rgb(18, 18, 18)
TERMINALS = {
    "truecolor": ("truecolor", palette_for(True)),
    "256": ("256", palette_for(True)),
    "16": ("standard", palette_for(True, "16")),
    "none": ("standard", palette_for(True, "none")),
}


def main() -> None:
    print("drawing        colours    ms a frame   KiB whole   changed: all     3 %     1 %")
    for side in (32, 64, 128):
        for name, (system, palette) in TERMINALS.items():
            # A style keeps the codes that it was first written with.
            ink.cache_clear()
            pair_cells.cache_clear()
            noisy, calm, still = (run(side, n, system, palette) for n in (1.0, 0.03, 0.01))
            print(
                f"{side:>4} × {side:<4}    {name:<10} {noisy[0]:>9.2f} {noisy[1]:>11.1f}"
                f" {noisy[2]:>14.1f} {calm[2]:>7.1f} {still[2]:>7.1f}"
            )
    print("\nthe worker's picture, 64 × 64, in products of (1024 × n_sparse)(n_sparse × n_dense)")
    for n_sparse in (2**9, 2**12):
        dense = some_dense(n_sparse)
        gemm = seconds(lambda d=dense, n=n_sparse: torch.rand(1024, n) @ d.W_out, 5)
        for order in ("natural", "sequency"):
            told(f"dense {n_sparse:,} {order}", dense, order, gemm)
    for bits in (9, 12, 16, 20):
        rug = Rug.build(2**bits, 2 ** (bits - 2), 1.2, 0, generator=torch.Generator())
        told(f"rug   {rug.n_sparse:,}", rug, "sequency", None)


def run(side: int, noise: float, system: str, palette: Palette) -> tuple[float, float, float]:
    """Median ms to draw; mean KiB of whole pictures and of changed rows."""
    rng, shades = np.random.default_rng(0), Shades()
    base = 0.1 * rng.standard_normal((side, side))
    height = side // (2 if palette.glyphs is None else 1) + 2
    took, whole, changed, before = [], [], [], []
    for _ in range(FRAMES):
        pixels = base + 0.1 * noise * rng.standard_normal((side, side))
        panel = Panel("trained", pixels, np.full(side, -0.4))
        picture = Picture(0, Window.whole(side), side, (panel,))
        started = time.thread_time()
        drawn = weights_picture(picture, None, shades, palette, side + 3, height)
        strips = [papered(strip, PAPER) for strip in drawn]
        took.append(time.thread_time() - started)
        whole.append(sent(strips, system))
        changed.append(sent([s for s, b in zip(strips, before, strict=False) if s != b], system))
        before = strips
    return 1e3 * statistics.median(took), np.mean(whole), np.mean(changed[1:])


def sent(strips: list[Strip], system: str) -> float:
    """KiB of escape codes and characters."""
    console = Console(color_system=system, force_terminal=True, width=400)
    return sum(len(strip.render(console).encode()) for strip in strips) / 1024


def told(name: str, weights: Dense | Rug, order: str, gemm: float | None) -> None:
    painter, look = PictureMaker(), Look(64, 64, order=order, cursor=(5, 9))
    painter.panel("rug", weights, look)
    took = seconds(lambda: painter.panel("rug", weights, look), 10)
    ratio = "" if gemm is None else f"{took / gemm:8.2f}"
    print(f"{name:<24} {1e3 * took:8.2f} ms {ratio}")


def some_dense(n_sparse: int) -> Dense:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    n_dense = n_sparse // 4
    W_in = torch.randn(n_dense, n_sparse)
    return Dense(W_in, W_in.T.contiguous(), torch.zeros(n_sparse))


def seconds(work, times: int) -> float:
    took = []
    for _ in range(times):
        started = time.thread_time()
        work()
        took.append(time.thread_time() - started)
    return statistics.median(took)


if __name__ == "__main__":
    main()
