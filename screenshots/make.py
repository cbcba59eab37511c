"""Make the pictures of the README from the running program.

    python -m screenshots.make [--steps 3000] [--only-movie] [--grid FOLDER]

Trains the default model once for each size, and takes the screen with trained weights and with the
rug; then a few runs beside each other; then sweeps a grid, and takes its map and its figure of
losses; and a moving picture. The figures of studies are written by `rugtui study … --figure`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

# Textual asks the environment what the terminal can show when it is imported.
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

from rugtui.live.own_run import OwnRun
from rugtui.live.session import Session
from rugtui.reports.matplotlib_figures import write
from rugtui.reports.sweep_figures import sweep_figures
from rugtui.settings.settings import Settings
from rugtui.sweeps import processes
from rugtui.sweeps.folder import SweepFolder, run
from rugtui.sweeps.grid import Grid
from rugtui.tui.app import RugtuiApp
from rugtui.tui.charts.palette import picture_colours
from rugtui.tui.screens.sweep import SweepScreen
from rugtui.tui.screens.sweep_choice import SweepForm, Sweeps
from screenshots.movie import movie

HERE = Path(__file__).parent
SIZES = ((120, 40), (80, 24))
OTHER_SIZES = (96, 192, 128)
GRID = Grid(
    n_sparse="64",
    ratio="0.1:0.8:8",
    p="0.01,0.05,0.2",
    seed="0,1,2",
    kinds="trained,population,rug,theory,linear",
)


REPLAYED_PER_SCREEN = 4
"""Of the 64 steps that a replay shows, one in so many is a screen of the moving picture."""


async def main(steps: int, grid: Path | None, *, only_movie: bool) -> None:
    await moving(*SIZES[0])
    if only_movie:
        return
    with tempfile.TemporaryDirectory() as folder:
        await sweep(grid or Path(folder) / "grid", *SIZES[0])
    if steps:
        await several(steps // 2, *SIZES[0])
    for columns, rows in SIZES if steps else ():
        app = RugtuiApp(Session(OwnRun(Settings())))
        async with app.run_test(size=(columns, rows)) as pilot:
            await shown(pilot, lambda frame: frame.step >= steps and measured(frame))
            picture(app, f"trained-{columns}x{rows}")
            await pilot.press("w")
            await shown(pilot, lambda frame: frame.shown == "rug" and measured(frame))
            await pilot.pause(10)
            picture(app, f"rug-{columns}x{rows}")
            await pilot.press("q")


async def moving(columns: int, rows: int) -> None:
    """A run that forms pairs, replayed: partners stand beside each other in W."""
    settings = Settings(n_sparse=64, n_dense=32, p=0.05, lr=1e-3, steps=6000)
    app = RugtuiApp(Session(OwnRun(settings)))
    screens, seconds = [], []

    def take(length: float) -> None:
        app.clear_notifications()
        screens.append(app.export_screenshot(title="rugtui"))
        seconds.append(length)

    async with app.run_test(size=(columns, rows)) as pilot:
        await shown(pilot, lambda frame: frame.phase == "done" and measured(frame))
        await pilot.press("2", "r", "r", "r")
        await pilot.pause(2)
        await pilot.press("P")
        await shown(pilot, lambda frame: frame.past is not None)
        places = {step: k for k, step in enumerate(app.latest.kept_steps)}
        next_place = 0
        while (past := app.latest.past) is not None:
            place = places.get(past.shown_step, 0)
            if place >= next_place:
                take(0.5)
                next_place = place + REPLAYED_PER_SCREEN
            await pilot.pause(0.02)
        await pilot.pause(2)
        take(3.0)
        await pilot.press("q")
    (HERE / "dashboard.svg").write_text(movie(screens, seconds))
    print(f"dashboard.svg with {len(screens)} screens")


async def several(steps: int, columns: int, rows: int) -> None:
    """Runs that differ in a setting, the last of them live."""
    app = RugtuiApp(Session(OwnRun(Settings(steps=steps, n_dense=OTHER_SIZES[0]))))
    async with app.run_test(size=(columns, rows)) as pilot:
        for n_dense in OTHER_SIZES:
            if n_dense != app.settings.n_dense:
                app.ask(app.settings.replace(n_dense=n_dense))
            await shown(pilot, lambda frame, n=n_dense: over(frame, n) and measured(frame))
        await pilot.pause(2)
        picture(app, f"runs-{columns}x{rows}")
        await pilot.press("q")


def over(frame, n_dense: int) -> bool:
    return frame.phase == "done" and frame.settings.n_dense == n_dense


async def sweep(folder: Path, columns: int, rows: int) -> None:
    swept = SweepFolder.begin(folder, GRID)
    for _ in run(swept, processes.outcomes):
        pass
    swept.close()
    figure = next(one for one in sweep_figures(swept.rows) if "against-r" in one.name)
    write(figure, picture_colours(dark=False), HERE / "loss-against-r.svg")
    app = RugtuiApp(Session(OwnRun(Settings())))
    async with app.run_test(size=(columns, rows)) as pilot:
        await shown(pilot, lambda frame: frame.step)
        await pilot.press("space", "x")
        await until(pilot, lambda: isinstance(app.screen, SweepForm | Sweeps))
        await app.pop_screen()  # escape would close the sweep screen behind it, too
        assert isinstance(app.screen, SweepScreen)
        app.screen.follow(folder)
        await until(pilot, lambda: app.screen.pane.sweep)
        await pilot.press(*["up"] * 4, "right")
        await pilot.pause(1)
        picture(app, f"sweep-{columns}x{rows}")
        await pilot.press("q")


def measured(frame) -> bool:
    return frame.reading.statistics is not None


async def shown(pilot, condition) -> None:
    await until(pilot, lambda: condition(pilot.app.latest))


async def until(pilot, condition) -> None:
    while not condition():
        await pilot.pause(0.1)


def picture(app: RugtuiApp, name: str) -> None:
    app.clear_notifications()
    (HERE / f"{name}.svg").write_text(app.export_screenshot(title="rugtui"))
    print(f"{name}.svg at step {app.latest.step:,}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000, help="0: the sweep alone")
    parser.add_argument("--grid", type=Path, help="folder of the sweep, begun or done")
    parser.add_argument("--only-movie", action="store_true", help="dashboard.svg alone")
    given = parser.parse_args()
    asyncio.run(main(given.steps, given.grid, only_movie=given.only_movie))
