"""What drawing the loss costs: `OMP_NUM_THREADS=1 python -m tests.benchmarks.chart`.

Milliseconds of one core, and as multiples of a dense 512 × 512 × 512 float64 product of this
process: the bound is 15 ms for 120 × 40 cells over a history of a million results.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from rugtui.live.history import SPAN, HistoryView, Mark
from rugtui.tui.charts.axis import axes
from rugtui.tui.charts.canvas import Font
from rugtui.tui.charts.drawing import chart_strips
from rugtui.tui.charts.palette import DARK
from rugtui.tui.charts.view import NEWEST, ChartView, Limits
from rugtui.tui.panes.loss.curves import loss_chart
from rugtui.tui.panes.loss.series import SPANS, Deriver, Smoother
from tests.tui.fake import some_frame

SIZES = ((58, 20), (120, 40))
REPEATS = 15


def history(results: int, *, gaps: float = 0.0) -> HistoryView:
    """A noisy descent to a plateau, one held-out loss in twenty."""
    rng = np.random.default_rng(0)
    step = 10.0 * np.arange(1, results + 1)
    loss = (0.0058 + 0.011 * np.exp(-step / step[-1] * 30)) * np.exp(rng.normal(0, 0.1, results))
    loss[rng.random(results) < gaps] = np.nan
    held = np.where(np.arange(results) % 20 == 0, loss, np.nan)
    rest = np.ones((4, results)) * [[1e-5], [1e-4], [0.05], [0.0]]
    table = np.stack([step, step / 100, loss, loss, held, *rest[:3]])
    return HistoryView(table, (Mark(int(step[results // 2]), "lr 0.01"),))


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some runs, in time of this thread: whoever else is busy does not count."""
    work()
    took = []
    for _ in range(REPEATS):
        begun = time.thread_time()
        work()
        took.append(time.thread_time() - begun)
    return 1e3 * statistics.median(took)


def main() -> None:
    square = np.random.default_rng(0).random((512, 512))
    gemm = milliseconds(lambda: square @ square)

    def tell(name: str, value: float) -> None:
        print(f"{name:<64}{value:9.2f} ms {value / gemm:8.2f} GEMM")

    tell("GEMM", gemm)
    views = {
        "whole, log × log": ChartView(),
        "whole, linear, crosshair": ChartView(False, False, cross=NEWEST),
        "zoomed to a tenth": ChartView(False, False, x=Limits(4e6, 5e6), follow=False),
    }
    for results in (10_000, 1_000_000):
        for gaps in (0.0, 0.01):
            frame = some_frame(history=history(results, gaps=gaps))
            derive = Deriver()

            def drawn(view: ChartView, width: int, height: int, frame=frame, derive=derive):
                axes.cache_clear()  # in a run that goes on, the limits are new each time
                chart = loss_chart(frame, derive(frame.history, SPAN), DARK)
                return chart_strips(chart, view, DARK, Font(), width, height)

            for name, view in views.items():
                for width, height in SIZES:
                    took = milliseconds(lambda v=view, w=width, h=height: drawn(v, w, h))
                    tell(f"{results:>9,} results, gaps {gaps:g}, {name}, {width} × {height}", took)
    loss = history(1_000_000).column("loss")
    for span in SPANS:
        tell(
            f"a million smoothed anew over {span}", milliseconds(lambda s=span: Smoother()(loss, s))
        )
    smoother = Smoother()
    smoother(loss[:-1], SPAN)
    tell("a million smoothed, of which one is new", milliseconds(lambda: smoother(loss, SPAN)))


if __name__ == "__main__":
    main()
