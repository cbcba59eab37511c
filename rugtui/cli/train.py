"""`rugtui train`: the same run without a screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.options import given_settings, settings_options
from rugtui.cli.output import INTERRUPTED, emit, json_option

if TYPE_CHECKING:
    from rugtui.session.history import History
    from rugtui.training.loop import StepResult, Training

HELDOUT_SAMPLES = 32_768
"""Fresh samples for the loss in the result."""
TELL_EVERY = 10.0
"""Seconds between two lines of progress where standard error is no terminal."""


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
        for result in with_progress(training, quiet=quiet):
            history.add(result, time.perf_counter() - started)
    except KeyboardInterrupt:
        interrupted = True
        click.echo("interrupted: saving what there is", err=True)
    seconds = time.perf_counter() - started
    save(run, training, history)
    emit(summary(training, seconds, run), as_json)
    if interrupted:
        ctx.exit(INTERRUPTED)


def with_progress(training: Training, *, quiet: bool) -> Iterator[StepResult]:
    """The results of the run, told on standard error as they come: a bar on a terminal, else a
    line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from rugtui.theory.levels import levels
    from rugtui.training.loop import results

    best = levels(training.settings.ratio, training.settings.p).loss
    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("step {task.completed:,.0f}"),
        BarColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    told_at = time.monotonic()
    total = training.settings.steps or None
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("train", total=total, loss="")
        for result in results(training):
            said = f"loss {result.loss:.6f} = {result.loss / best:.3f} L*"
            bar.update(task, completed=result.step, loss=said)
            if not console.is_terminal and time.monotonic() - told_at > TELL_EVERY:
                told_at = time.monotonic()
                console.print(f"step {result.step:,}  {said}", highlight=False)
            yield result


def summary(training: Training, seconds: float, run: Path) -> dict[str, Any]:
    """The promised keys; the loss is that of fresh held-out data."""
    from rugtui.theory.levels import levels

    settings = training.settings
    held = training.measure(HELDOUT_SAMPLES)
    return {
        "n_sparse": settings.n_sparse,
        "n_dense": settings.n_dense,
        "p": settings.p,
        "method": settings.method,
        "steps": training.step,
        "seconds": seconds,
        "steps_per_second": training.step / seconds,
        "loss": held.mean,
        "loss_standard_error": held.standard_error,
        "theory_loss": levels(settings.ratio, settings.p).loss,
        "device": str(training.device),
        "seed": settings.seed,
        "run": str(run),
    }


def save(run: Path, training: Training, history: History) -> None:
    """Weights and history of the last step, as a snapshot in the run. Raises OSError."""
    from rugtui.runs.snapshot import write_snapshot
    from rugtui.session.history import NAMES

    write_snapshot(
        run,
        step=training.step,
        kind="trained",
        weights=training.weights(),
        settings=training.settings,
        device=str(training.device),
        facts={},
        columns=NAMES,
        history=history.view().table,
    )
