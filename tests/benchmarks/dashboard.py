"""What the dashboard costs: the training beside it, bytes, and time from a key to the screen.

    python -m tests.benchmarks.dashboard [--n-sparse 1024] [--turns 3] [--seconds 15]

The dashboard and `rugtui train` run on pseudo-terminals of 120 x 40, in turns; steps a second are
read off what both write. Nobody works out the screen meanwhile: the cores are the program's.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.terminal import Terminal, private_home

RUGTUI = [sys.executable, "-m", "rugtui"]
KEYS = (("?", b"Help"), ("e", b"Settings"))
WARM = 6.0
"""Seconds until training has settled."""


class Ear(Terminal):
    """Hears bytes without working out the screen, in Python, on the cores that are measured."""

    def look_at(self, data: bytes) -> None:
        pass

    def hears(self, wanted: bytes, since: int = 0, within: float = 30.0) -> float:
        """Seconds until `wanted` comes among the bytes from `since` on; infinity where not."""
        began = time.monotonic()
        while wanted not in self.output[since:]:
            self._read(0.05)
            if self.closed or time.monotonic() - began > within:
                return math.inf
        return time.monotonic() - began

    def step(self) -> int:
        found = re.findall(rb"step ([\d,]+)", self.output[-65536:])
        return int(found[-1].replace(b",", b"")) if found else 0


def main() -> None:
    options = parse()
    size = ["--n-sparse", str(options.n_sparse), "--ratio", "0.25", "--steps", "0"]
    with tempfile.TemporaryDirectory() as folder:
        home = private_home(Path(folder))
        sizes = f"{options.n_sparse:,} on {os.cpu_count()} cores, 120 x 40"
        print(f"n_sparse {sizes}: medians, and where it says so 95 %")
        first(size, home)
        cost(size, home, options.turns, options.seconds)
        for link in ("auto", "slow"):
            rate(size, home, link, options.seconds)
        lags(size, home, options.presses)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--n-sparse", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--presses", type=int, default=25)
    return parser.parse_args()


def first(size: list[str], home: dict[str, str]) -> None:
    """Time to the first paint, and to the first point of the loss."""
    began = time.monotonic()
    with Ear([*RUGTUI, *size], **home) as ear:
        ear.hears(b"1 loss")
        painted = time.monotonic() - began
        ear.hears(b"smoothed ")  # of the line under the chart
        print(f"first paint {painted:.2f} s, first loss {time.monotonic() - began:.2f} s")


def cost(size: list[str], home: dict[str, str], turns: int, seconds: float) -> None:
    """Steps a second with the dashboard over those without."""
    commands = {"dashboard": RUGTUI, "headless": [*RUGTUI, "train"]}
    rates: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            with Ear([*command, *size], **home) as ear:
                rates[name].append(pace(ear, seconds))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratio = middle["dashboard"] / middle["headless"]
    told = ", ".join(f"{name} {found:.1f}" for name, found in middle.items())
    print(f"steps/s: {told}; ratio {ratio:.3f}; in turns", rates)


def pace(ear: Ear, seconds: float) -> float:
    """Steps a second, once training has settled."""
    while not ear.step() and not ear.closed:
        ear.listen(0.2)
    ear.listen(WARM)
    marks = []
    for wait in (seconds, 0.0):
        before = ear.step()
        while ear.step() == before and not ear.closed:  # at a change, not somewhere between two
            ear.listen(0.02)
        marks.append((ear.step(), time.monotonic()))
        ear.listen(wait)
    (began, since), (ended, until) = marks
    return (ended - began) / (until - since)


def rate(size: list[str], home: dict[str, str], link: str, seconds: float) -> None:
    with Ear([*RUGTUI, *size, "--link", link], **home) as ear:
        ear.hears(b"smoothed ")
        ear.listen(WARM)
        print(f"--link {link}: {ear.listen(seconds) / seconds / 1024:.1f} KiB/s")


def lags(size: list[str], home: dict[str, str], presses: int) -> None:
    with Ear([*RUGTUI, *size], **home) as ear:
        ear.hears(b"smoothed ")
        ear.listen(WARM)
        for state in ("training", "paused"):
            for key, word in KEYS:
                found = sorted(lag(ear, key, word) for _ in range(presses))
                most = found[math.ceil(0.95 * presses) - 1]
                told = f"{key} {statistics.median(found):.0f} ms, 95 % {most:.0f} ms"
                print(f"key to screen, {state}: {told}")
            ear.type(" ")


def lag(ear: Ear, key: str, word: bytes, quiet: Callable[[], float] = random.random) -> float:
    """Milliseconds from a key to its word; the key comes at any moment between two Frames."""
    ear.listen(0.3 + 0.3 * quiet())
    since = len(ear.output)
    ear.type(key)
    seconds = ear.hears(word, since, 5.0)
    ear.listen(0.3)
    ear.type("escape")
    ear.listen(0.3)
    return seconds * 1e3


if __name__ == "__main__":
    main()
