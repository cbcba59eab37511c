"""`rugtui export`: a run, a snapshot or a file of weights in the formats of others."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.options import (
    OF_FILE,
    PathOption,
    SettingType,
    Written,
    complete_runs,
    names_option,
    with_names,
)
from rugtui.cli.output import echo_path, write_json_line
from rugtui.errors import DamagedError, RunError, UsageError
from rugtui.runtime.characters import printable
from rugtui.settings.settings import Settings, declared

if TYPE_CHECKING:
    from rugtui.storage.load import Saved
    from rugtui.storage.run_directory import Target

FORMATS = ("safetensors", "npz", "csv", "json", "png", "gif", "svg", "tensorboard")
TEXT = ("csv", "json")
"""Formats that are written to standard output if no file is named."""


@click.command(name="export")
@click.argument("what", required=False, metavar="[RUN|SNAPSHOT|FILE]", shell_complete=complete_runs)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(FORMATS),
    help="What to write.  [that of --output's name]",
)
@click.option(
    "--output",
    "-o",
    type=PathOption("output"),
    help="File to write; - is standard output.  [csv and json: -, others: NAME.FORMAT]",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option(
    "--p", type=SettingType(declared("p")), help=f"{OF_FILE} where its losses are taken.  [0.05]"
)
@click.option(
    "--activation",
    type=SettingType(declared("activation")),
    help=f"{OF_FILE} what follows W x + b.",
)
@click.option(
    "--k", type=SettingType(declared("k")), help=f"{OF_FILE} outputs that topk keeps.  [p n_sparse]"
)
@names_option
@click.option("--json", "as_json", is_flag=True, help="Print format, output and bytes as JSON.")
def command(
    what: str | None,
    wanted: str | None,
    output: Path | None,
    force: bool,
    p: Written | None,
    activation: Written | None,
    k: Written | None,
    names: str | None,
    as_json: bool,
) -> None:
    """Write a run (by default the latest), a snapshot or a file of weights in another format.

    \b
    safetensors, npz  weights W_in, W_out, b; npz has the history too
    csv               the history, raw and smoothed (the old results of a very long one thinned)
    json              settings, theory, statistics, units and versions
    png               W at full resolution, with its colours explained
    gif               W and the loss curve of a run, animated over the steps that were kept
    svg               the dashboard: of a snapshot as it was when that was saved, else drawn anew
    tensorboard       a folder of event files with the history (needs rugtui[tensorboard])
    """  # fmt: skip
    format_name = _format(wanted, output)
    from rugtui.storage.run_directory import find_target

    found = find_target(what if names is None else with_names(what, names))
    given = {"p": p, "activation": activation, "k": k, "names": names}
    if found.kind != "weights" and (said := [n for n, one in given.items() if one is not None]):
        raise UsageError(f"--{said[0]} is for a file of weights; a {found.kind} has its own.")
    changes = {name: one.value for name, one in given.items() if isinstance(one, Written)}
    output = output or _default(found, format_name)
    if as_json and str(output) == "-":
        raise UsageError("--json says which file was written: name one with --output.")
    if format_name == "tensorboard":
        size = _event_files(_loaded(found, changes), output)
        _tell(format_name, output, size, as_json=as_json)
        return
    if format_name == "svg":
        content = _screen(found, changes)
    elif format_name == "csv":
        content = _csv(found)
    else:
        content = WRITERS[format_name](_loaded(found, changes))
    if str(output) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    _deliver(content, output, force=force)
    _tell(format_name, output, len(content), as_json=as_json)


def _format(wanted: str | None, output: Path | None) -> str:
    if wanted is None and output is not None and output.suffix[1:] in FORMATS:
        return output.suffix[1:]
    if wanted is None:
        raise UsageError(f"--format must be one of {', '.join(FORMATS)}; none was given.")
    return wanted


def _loaded(found: Target, changes: dict[str, Any]) -> Saved:
    """Load what was saved, and report what is damaged."""
    from rugtui.storage.load import load, with_unknown

    saved = load(found.path)
    for note in saved.notes:
        click.echo(f"rugtui: {printable(note)}", err=True)
    if saved.kind != "file":
        return saved
    return dataclasses.replace(saved, settings=with_unknown(saved.settings, changes))


def _default(found: Target, format_name: str) -> Path:
    """The default output path: a file's suffix is replaced; a run's name may contain a dot."""
    from rugtui.models.weight_files.archive import split_selectors

    name = split_selectors(found.path)[0].stem if found.kind == "weights" else found.path.name
    return Path("-") if format_name in TEXT else Path(f"{name}.{format_name}")


def _deliver(content: bytes, output: Path, *, force: bool) -> None:
    from rugtui.storage.files import write_whole

    if output.exists() and not force:
        raise UsageError(f"{str(output)!r} already exists: --force overwrites it.")
    write_whole(output, content)


def _tell(format_name: str, output: Path, size: int, *, as_json: bool) -> None:
    """Print what was written."""
    if as_json:
        write_json_line({"format": format_name, "output": str(output), "bytes": size})
    else:
        echo_path(output)


def _event_files(saved: Saved, folder: Path) -> int:
    """Write a folder of event files; returns its size in bytes."""
    if saved.kind == "file":
        raise UsageError(f"only weights are read of {str(saved.path)!r}: there is no history.")
    if folder.exists():
        raise UsageError(f"{str(folder)!r} already exists: name a new folder.")
    from rugtui.storage.event_files import write_event_files

    write_event_files(saved, folder)
    return sum(file.stat().st_size for file in folder.iterdir())


def _safetensors(saved: Saved) -> bytes:
    from rugtui.storage.snapshot import weights_bytes

    facts = {"kind": saved.kind, "step": saved.step, "settings": saved.settings.as_dict()}
    return weights_bytes(saved.weights, facts)


def _npz(saved: Saved) -> bytes:
    import numpy as np

    from rugtui.storage.snapshot import named_arrays

    weights = saved.weights
    arrays: dict[str, Any] = {name: one.numpy() for name, one in named_arrays(weights).items()}
    arrays |= {f"history_{name}": column for name, column in saved.history.items()}
    file = io.BytesIO()
    np.savez(file, settings=np.array(json.dumps(saved.settings.as_dict())), **arrays)
    return file.getvalue()


def _csv(found: Target) -> bytes:
    """The history; it does not need weights, which may be damaged or were never saved."""
    if found.kind == "weights":
        raise UsageError(f"only weights are read of {str(found.path)!r}: there is no history.")
    from rugtui.storage.history_file import NAMES, read_past
    from rugtui.storage.load import load
    from rugtui.storage.snapshot import table_bytes

    try:
        saved = load(found.path)
        past, notes = saved.past, saved.notes
    except (DamagedError, RunError) as error:
        past, damaged = read_past(found.path, NAMES)
        notes = [str(error), *damaged]
        if not past.table.shape[1]:
            raise
    for note in notes:
        click.echo(f"rugtui: {printable(note)}", err=True)
    return table_bytes(past.columns, past.table)


def _json(saved: Saved) -> bytes:
    """The facts of a snapshot; missing ones, and those of a run, are computed."""
    import numpy as np

    from rugtui.analysis.statistics import statistics
    from rugtui.analysis.verdict import caveat
    from rugtui.api.predictions import losses_on_data, losses_with
    from rugtui.cli.predict import UNSAID_ACTIVATION, UNSAID_P
    from rugtui.storage.files import dump, plain
    from rugtui.storage.run_directory import versions
    from rugtui.theory.levels import levels
    from rugtui.vocabulary import OLD, SCHEMA_VERSION, UNITS, with_new_names

    settings = saved.settings
    facts = {name: value for name, value in saved.facts.items() if name not in ("files", "sizes")}
    p = settings.p_on
    if p is None:
        p = Settings().p
        click.echo(f"rugtui: {UNSAID_P}", err=True)
    if settings.activation is None:
        click.echo(f"rugtui: {UNSAID_ACTIVATION}", err=True)
    if facts.get("statistics", {}).get("exact") is None:
        generator = np.random.default_rng(settings.seed)
        measured = statistics(saved.weights, p, generator=generator)
        facts["statistics"] = {"step": saved.step, **measured.numbers()}
    if saved.kind != "rug":  # a rug's activation is a ReLU whatever the run's is
        activation = settings.activation or "relu"
        model: Any = {"seed": settings.seed, "k": settings.k, "magnitude": settings.magnitude}
        others = losses_with(activation, saved.weights, p, **model)
        if saved.kind != "file" and (settings.data != "bernoulli" or settings.p_decay):
            others |= losses_on_data(settings, saved.weights)
        facts["statistics"] = {**facts["statistics"], **others}
        facts["statistics"] |= {
            old: others[new] for old, new in OLD["export"].items() if new in others
        }
    if settings.activation is not None and (about := caveat(settings)):
        facts["caveat"] = about
    facts["statistics"] = with_new_names("export", facts["statistics"])
    facts |= {
        "schema_version": SCHEMA_VERSION,
        "kind": saved.kind,
        "step": saved.step,
        "settings": settings.as_dict(),
        "units": UNITS,
        "theory": with_new_names(
            "export", dataclasses.asdict(levels(settings.ratio, p, settings.magnitude))
        ),
        "changes": [{"step": step, "change": text} for step, text in saved.marks],
        "exported": versions(),
    }
    return dump(plain(facts), indent=2).encode() + b"\n"


def _png(saved: Saved) -> bytes:
    from rugtui.storage.heatmap import heatmap_png
    from rugtui.tui.charts.palette import picture_colours

    title = saved.path.name if saved.kind == "file" else f"{saved.kind} step {saved.step}"
    facts = {"kind": saved.kind, "step": saved.step, "settings": saved.settings.as_dict()}
    return heatmap_png(saved.weights, picture_colours(dark=False), title, json.dumps(facts))


def _gif(saved: Saved) -> bytes:
    from rugtui.analysis.verdict import comparable
    from rugtui.models.base import Weights
    from rugtui.storage.kept_steps import kept_steps, read_kept
    from rugtui.theory.levels import levels
    from rugtui.tui.charts.palette import picture_colours
    from rugtui.tui.heatmap.animation import Curve, replay_gif

    run, settings, history = saved.path, saved.settings, saved.history
    earlier = [step for step in kept_steps(run) if step < saved.step]
    if not earlier:
        raise UsageError(
            f"{str(run)!r} has no weights of earlier steps to animate: runs keep some, snapshots, "
            "files and runs of rugtui 0.1 do not."
        )

    def read(step: int) -> Weights:
        weights = saved.weights if step == saved.step else read_kept(run, step)
        return weights.mapped(lambda part: part.float())

    best = levels(settings.ratio, settings.p_on).loss if comparable(settings) else None
    curve = Curve(history["step"].astype(float), history["smoothed"], best)
    return replay_gif([*earlier, saved.step], read, curve, picture_colours(dark=True))


def _screen(found: Target, changes: dict[str, Any]) -> bytes:
    """The screen saved in a snapshot; otherwise the dashboard that opens the target."""
    from rugtui.storage.files import read_bytes
    from rugtui.storage.snapshot import read_snapshot

    if found.kind == "snapshot" and SCREEN in read_snapshot(found.path).get("files", {}):
        return read_bytes(found.path / SCREEN, SCREEN_MOST)
    from rugtui.cli.open import opened
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session
    from rugtui.settings.settings import Settings
    from rugtui.tui.render_svg import render_svg

    click.echo("rugtui: drawing the dashboard …", err=True)
    on_cpu = {**changes, "device": "cpu"}  # a run may be training on what else there is
    source = found.path.name
    own = OwnRun(Settings(), lambda: opened(found, on_cpu, every=math.inf), source=source)
    return render_svg(Session(own)).encode()


SCREEN = "screen.svg"
SCREEN_MOST = 64 << 20
WRITERS: dict[str, Callable[[Saved], bytes]] = {
    "safetensors": _safetensors,
    "npz": _npz,
    "json": _json,
    "png": _png,
    "gif": _gif,
}
