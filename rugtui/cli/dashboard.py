"""`rugtui` without a command, and `rugtui resume`: the dashboard."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from rugtui.cli.output import INTERRUPTED
from rugtui.errors import UsageError
from rugtui.runtime.terminal import silence, watch_for_hangup
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings

if TYPE_CHECKING:
    from rugtui.cli.config_file import Config
    from rugtui.live.own_run import Opening
    from rugtui.live.session import Session
    from rugtui.tui.app import RugtuiApp

PATIENCE = 0.5
"""Seconds to wait for the last save before a message is printed."""
LONGEST = 1.5
"""Seconds to wait for the current step then; earlier saves are on disk in any case."""
BETWEEN = 0.05
"""Seconds between two checks whether the worker still saves."""
ESCAPE_DELAY = "50"
"""Milliseconds after an escape character in which more characters form one key with it, such as an
arrow. Half of Textual's default, because the escape key itself has to wait for so long."""


def show(
    settings: Settings,
    preferences: Preferences,
    config: Config,
    opening: Opening | None = None,
    run: Path | None = None,
) -> int:
    """Run the dashboard to its end; returns the exit code. `opening` opens `run`.

    `config` provides keys, the defaults behind presets, and errors of the file. Raises UsageError
    if there is no terminal, SettingError if the device does not exist.
    """
    require_terminal()
    check_device(settings)
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session

    own = OwnRun(settings, opening, autosave=preferences.autosave)
    return look(Session(own), preferences, config, run)


def require_terminal() -> None:
    """Raises UsageError without a terminal, or with one that cannot move its cursor."""
    for name, stream in (("input", sys.stdin), ("output", sys.stdout)):
        if stream is None or not stream.isatty():
            raise UsageError(
                f"the dashboard needs a terminal, but standard {name} is not a terminal; "
                "`rugtui train` and `rugtui predict` work without one."
            )
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the dashboard needs a terminal that moves its cursor, but TERM is dumb; set TERM to "
            "what the terminal is, such as xterm-256color, or use `rugtui train`."
        )


def look(
    session: Session, preferences: Preferences, config: Config, run: Path | None = None
) -> int:
    """Show a session to its end; returns the exit code. `run` is the run that it opens, if any.

    Raises RugtuiError or OSError if there is nothing to show.
    """
    os.environ.setdefault("ESCDELAY", ESCAPE_DELAY)  # Textual reads it when it is imported
    from rugtui.tui.app import RugtuiApp

    app = RugtuiApp(session, preferences, config.keymap, config.settings, config.complaints)
    obey_signals(app)
    watch_for_hangup(sys.stdin.fileno())
    # Not asyncio.run, which would wait for the worker thread; that may outlive the screen.
    app.run(mouse=preferences.mouse, loop=asyncio.new_event_loop())
    if session.refusal is not None:
        raise session.refusal
    return end_process(
        go_on(app) if app.hung_up else finish(app.session, app.return_code or 0, run)
    )


def obey_signals(app: RugtuiApp) -> None:
    """Let signals end the app, and handle them before it runs and after it has ended, too.

    asyncio's own handlers end with its loop; then a second SIGHUP, which shells send, would kill a
    run that goes on.
    """

    def hear(number: int, frame: FrameType | None) -> None:
        app.hear(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hear)


def go_on(app: RugtuiApp) -> int:
    """The terminal is gone; the worker trains to its target, or until a signal stops it."""
    silence()
    app.session.finished.wait()
    code = 128 + app.heard if app.heard != signal.SIGHUP else 0
    return 1 if app.session.subject.unsaved else code


def finish(session: Session, code: int, run: Path | None = None) -> int:
    """Wait until the last step is saved, usually only for a moment; returns the exit code."""
    from rugtui.live.commands import Stop
    from rugtui.storage.lock import abandon

    session.send(Stop())
    if session.finished.wait(PATIENCE):
        return say_last(session, code)
    if not session.subject.begun and not session.subject.saving:
        if run is not None:
            abandon(run)  # still being read: nothing of it changed
        return end_process(code)
    click.echo("rugtui: saving the last step (ctrl+c quits without it) …", err=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if ends(session, LONGEST):
            return say_last(session, code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    what = "save" if session.subject.saving else "step"
    click.echo(f"rugtui: the {what} under way was not waited for. {session.subject.kept}", err=True)
    return end_process(code)


def ends(session: Session, seconds: float) -> bool:
    """Wait for the worker to end: limited for the current step, without limit for a save."""
    deadline = time.monotonic() + seconds
    while not session.finished.wait(BETWEEN):
        if not session.subject.saving and time.monotonic() > deadline:
            return False
    return True


def say_last(session: Session, code: int) -> int:
    for text in session.subject.last_words:
        click.echo(f"rugtui: {text}", err=True)
    return 1 if session.subject.unsaved else code


def check_device(settings: Settings) -> None:
    """Check now that the requested device exists. Raises SettingError.

    `auto` and `cpu` always exist; only for others, torch is imported before the first paint.
    """
    if settings.device not in ("auto", "cpu"):
        from rugtui.training.device import resolve

        resolve(settings.device)


def end_process(code: int) -> int:
    """End the process even if threads are in a long computation, whose result is not needed.

    A thread cannot be killed, and Python's own exit would wait for it: seconds, at large sizes. The
    terminal has been restored before.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
