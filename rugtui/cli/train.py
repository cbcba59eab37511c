"""`rugtui train`: train without a screen, to the target or to a signal; `resume` shares it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    GroupedHelp,
    PathOption,
    declared_option,
    given_preferences,
    given_settings,
    settings_options,
)
from rugtui.cli.output import ProgressPrinter, emit, json_option
from rugtui.cli.signals import Signals
from rugtui.errors import UsageError
from rugtui.runtime.garbage import frozen_gc
from rugtui.settings.fields import fields_of
from rugtui.settings.preferences import Preferences

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase
    from rugtui.training.state import StepResult
    from rugtui.training.trainer import Trainer

HELDOUT_SAMPLES, URGENT_SAMPLES = 32_768, 2_048
"""Fresh samples for the loss in the result; and where there is no time for more."""
TELL_EVERY = 10.0
"""Seconds between two lines of progress if standard error is not a terminal."""


def require_no_run(into: Path) -> None:
    """Raises UsageError if the folder for runs is itself a run, a snapshot or a sweep."""
    from rugtui.storage.run_directory import kind_of

    if kind := kind_of(into):
        raise UsageError(
            f"--into names a folder in which runs are kept, and {str(into)!r} is a {kind}: name "
            "another" + (f", or continue it by `rugtui resume {into}`." if kind == "run" else ".")
        )


def keeping_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of how a run without a screen is saved."""
    for name in ("autosave", "on_hangup"):
        command = declared_option(fields_of(Preferences)[name])(command)
    return command


@click.command(name="train", cls=GroupedHelp)
@settings_options
@click.option("--into", type=PathOption("folder"), help="Folder to keep the run in.")
@keeping_options
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    into: Path | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Train without a screen: progress on standard error, the result on standard output.

    The run is saved as it goes. Interrupted (ctrl+c), it also saves the last step and exits with
    130; `rugtui resume` continues from there.
    """
    config = read_config(given=given).complain()
    settings = given_settings(given, config.settings)
    preferences = given_preferences(given, config.preferences)
    if into is not None:
        require_no_run(into)
    with Signals(preferences.on_hangup) as signals:
        with frozen_gc():
            from rugtui.live.run_session import RunSession
            from rugtui.training.kernels.passes import prepare

            prepare()
        session = RunSession.new(settings, into=into, every=preferences.autosave)
        code = train_on(session, signals, quiet=quiet, as_json=as_json)
    ctx.exit(code)


def train_on(session: RunSession, signals: Signals, *, quiet: bool, as_json: bool) -> int:
    """Train to the target or to a signal, saving as it goes; returns the exit code, which is 1 if
    the last step could not be saved.

    The result goes to standard output and into the run's log, in case the terminal is gone. Raises
    TrainingError, after saving the state before it.
    """
    signals.attend(session.detach)
    told = Narrator(session.trainer, quiet=quiet)
    phase: Phase = "failed"
    try:
        while not session.trainer.done and not signals.ended:
            if result := session.advance(lambda: signals.ended):
                told.result(result)
            tell_news(told, session)
        phase = "done" if session.trainer.done else "paused"
        told.ending(session)
    finally:
        told.close()
        kept = close(session, phase, told, by=signals.name)
    urgent = signals.number in (signal.SIGTERM, signal.SIGHUP)  # SIGKILL may follow soon
    if not urgent:
        try:
            save_snapshot(session, phase)
        except OSError as error:  # the result is still printed
            told.warn(f"rugtui: snapshot not written: {error}")
            kept = False
    result = summary(session, URGENT_SAMPLES if urgent else HELDOUT_SAMPLES)
    session.writer.note(json.dumps(result))
    try:
        emit(result, as_json)
    except OSError:
        if signals.number != signal.SIGHUP:  # otherwise nobody reads it, and the log has it
            raise
    return signals.exit_code if kept else 1


def tell_news(told: ProgressPrinter, session: RunSession) -> None:
    """Print the run's messages about saving and about the files that it was resumed from."""
    for text, bad in session.news():
        (told.warn if bad else told.say)(f"rugtui: {text}")


def close(session: RunSession, phase: Phase, told: ProgressPrinter, *, by: str) -> bool:
    """Wait until the last step is on disk, however slow that is, and close the run; returns whether
    it was saved. A second ctrl+c raises KeyboardInterrupt. `by`: the signal that ended the run."""
    session.save_last(phase)
    while not session.writer.wait(TELL_EVERY):
        told.warn(f"rugtui: still saving step {session.trainer.step:,} (ctrl+c quits without it)")
    kept = session.close(phase, None, by=by)
    tell_news(told, session)
    if session.writer.unsaved:
        told.warn(f"rugtui: {session.writer.unsaved}")
    elif by:
        told.say(f"rugtui: ended by {by}. {session.kept()}".rstrip())
    return kept


def summary(session: RunSession, samples: int | None = None) -> dict[str, Any]:
    """The result as `--json` prints it; the loss is measured on fresh held-out samples."""
    from rugtui.api.runs import summary

    return summary(session, samples or HELDOUT_SAMPLES)


def save_snapshot(session: RunSession, phase: Phase) -> None:
    """Save weights and history of the last step as a snapshot. Raises OSError."""
    from rugtui.storage.snapshot import write_snapshot

    if session.writer.run is None:
        return
    write_snapshot(
        session.writer.run,
        session.run_state(phase),
        kind="trained",
        weights=session.trainer.weights(),
        facts={},
    )


class Narrator(ProgressPrinter):
    """Progress and notes of a run while it trains."""

    def __init__(self, training: Trainer, *, quiet: bool) -> None:
        from rugtui.analysis.verdict import caveat, comparable
        from rugtui.theory.levels import levels

        settings = training.settings
        best = levels(settings.ratio, settings.p_on, settings.magnitude).loss
        self._best = best if comparable(settings) else None
        super().__init__(settings.steps or None, training.step, every=TELL_EVERY, quiet=quiet)
        if caveat(settings):
            self.say(f"rugtui: {caveat(settings)}")

    def result(self, result: StepResult) -> None:
        said = f"loss {result.loss:.6f}"
        if self._best is not None:
            said += f" = {result.loss / self._best:.3f} L*"
        self.at(result.step, f"step {result.step:,}", said)

    def ending(self, session: RunSession) -> None:
        """Say why it ended, unless all steps were done."""
        if session.trainer.done and not session.trainer.at_end:
            self.say(f"rugtui: over at step {session.trainer.step:,}: {session.trainer.ending}")
