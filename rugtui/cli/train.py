"""`rugtui train`: the same run without a screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.options import given_settings, settings_options
from rugtui.cli.output import emit, json_option

if TYPE_CHECKING:
    pass


@click.command(name="train")
@settings_options
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Folder for the run."
)
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, into: Path | None, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Train without a screen: progress on standard error, the result on standard output.

    Interrupted (ctrl+c), it saves what it has and exits with 130.
    """
    settings = given_settings(given)
    from rugtui.runs.directory import create_run
    from rugtui.session.history import History
    from rugtui.training.loop import Training

    training, history = Training(settings), History()
    run = create_run(settings, device=str(training.device), into=into)
    started = time.perf_counter()
    interrupted = False
    try:
        for result in progress(training, quiet=quiet):
            note(history, result, time.perf_counter() - started)
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.perf_counter() - started
    save(run, training, history)
    emit(summary(training, seconds, run), as_json)
    if interrupted:
        ctx.exit(130)
