"""`rugtui train`: trains without a dashboard until the run is done or a signal comes."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    SAVING,
    GroupedHelp,
    PathOption,
    declared_options,
    given_preferences,
    given_settings,
    settings_options,
)
from rugtui.cli.output import ProgressPrinter, json_option, print_result
from rugtui.cli.signals import Signals
from rugtui.errors import UsageError
from rugtui.runtime.threads import frozen_gc

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase
    from rugtui.training.state import StepResult
    from rugtui.training.trainer import Trainer

HELDOUT_SAMPLES, URGENT_SAMPLES = 32_768, 2_048
"""Fresh samples for the loss in the result; and where there is no time for more."""
LINE_EVERY = 10.0
"""Seconds between two lines of progress if standard error is not a terminal."""


@click.command(name="train", cls=GroupedHelp)
@settings_options()
@click.option("--into", type=PathOption("folder"), help="Folder to save the run in.")
@declared_options(SAVING)
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
    """Train without the dashboard: progress on standard error, the result on standard output.

    The run is saved as it goes. When interrupted (ctrl+c) it saves the last step and exits with
    130; `rugtui resume` continues from there.
    """
    from rugtui.storage.run_directory import kind_of

    config = read_config(given=given).report()
    settings = given_settings(given, config.settings)
    preferences = given_preferences(given, config.preferences)
    if into is not None and (kind := kind_of(into)):
        hint = f", or continue it with `rugtui resume {into}`." if kind == "run" else "."
        raise UsageError(
            f"--into names a folder to save runs in, but {str(into)!r} is a {kind}: name another"
            + hint
        )
    with Signals(preferences.on_hangup) as signals:
        with frozen_gc():
            from rugtui.live.run_session import RunSession
            from rugtui.training.kernels.passes import prepare

            prepare()
        session = RunSession.new(settings, into=into, every=preferences.autosave)
        code = train_on(session, signals, quiet=quiet, as_json=as_json)
    ctx.exit(code)


def train_on(session: RunSession, signals: Signals, *, quiet: bool, as_json: bool) -> int:
    """Train until the run is done or a signal comes, saving as it goes; returns the exit code,
    which is 1 if the last step could not be saved.

    The result goes to standard output and into the run's log, in case the terminal is gone. Raises
    TrainingError, after saving the state before it.
    """
    from rugtui.api.runs import summary

    signals.save_first(session.detach)
    progress = TrainProgress(session.trainer, quiet=quiet)
    phase: Phase = "failed"
    try:
        while not session.trainer.done and not signals.ended:
            if result := session.advance(lambda: signals.ended):
                progress.result(result)
            print_news(progress, session)
        phase = "done" if session.trainer.done else "paused"
        if session.trainer.done and not session.trainer.at_end:
            step, reason = session.trainer.step, session.trainer.ending
            progress.say(f"rugtui: stopped at step {step:,}: {reason}")
    finally:
        progress.close()
        saved = close(session, phase, progress, by=signals.name)
    urgent = signals.number in (signal.SIGTERM, signal.SIGHUP)  # SIGKILL may follow soon
    if not urgent:
        try:
            save_snapshot(session, phase)
        except OSError as error:  # the result is still printed
            progress.warn(f"rugtui: snapshot not written: {error}")
            saved = False
    result = summary(session, URGENT_SAMPLES if urgent else HELDOUT_SAMPLES)
    session.writer.note(json.dumps(result))
    try:
        print_result(result, as_json)
    except OSError:
        if signals.number != signal.SIGHUP:  # otherwise nobody reads it, and the log has it
            raise
    return signals.exit_code if saved else 1


def print_news(progress: ProgressPrinter, session: RunSession) -> None:
    """Print the run's messages about saving and about the files that it was resumed from."""
    for text, bad in session.news():
        (progress.warn if bad else progress.say)(f"rugtui: {text}")


def close(session: RunSession, phase: Phase, progress: ProgressPrinter, *, by: str) -> bool:
    """Wait until the last step is on disk, however slow that is, and close the run; returns whether
    it was saved. A second ctrl+c raises KeyboardInterrupt. `by`: the signal that ended the run."""
    session.save_last(phase)
    while not session.writer.wait(LINE_EVERY):
        step = session.trainer.step
        progress.warn(f"rugtui: still saving step {step:,} (ctrl+c quits without it)")
    saved = session.close(phase, None, by=by)
    print_news(progress, session)
    if session.writer.unsaved:
        progress.warn(f"rugtui: {session.writer.unsaved}")
    elif by:
        progress.say(f"rugtui: ended by {by}. {session.kept()}".rstrip())
    return saved


def save_snapshot(session: RunSession, phase: Phase) -> None:
    """Save weights and history of the last step as a snapshot. Raises OSError."""
    from rugtui.storage.snapshot import write_snapshot

    if (run := session.writer.run) is not None:
        state, weights = session.run_state(phase), session.trainer.weights()
        write_snapshot(run, state, kind="trained", weights=weights, facts={})


class TrainProgress(ProgressPrinter):
    """Steps and losses of a run while it trains."""

    def __init__(self, trainer: Trainer, *, quiet: bool) -> None:
        from rugtui.analysis.verdict import caveat, comparable
        from rugtui.theory.levels import levels

        settings = trainer.settings
        best = levels(settings.ratio, settings.p_on, settings.magnitude).loss
        self._best = best if comparable(settings) else None
        super().__init__(settings.steps or None, trainer.step, every=LINE_EVERY, quiet=quiet)
        if caveat(settings):
            self.say(f"rugtui: {caveat(settings)}")

    def result(self, result: StepResult) -> None:
        text = f"loss {result.loss:.6f}"
        if self._best is not None:
            text += f" = {result.loss / self._best:.3f} L*"
        self.update(result.step, f"step {result.step:,}", text)
