"""A session without a worker: it keeps what it is told and hands over what a test gives it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TypeVar

import numpy as np
from textual.pilot import Pilot

from rugtui.live.commands import Command, Kind, Show, Stop
from rugtui.live.frame import Frame, Panel, Picture, Reading
from rugtui.live.history import History
from rugtui.models.base import Window
from rugtui.runtime.threads import Mailbox
from rugtui.settings.settings import Settings
from rugtui.theory.levels import Levels
from rugtui.tui.app import RugtuiApp

ProgressPrinter = TypeVar("ProgressPrinter")

LEVELS = Levels(
    r=0.25,
    p=0.05,
    loss=0.00578942774445478,
    a=1.25482075497,
    b=-0.440882192188,
    sigma=0.275275185936088,
    high_sparsity=0.0059,
    linear=0.01203125,
    elementwise=0.00539752622983,
    oracle=0.00145444647436,
)


def some_history(results: int = 200) -> History:
    """A loss that falls from 0.017 to a plateau a little above L*, with even noise."""
    history = History()
    rng = np.random.default_rng(0)
    for k in range(1, results + 1):
        step = 10 * k
        loss = 0.0058 + 0.011 * np.exp(-step / 300) + rng.normal(0, 1e-4)
        held = loss if k % 20 == 0 else None
        history.append(
            step=step,
            seconds=step / 100,
            loss=loss,
            heldout=held,
            heldout_standard_error=None if held is None else 2e-5,
            lr=1e-4,
            p=0.05,
        )
    return history


def some_picture(*kinds: Kind, n_sparse: int = 64, window: Window | None = None) -> Picture:
    """A xor pattern with a strong diagonal."""
    i = np.arange(n_sparse)
    pixels = 0.1 * np.cos((i[:, None] ^ i[None, :]) * 0.7)
    np.fill_diagonal(pixels, 1.2)
    at = window or Window.whole(n_sparse)
    seen = pixels[at.top : at.bottom, at.left : at.right]
    panels = tuple(Panel(kind, seen, np.full(len(seen), -0.4)) for kind in kinds or ("trained",))
    return Picture(2000, at, n_sparse, panels)


def some_frame(**changes) -> Frame:
    frame = Frame(
        settings=Settings(),
        phase="training",
        device="cpu",
        plan="sparse",
        step=2000,
        seconds=20.0,
        steps_per_second=100.0,
        history=some_history().view(),
        levels=LEVELS,
        trained=Reading(loss=0.0058, standard_error=2e-5),
        verdict="on the symmetric plateau, within 1 % of L*",
        picture=some_picture(),
    )
    return dataclasses.replace(frame, **changes)


class FakeSession:
    """Stands where a Session would: `told` are the commands, `give` is the worker's side."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.subject = SimpleNamespace(settings=settings or Settings(), source="")
        self.refusal = None
        self.frames: Mailbox[Frame] = Mailbox()
        self.finished = threading.Event()
        self.told: list[Command] = []
        self._stop = threading.Event()

    def send(self, command: Command) -> None:
        self.told.append(command)
        if isinstance(command, Stop):
            self._stop.set()

    def give(self, frame: Frame) -> None:
        self.frames.put(frame)

    def run(self) -> None:
        self._stop.wait(120)
        self.finished.set()

    def heard(self, kind: type[ProgressPrinter]) -> list[ProgressPrinter]:
        """The commands of one kind, in order: a Look may come between any two of the others."""
        return [command for command in self.told if isinstance(command, kind)]

    def shows(self) -> list[Show]:
        return self.heard(Show)


@asynccontextmanager
async def running(
    app: RugtuiApp, size: tuple[int, int] = (120, 40), *, notifications: bool = False
) -> AsyncIterator[Pilot[None]]:
    """A pilot of the app, whose worker stops however the test ends: leaving waits for it."""
    async with app.run_test(size=size, notifications=notifications) as pilot:
        try:
            yield pilot
        finally:
            app.session.send(Stop())


async def give(pilot: Pilot[None], frame: Frame) -> None:
    """The worker's newest Frame, taken and drawn."""
    app = pilot.app
    assert isinstance(app, RugtuiApp)
    assert isinstance(app.session, FakeSession)
    app.session.give(frame)
    app.take_frame()
    await pilot.pause()
