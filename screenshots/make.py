"""Make the pictures of the README from the running program.

    python screenshots/make.py [--steps 3000]

Trains the default model once for each size, and takes the screen with trained weights and with the
rug.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

# Textual asks the environment what the terminal can show when it is imported.
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

from rugtui.config import Settings
from rugtui.session.session import Session
from rugtui.ui.app import RugtuiApp

HERE = Path(__file__).parent
SIZES = ((120, 40), (80, 24))


async def main(steps: int) -> None:
    for columns, rows in SIZES:
        app = RugtuiApp(Session(Settings()))
        async with app.run_test(size=(columns, rows)) as pilot:
            await shown(pilot, lambda frame: frame.step >= steps and measured(frame))
            picture(app, f"trained-{columns}x{rows}")
            await pilot.press("w")
            await shown(pilot, lambda frame: frame.shown == "rug" and measured(frame))
            await pilot.pause(10)
            picture(app, f"rug-{columns}x{rows}")
            await pilot.press("q")


def measured(frame) -> bool:
    return frame.reading.statistics is not None


async def shown(pilot, condition) -> None:
    while not condition(pilot.app.latest):
        await pilot.pause(0.1)


def picture(app: RugtuiApp, name: str) -> None:
    app.clear_notifications()
    (HERE / f"{name}.svg").write_text(app.export_screenshot(title="rugtui"))
    print(f"{name}.svg at step {app.latest.step:,}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000)
    asyncio.run(main(parser.parse_args().steps))
