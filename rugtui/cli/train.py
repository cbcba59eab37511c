"""`rugtui train`: train without a screen, to the target or to a signal; `resume` shares it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
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
from rugtui.errors import UsageError
from rugtui.runtime.garbage import frozen_gc
from rugtui.runtime.terminal import silence
from rugtui.settings.fields import fields_of
from rugtui.settings.preferences import OnHangup, Preferences

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase
    from rugtui.training.result import StepResult
    from rugtui.training.trainer import Trainer

HELDOUT_SAMPLES, URGENT_SAMPLES = 32_768, 2_048
"""Fresh samples for the loss in the result; and where there is no time for more."""
TELL_EVERY = 10.0
"""Seconds between two lines of progress if standard error is not a terminal."""


def require_no_run(into: Path) -> None:
    """Raises UsageError where a run, a snapshot or a sweep is named as a folder for runs."""
    from rugtui.storage.target import kind_of

    if kind := kind_of(into):
        raise UsageError(
            f"--into names a folder in which runs are kept, and {str(into)!r} is a {kind}: name "
            "another" + (f", or go on with it by `rugtui resume {into}`." if kind == "run" else ".")
        )


def keeping_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for how a run without a screen is saved."""
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

    The run is saved as it goes; interrupted (ctrl+c), it saves the last step too and exits with
    130. `rugtui resume` goes on from there.
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
        course = RunSession.new(settings, into=into, every=preferences.autosave)
        code = train_on(course, signals, quiet=quiet, as_json=as_json)
    ctx.exit(code)


def train_on(course: RunSession, signals: Signals, *, quiet: bool, as_json: bool) -> int:
    """Train to the target or to a signal, keeping the run as it goes; returns the exit code, which
    is 1 where the last step could not be kept.

    The result goes to standard output and, for a run whose terminal went, into its log. Raises
    TrainingError, after saving what there was before it.
    """
    signals.attend(course)
    told = Narrator(course.trainer, quiet=quiet)
    phase: Phase = "failed"
    try:
        while not course.trainer.done and not signals.ended:
            if result := course.advance(lambda: signals.ended):
                told.result(result)
            tell_news(told, course)
        phase = "done" if course.trainer.done else "paused"
        told.ending(course)
    finally:
        told.close()
        kept = leave(course, phase, told, by=signals.name)
    urgent = signals.number in (signal.SIGTERM, signal.SIGHUP)  # whoever sent it soon kills
    if not urgent:
        try:
            save_snapshot(course, phase)
        except OSError as error:  # the result is worth more
            told.warn(f"rugtui: snapshot not written: {error}")
            kept = False
    result = summary(course, URGENT_SAMPLES if urgent else HELDOUT_SAMPLES)
    course.writer.note(json.dumps(result))
    try:
        emit(result, as_json)
    except OSError:
        if signals.number != signal.SIGHUP:  # else nobody is there to read it, and the log has it
            raise
    if not kept:
        return 1
    return 128 + signals.number if signals.ended else 0


def tell_news(told: ProgressPrinter, course: RunSession) -> None:
    """What there is to tell of how the run is kept, and of the files that it was taken up from."""
    for text, bad in course.news():
        (told.warn if bad else told.say)(f"rugtui: {text}")


def leave(course: RunSession, phase: Phase, told: ProgressPrinter, *, by: str) -> bool:
    """Wait until the last step is on disk, however slow that is, and give the run free; whether it
    is there. A second ctrl+c raises KeyboardInterrupt. `by`: the signal that ended the run."""
    course.save_last(phase)
    while not course.writer.wait(TELL_EVERY):
        told.warn(f"rugtui: still saving step {course.trainer.step:,} (ctrl+c leaves without)")
    kept = course.leave(phase, None, by=by)
    tell_news(told, course)
    if course.writer.unsaved:
        told.warn(f"rugtui: {course.writer.unsaved}")
    elif by:
        told.say(f"rugtui: ended by {by}. {course.kept()}".rstrip())
    return kept


def summary(course: RunSession, samples: int | None = None) -> dict[str, Any]:
    """The result as `--json` prints it; the loss is measured on fresh held-out samples."""
    from rugtui.api.runs import summary

    return summary(course, samples or HELDOUT_SAMPLES)


def save_snapshot(course: RunSession, phase: Phase) -> None:
    """Save weights and history of the last step as a snapshot. Raises OSError."""
    from rugtui.storage.snapshot import write_snapshot

    if course.writer.run is None:
        return
    write_snapshot(
        course.writer.run,
        course.moment(phase),
        kind="trained",
        weights=course.trainer.weights(),
        facts={},
    )


class Signals:
    """Turns signals into a wish to end, which training hears between two pieces of a step.

    Before there is anything to save (`attend`), a signal ends what is under way at once. When the
    terminal goes, a run that continues has nobody to talk to: its outputs are closed.
    """

    def __init__(self, on_hangup: OnHangup) -> None:
        self.number = 0
        self._course: RunSession | None = None
        self._on_hangup, self._hung_up = on_hangup, False
        self._before: dict[int, Any] = {}

    @property
    def ended(self) -> bool:
        return bool(self.number)

    @property
    def name(self) -> str:
        """SIGTERM, say, of the signal that ended the run; empty before there is one."""
        return signal.Signals(self.number).name if self.number else ""

    def attend(self, course: RunSession) -> None:
        """From now on a signal lets this run save its last step."""
        self._course = course
        if self._hung_up:
            course.detach()

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: it is to stay ignored
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._on_hangup == "continue":
            silence()
            self._hung_up = True
            if self._course is not None:
                self._course.detach()
        elif self.number == number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: not even saving is waited for
        elif self._course is not None:
            self.number = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)


class Narrator(ProgressPrinter):
    """Progress and notes of a run while it trains."""

    def __init__(self, training: Trainer, *, quiet: bool) -> None:
        from rugtui.analysis.verdict import caveat, comparable
        from rugtui.theory.levels import levels

        settings = training.settings
        best = levels(settings.ratio, settings.p_on).loss
        self._best = best if comparable(settings) else None
        super().__init__(settings.steps or None, training.step, every=TELL_EVERY, quiet=quiet)
        if caveat(settings):
            self.say(f"rugtui: {caveat(settings)}")

    def result(self, result: StepResult) -> None:
        said = f"loss {result.loss:.6f}"
        if self._best is not None:
            said += f" = {result.loss / self._best:.3f} L*"
        self.at(result.step, f"step {result.step:,}", said)

    def ending(self, course: RunSession) -> None:
        """Say why it ended, unless all steps were done."""
        if course.trainer.done and not course.trainer.at_end:
            self.say(f"rugtui: over at step {course.trainer.step:,}: {course.trainer.ending}")
