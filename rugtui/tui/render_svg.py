"""Draws the dashboard into an SVG file, without a terminal, once every pane has its data."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator

from textual.pilot import Pilot

from rugtui.errors import RunError
from rugtui.live.frame import Frame
from rugtui.live.session import Session
from rugtui.settings.preferences import Preferences
from rugtui.tui.app import RugtuiApp
from rugtui.tui.panes.pane import Pane

SIZE = (120, 40)
ENOUGH = 0.01
"""Relative standard error of the loss that is small enough for the picture."""
PATIENCE = 120.0
"""Seconds after which the panes are drawn as they are."""
TURNS, SETTLED = 3, 0.3
"""How many Frames, or seconds, to wait for after every pane has its data: the first Frame may have
been made for other sizes of the panes."""


def render_svg(session: Session) -> str:
    """The screen of a waiting session as SVG; ends the session.

    Raises what kept it from being shown (RugtuiError, OSError), and RunError where a pane failed.
    """
    drawn: list[str] = []

    async def draw(pilot: Pilot[object]) -> None:
        try:
            drawn.append(await _picture(app, pilot))
        finally:
            app.leave()

    with _all_colours():
        app = RugtuiApp(session, Preferences(link="fast", fps=20.0))
        app.run(headless=True, size=SIZE, auto_pilot=draw)
    if session.refusal is not None:
        raise session.refusal
    if app.latest.failure:
        raise RunError(app.latest.failure)
    return drawn[0]


async def _picture(app: RugtuiApp, pilot: Pilot[object]) -> str:
    deadline, settled, left = time.monotonic() + PATIENCE, math.inf, TURNS
    frame = app.latest
    while left and time.monotonic() < min(deadline, settled) and app.session.refusal is None:
        await pilot.pause(0.02)
        if app.latest is not frame:
            frame = app.latest
            if known(frame) or frame.failure:
                left, settled = left - 1, time.monotonic() + SETTLED
    app.clear_notifications()
    for pane in app.dashboard.query(Pane):
        pane.redraw()
    await pilot.pause()
    return app.export_screenshot(title="rugtui")


def known(frame: Frame) -> bool:
    """Whether every pane has its data."""
    reading = frame.reading
    measured = reading.statistics is not None and reading.standard_error <= ENOUGH * reading.loss
    return measured and frame.picture is not None and frame.curves is not None


@contextlib.contextmanager
def _all_colours() -> Iterator[None]:
    """Have Textual use all colours, whatever this terminal supports."""
    before = dict(os.environ)
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
