"""`rugtui` without a command, and `rugtui resume`: the dashboard."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from rugtui.cli.output import INTERRUPTED, note
from rugtui.errors import UsageError
from rugtui.runtime.terminal import silence, watch_for_hangup
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings

if TYPE_CHECKING:
    from rugtui.cli.config_file import Config
    from rugtui.live.own_run import Opening
    from rugtui.live.session import Session
    from rugtui.tui.app import RugtuiApp

SILENT_WAIT = 0.5
"""Seconds to wait for the last save before a message is printed."""
ABANDON_WAIT = 0.5
"""Seconds to wait until the lock says that the user quit, after ctrl+c."""
STEP_WAIT = 1.5
"""Seconds to wait for the current step after that; earlier saves are on disk in any case."""
POLL = 0.05
"""Seconds between two checks whether the worker still saves."""
ESCAPE_DELAY = "50"
"""Milliseconds in which an escape character and what follows form one key, such as an arrow. Half
of Textual's default, because the escape key itself takes effect only after them."""


def show(
    settings: Settings,
    preferences: Preferences,
    config: Config,
    opening: Opening | None = None,
    run: Path | None = None,
) -> int:
    """Train in the dashboard until it is closed; returns the exit code. `opening` opens `run`.

    `config` provides keys, the defaults behind presets, and errors of the file. Raises UsageError
    if there is no terminal, SettingError if the device does not exist.
    """
    require_terminal()
    if settings.device not in ("auto", "cpu"):  # these always exist; importing torch is slow
        from rugtui.training.device import resolve

        resolve(settings.device)
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session

    own = OwnRun(settings, opening, autosave=preferences.autosave)
    return show_session(Session(own), preferences, config, run)


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


def show_session(
    session: Session, preferences: Preferences, config: Config, run: Path | None = None
) -> int:
    """Show a session until it is closed; returns the exit code. `run` is the run that it opens.

    Raises RugtuiError or OSError if there is nothing to show.
    """
    os.environ.setdefault("ESCDELAY", ESCAPE_DELAY)  # Textual reads it when it is imported
    from rugtui.tui.app import RugtuiApp

    app = RugtuiApp(session, preferences, config.keymap, config.settings, config.messages)
    obey_signals(app)
    watch_for_hangup(sys.stdin.fileno())
    # Not asyncio.run, which would wait for the worker thread; that may outlive the screen.
    app.run(mouse=preferences.mouse, loop=asyncio.new_event_loop())
    if session.refusal is not None:
        raise session.refusal
    if app.hung_up:
        return end_process(train_on_without_terminal(app))
    return end_process(finish(app.session, app.return_code or 0, run))


def obey_signals(app: RugtuiApp) -> None:
    """Let signals end the app, also before it runs and after it has ended.

    asyncio's own handlers end with its loop; then a second SIGHUP, which shells send, would kill a
    run that trains on.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        app.handle_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)


def train_on_without_terminal(app: RugtuiApp) -> int:
    """Wait until the worker is done, or a signal stops it; returns the exit code."""
    silence()
    app.session.finished.wait()
    code = 128 + app.signal_received if app.signal_received != signal.SIGHUP else 0
    return 1 if app.session.subject.unsaved else code


def finish(session: Session, code: int, run: Path | None = None) -> int:
    """Wait until the last step is saved, usually only for a moment; returns the exit code."""
    from rugtui.live.commands import Stop
    from rugtui.storage.lock import abandon

    session.send(Stop())
    if session.finished.wait(SILENT_WAIT):
        return print_last_words(session, code)
    if not session.subject.begun and not session.subject.saving:
        if run is not None:
            abandon(run)  # still being read: nothing of it changed
        return end_process(code)
    note("saving the last step (ctrl+c quits without it) …")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if worker_ends(session):
            return print_last_words(session, code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # this takes less than a second now
    what = "save" if session.subject.saving else "step"
    note(f"quit without waiting for the {what} under way. {session.subject.kept}")
    # In a thread, because the disk may hang.
    abandoning = threading.Thread(target=session.subject.abandon, daemon=True)
    abandoning.start()
    abandoning.join(ABANDON_WAIT)
    return end_process(code)


def worker_ends(session: Session) -> bool:
    """Wait for the worker to end: STEP_WAIT for the current step, without limit for a save."""
    deadline = time.monotonic() + STEP_WAIT
    while not session.finished.wait(POLL):
        if not session.subject.saving and time.monotonic() > deadline:
            return False
    return True


def print_last_words(session: Session, code: int) -> int:
    """Print what was not on the screen any more; returns the exit code, 1 if a save failed."""
    for text in session.subject.last_words:
        click.echo(f"rugtui: {text}", err=True)  # may be a traceback of several lines
    return 1 if session.subject.unsaved else code


def end_process(code: int) -> int:
    """End the process even if threads are in a long computation, whose result is not needed.

    A thread cannot be killed, and Python's own exit would wait for it: seconds, at large sizes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
