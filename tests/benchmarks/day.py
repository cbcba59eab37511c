"""A run of a day: what its history costs to keep, to draw, and from a key to the screen.

    python -m tests.benchmarks.day [--n-sparse 512] [--steps 10000000] [--presses 8]

Results come as often as training gives them, through the history that a run has; only the steps
between them are left out. The run is then saved, and gone on with on a pseudo-terminal of 120 x 40
and without a screen: memory is the greatest that each had resident.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from rugtui.live.history import HistoryView
from rugtui.live.run_session import RunSession
from rugtui.settings.settings import Settings
from rugtui.training.kernels.pace import Pace
from rugtui.training.state import StepResult
from rugtui.tui.charts.axis import axes
from rugtui.tui.charts.canvas import Font
from rugtui.tui.charts.drawing import chart_strips
from rugtui.tui.charts.palette import DARK
from rugtui.tui.charts.view import NEWEST, ChartView, Limits
from rugtui.tui.panes.loss.curves import loss_chart
from rugtui.tui.panes.loss.series import SPANS, Deriver
from tests.benchmarks.chart import milliseconds
from tests.benchmarks.dashboard import RUGTUI, WARM, Ear, tell_lags
from tests.terminal import private_home
from tests.tui.fake import some_frame

STEPS_PER_SECOND = 120.0


def main() -> None:
    options = parse()
    settings = Settings(n_sparse=options.n_sparse, n_dense=options.n_sparse // 4, steps=0)
    with tempfile.TemporaryDirectory() as folder:
        home = private_home(Path(folder))
        session = RunSession.new(settings, into=Path(folder) / "state" / "rugtui" / "runs")
        results = train(session, options.steps)
        view = session.history.view()
        print(
            f"{options.steps:,} steps, {results:,} results: {len(view):,} rows are kept", flush=True
        )
        draw(view)
        session.save("paused")
        session.close("paused")
        run = str(session.writer.run)
        memory(run, home)
        keys("gone on with", ["resume", run], home, options.presses)
        size = ["--n-sparse", str(options.n_sparse), "--ratio", "0.25", "--steps", "0"]
        keys("begun anew", size, home, options.presses)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--n-sparse", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--presses", type=int, default=8)
    return parser.parse_args()


def train(session: RunSession, steps: int) -> int:
    """A descent to a plateau with the noise of batches, a gap and a change of the learning rate;
    how many results there were. The slowest of them, in milliseconds, is told."""
    rng, settings, pace = np.random.default_rng(0), session.settings, Pace.of(session.settings)
    session.advance(lambda: False)
    slowest, begun = 0.0, time.perf_counter()
    count = 0
    for count, step in enumerate(range(2 * pace.interval, steps, pace.interval), 1):
        loss = (0.0058 + 0.011 * math.exp(-step / 2e3)) * math.exp(rng.normal(0, 0.03))
        held = loss if count % pace.heldout_intervals == 0 else None
        result = StepResult(
            step=step,
            loss=math.nan if count % 100_000 == 0 else loss,
            heldout=held,
            heldout_standard_error=None if held is None else 2e-5,
            lr=settings.learning_rate,
            p=settings.p,
            batch=settings.batch,
            samples=step * settings.batch,
            method="sgd",
            dead=0,
        )
        since = time.perf_counter()
        session.history.add(result, step / STEPS_PER_SECOND)
        slowest = max(slowest, time.perf_counter() - since)
        if count % 50_000 == 0:
            session.history.mark(step, f"lr {1e-3 / count:.2g}")
    session.trainer.step = steps
    each = 1e6 * (time.perf_counter() - begun) / count
    print(f"a result costs {each:.1f} µs with what makes it up, the dearest {1e3 * slowest:.0f} ms")
    return count + 1


def draw(history: HistoryView) -> None:
    last = float(history.column("step")[-1])
    views = {
        "linear": ChartView(False, False),
        "log × log": ChartView(),
        "crosshair": ChartView(False, False, cross=NEWEST),
        "zoomed on the newest hour": ChartView(False, False, x=Limits(last * 0.96, last)),
        "zoomed on the beginning": ChartView(True, True, x=Limits(20, 2e4), follow=False),
    }
    frame = some_frame(history=history)
    for span in (SPANS[1], SPANS[2], SPANS[-1]):
        derive = Deriver()
        for name, view in views.items():

            def drawn(view: ChartView = view, derive: Deriver = derive, span: int = span) -> None:
                axes.cache_clear()  # in a run that goes on, the limits are new each time
                chart = loss_chart(frame, derive(frame.history, span), DARK)
                chart_strips(chart, view, DARK, Font(), 120, 40)

            print(f"loss pane, smooth {span}, {name}: {milliseconds(drawn):.1f} ms")
        anew = milliseconds(lambda span=span: Deriver()(frame.history, span))
        print(f"smoothed anew over {span}: {anew:.1f} ms")


def memory(run: str, home: dict[str, str]) -> None:
    found = {}
    for name, more in (("dashboard", []), ("headless", ["--no-screen"])):
        with Ear([*RUGTUI, "resume", run, *more], **home) as ear:
            began = time.monotonic()
            ear.trains()
            print(f"{name}: goes on after {time.monotonic() - began:.1f} s")
            ear.listen(20)
            found[name] = resident(ear.pid)
            ear.type("q" if name == "dashboard" else "\x03")
            ear.listen(5)
    above = found["dashboard"] - found["headless"]
    told = ", ".join(f"{name} {size:.0f} MiB" for name, size in found.items())
    print(f"memory at most: {told}; above headless {above:.0f} MiB")


def resident(pid: int) -> float:
    """MiB that a process had in memory at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def keys(name: str, command: list[str], home: dict[str, str], presses: int) -> None:
    with Ear([*RUGTUI, *command], **home) as ear:
        ear.trains()
        ear.listen(WARM)
        tell_lags(ear, name, presses)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    main()
