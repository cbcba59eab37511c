"""What the dashboard costs: the training beside it, bytes, and time from a key to the screen.

    python -m tests.benchmarks.dashboard [--n-sparse 1024] [--turns 3] [--seconds 15] [--kib 16]

With `--kib` only the time from keys to the screen, through a terminal that reads so many KiB/s.

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
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.terminal import Terminal, private_home

RUGTUI = [sys.executable, "-m", "rugtui"]
KEYS = (
    ("?", "─ Help", "\x1b"),
    ("e", "Settings", "\x1b"),
    ("R", "─ Runs", "\x1b"),
    ("\x10", "Search for", "\x1b"),
    ("w", "rug (hadamard)", "w"),
)
"""Each with what shows that it worked, and what takes it back."""
WARM = 6.0
"""Seconds until training has settled."""
LONGEST = 8.0
"""Seconds after which a key will not work any more."""


class Ear(Terminal):
    """Hears bytes, and works out the screen, in Python, only when nothing is measured.

    With `kib` it reads no faster than so many KiB a second, as a slow link does.
    """

    kib = math.inf

    def __init__(self, command: list[str], **environment: str) -> None:
        super().__init__(command, **environment)
        self.heard: list[tuple[float, bytes]] = []
        self._free = 0.0

    def look_at(self, data: bytes) -> None:
        self.heard.append((time.monotonic(), data))
        self._free = max(self._free, time.monotonic()) + len(data) / (1024 * self.kib)

    def _read(self, wait: float) -> None:
        busy = self._free - time.monotonic()
        if busy > 0:
            time.sleep(min(busy, wait))
        else:
            super()._read(wait)

    def hears(self, wanted: bytes, within: float = 30.0) -> float:
        """Seconds until `wanted` comes; infinity where not."""
        began = time.monotonic()
        while wanted not in self.output:
            self._read(0.05)
            if self.closed or time.monotonic() - began > within:
                return math.inf
        return time.monotonic() - began

    def look(self, wanted: str = "") -> float:
        """Work out the screen; the moment when it showed `wanted`, infinity where it never did."""
        return min([moment for moment in self.moments() if wanted in self.text], default=math.inf)

    def moments(self) -> Iterator[float]:
        """The screen as it was at each moment when something came."""
        for moment, data in self.heard:
            self._stream.feed(data)
            self._read(0)  # a terminal that does not read is a slow one
            yield moment
        self.heard.clear()

    def trains(self) -> None:
        """Listen until a step is told."""
        while not self.step() and not self.closed:
            self.listen(0.2)
            self.look()

    def step(self) -> int:
        found = re.findall(r"step ([\d,]+)", self.text)
        return int(found[0].replace(",", "")) if found else 0


def main() -> None:
    options = parse()
    size = ["--n-sparse", str(options.n_sparse), "--ratio", "0.25", "--steps", "0"]
    with tempfile.TemporaryDirectory() as folder:
        home = private_home(Path(folder))
        sizes = f"{options.n_sparse:,} on {os.cpu_count()} cores, 120 x 40"
        print(f"n_sparse {sizes}: medians, and where it says so 95 %")
        if options.kib < math.inf:
            Ear.kib = options.kib
            lags(size, home, options.presses)
            return
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
    parser.add_argument("--kib", type=float, default=math.inf)
    return parser.parse_args()


def first(size: list[str], home: dict[str, str]) -> None:
    """Time to the first paint, and to the first point of the loss."""
    began = time.monotonic()
    with Ear([*RUGTUI, *size], **home) as ear:
        ear.hears(b"1 loss")
        painted = time.monotonic() - began
        ear.hears(b"live ")  # of the line under the chart
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
    """Steps a second, once training has settled: between the first and the last that are told."""
    ear.trains()
    ear.listen(WARM)
    ear.look()
    ear.listen(seconds)
    told: dict[int, float] = {}
    for moment in ear.moments():
        told.setdefault(ear.step(), moment)
    marks = sorted(told.items())[1:]  # since when the first is there, nobody knows
    (began, since), (ended, until) = marks[0], marks[-1]
    return (ended - began) / (until - since)


def rate(size: list[str], home: dict[str, str], link: str, seconds: float) -> None:
    with Ear([*RUGTUI, *size, "--link", link], **home) as ear:
        ear.hears(b"live ")
        ear.listen(WARM)
        print(f"--link {link}: {ear.listen(seconds) / seconds / 1024:.1f} KiB/s")


def lags(size: list[str], home: dict[str, str], presses: int) -> None:
    with Ear([*RUGTUI, *size], **home) as ear:
        ear.hears(b"live ")
        ear.listen(WARM)
        for state in ("training", "paused"):
            tell_lags(ear, state, presses)
            ear.type(" ")


def tell_lags(ear: Ear, state: str, presses: int) -> None:
    """Of each key, by median and 95 %."""
    for key, word, back in KEYS:
        found = sorted(lag(ear, key, word, back) for _ in range(presses))
        most = found[math.ceil(0.95 * presses) - 1]
        told = f"{statistics.median(found):.0f} ms, 95 % {most:.0f} ms"
        print(f"key to screen, {state}: {key!r} {told}", flush=True)


def lag(
    ear: Ear, key: str, word: str, back: str, anywhen: Callable[[], float] = random.random
) -> float:
    """Milliseconds from a key to its word; the key comes at any moment between two Frames."""
    ear.listen(0.3 + 0.3 * anywhen())
    ear.look()
    assert word not in ear.text, f"{word!r} is there before {key!r}"
    pressed = time.monotonic()
    ear.type(key)
    ear.listen(0.4)
    while (shown := ear.look(word)) == math.inf and time.monotonic() - pressed < LONGEST:
        ear.listen(0.4)
    ear.type(back)
    while word in ear.text and time.monotonic() - pressed < 2 * LONGEST:
        ear.listen(0.3)
        ear.look()
    return (shown - pressed) * 1e3


if __name__ == "__main__":
    main()
