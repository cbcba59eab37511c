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
"""Seconds that a worker gets to save its last step, before anybody is told of it."""
LONGEST = 1.5
"""Seconds that the step under way gets then; what was saved before it is there in any case."""
BETWEEN = 0.05
"""Seconds between two looks at whether the worker still saves."""
ESCAPE_DELAY = "50"
"""Milliseconds in which what follows an escape makes it one key with it, an arrow say: half of what
Textual waits by default, as escape itself waits for them to pass."""


def show(
    settings: Settings,
    preferences: Preferences,
    config: Config,
    opening: Opening | None = None,
    run: Path | None = None,
) -> int:
    """Run the dashboard to its end; returns the exit code. `opening` takes up `run`.

    Of `config` it has the keys, the defaults behind presets, and what is wrong in the file. Raises
    UsageError where there is no terminal, SettingError where there is no such device.
    """
    require_terminal()
    check_device(settings)
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session

    own = OwnRun(settings, opening, autosave=preferences.autosave)
    return look(Session(own), preferences, config, run)


def require_terminal() -> None:
    """Raise UsageError where there is none, or one that cannot move its cursor."""
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
    """Show a session to its end; returns the exit code. `run` is what it takes up, if anything.

    Raises what kept it from being shown: RugtuiError, OSError.
    """
    os.environ.setdefault("ESCDELAY", ESCAPE_DELAY)  # Textual reads it when it is imported
    from rugtui.tui.app import RugtuiApp

    app = RugtuiApp(session, preferences, config.keymap, config.settings, config.complaints)
    obey_signals(app)
    watch_for_hangup(sys.stdin.fileno())
    # A loop of our own: asyncio.run would wait for the worker thread, which may outlive the screen.
    app.run(mouse=preferences.mouse, loop=asyncio.new_event_loop())
    if session.refusal is not None:
        raise session.refusal
    return leave(go_on(app) if app.hung_up else finish(app.session, app.return_code or 0, run))


def obey_signals(app: RugtuiApp) -> None:
    """Have signals end the app; they are heard before it runs and after it ended, too.

    asyncio's own handlers go with its loop, and a second SIGHUP, which shells do send, would then
    kill the run that goes on.
    """

    def hear(number: int, frame: FrameType | None) -> None:
        app.hear(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hear)


def go_on(app: RugtuiApp) -> int:
    """The terminal is gone; the worker goes on to its target, or until a signal stops it."""
    silence()
    app.session.finished.wait()
    code = 128 + app.heard if app.heard != signal.SIGHUP else 0
    return 1 if app.session.subject.unsaved else code


def finish(session: Session, code: int, run: Path | None = None) -> int:
    """Wait for the last step to be saved, unnoticed at most sizes; returns the exit code."""
    from rugtui.live.commands import Stop
    from rugtui.storage.lock import abandon

    session.send(Stop())
    if session.finished.wait(PATIENCE):
        return say_last(session, code)
    if not session.subject.begun and not session.subject.saving:
        if run is not None:
            abandon(run)  # still being read: nothing of it changed
        return leave(code)
    click.echo("rugtui: saving the last step (ctrl+c quits without it) …", err=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if ends(session, LONGEST):
            return say_last(session, code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    what = "save" if session.subject.saving else "step"
    click.echo(f"rugtui: the {what} under way was not waited for. {session.subject.kept}", err=True)
    return leave(code)


def ends(session: Session, seconds: float) -> bool:
    """Wait for the worker's end: so long for the step under way, for a save as long as it takes."""
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
    """Find out now whether a device that was asked for is there. Raises SettingError.

    `auto` and `cpu` always are, so that only the others wait for torch before the first paint.
    """
    if settings.device not in ("auto", "cpu"):
        from rugtui.training.device import resolve

        resolve(settings.device)


def leave(code: int) -> int:
    """End the process under threads that are deep in a long computation: a product of the worker,
    or theory's curves, which nobody will look at.

    A thread cannot be killed, and Python's own exit would wait for it: seconds, at large sizes.
    The terminal is restored by now.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
