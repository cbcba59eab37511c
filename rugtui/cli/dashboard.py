"""`rugtui` without a command: the dashboard."""

from __future__ import annotations

import asyncio
import os
import sys

from rugtui.config import Settings
from rugtui.errors import UsageError
from rugtui.preferences import Preferences

PATIENCE = 0.5
"""Seconds that a worker gets to come out of the product it is in, once the screen is gone."""


def show(settings: Settings, preferences: Preferences) -> int:
    """Run the dashboard to its end; returns the exit code.

    Raises UsageError where there is no terminal, SettingError where there is no such device.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal, but standard input or output is none; "
            "`rugtui train` and `rugtui predict` work without one."
        )
    check_device(settings)
    from rugtui.session.commands import Stop
    from rugtui.session.session import Session
    from rugtui.ui.app import RugtuiApp

    session = Session(settings)
    app = RugtuiApp(session, preferences)
    # A loop of our own: asyncio.run would wait for the worker thread, however long its step.
    app.run(mouse=preferences.mouse, loop=asyncio.new_event_loop())
    session.send(Stop())
    code = app.return_code or 0
    if not session.finished.wait(PATIENCE):
        leave(code)
    return code


def check_device(settings: Settings) -> None:
    """Find out now whether a device that was asked for is there. Raises SettingError.

    `auto` and `cpu` always are, so that only the others wait for torch before the first paint.
    """
    if settings.device not in ("auto", "cpu"):
        from rugtui.training.device import resolve

        resolve(settings.device)


def leave(code: int) -> None:
    """End the process under a worker that is deep in a long product.

    A thread cannot be killed, and Python's own exit would wait for it: seconds, at large sizes.
    What is to be kept has been written by then; the terminal is restored.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
