"""`rugtui export`: writes a run, a snapshot or a file of weights in another format."""

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
    GivenValue,
    PathOption,
    SettingType,
    activation_option,
    complete_runs,
    k_option,
    names_option,
    with_names,
)
from rugtui.cli.output import note, print_json, print_path
from rugtui.errors import DamagedError, RunError, UsageError
from rugtui.settings.settings import Settings, declared

if TYPE_CHECKING:
    from rugtui.storage.load import Saved
    from rugtui.storage.run_directory import Target

FORMATS = ("safetensors", "npz", "csv", "json", "png", "gif", "svg", "tensorboard")
TEXT = ("csv", "json")
"""Formats that are written to standard output if no file is named."""
NO_HISTORY = "{!r} is a file of weights: there is no history in it."


@click.command(name="export")
@click.argument("what", required=False, metavar="[RUN|SNAPSHOT|FILE]", shell_complete=complete_runs)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(FORMATS),
    help="Format to write.  [the suffix of --output]",
)
@click.option(
    "--output",
    "-o",
    type=PathOption("output"),
    help="File to write; - is standard output.  [csv and json: -, others: NAME.FORMAT]",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option(
    "--p", type=SettingType(declared("p")), help=f"{OF_FILE} the p of its losses.  [0.05]"
)
@activation_option
@k_option
@names_option
@click.option("--json", "as_json", is_flag=True, help="Print format, output and bytes as JSON.")
def command(
    what: str | None,
    wanted: str | None,
    output: Path | None,
    force: bool,
    names: str | None,
    as_json: bool,
    **given: GivenValue | None,
) -> None:
    """Write a run (by default the latest), a snapshot or a file of weights in another format.

    \b
    safetensors, npz  weights W_in, W_out, b; npz also has the history
    csv               the history, raw and smoothed (early results of a very long one are thinned)
    json              settings, theory, statistics, units and versions
    png               W at full resolution, with a legend of its colours
    gif               W and the loss curve of a run, animated over the steps that were kept
    svg               the dashboard: of a snapshot as it was saved, otherwise drawn now
    tensorboard       a folder of event files with the history (needs rugtui[tensorboard])
    """  # fmt: skip
    from rugtui.storage.run_directory import find_target

    suffix = output.suffix[1:] if output is not None else ""
    format_name = wanted or (suffix if suffix in FORMATS else None)
    if format_name is None:
        raise UsageError(f"--format must be one of {', '.join(FORMATS)}; none was given.")
    target = find_target(what if names is None else with_names(what, names))
    changes = {name: one.value for name, one in given.items() if one is not None}
    if target.kind != "weights" and (of_file := [*changes, *["names"] * (names is not None)]):
        raise UsageError(f"--{of_file[0]} is for a file of weights; a {target.kind} has its own.")
    output = output or _default_output(target, format_name)
    if as_json and str(output) == "-":
        raise UsageError("--json reports which file was written: name one with --output.")
    if format_name == "tensorboard":
        size = _event_files(_loaded(target, changes), output)
    else:
        if format_name == "svg":
            content = _screen(target, changes)
        elif format_name == "csv":
            content = _csv(target)
        else:
            content = WRITERS[format_name](_loaded(target, changes))
        if str(output) == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
            return
        if output.exists() and not force:
            raise UsageError(f"{str(output)!r} already exists: --force overwrites it.")
        from rugtui.storage.files import write_whole

        write_whole(output, content)
        size = len(content)
    if as_json:
        print_json({"format": format_name, "output": str(output), "bytes": size})
    else:
        print_path(output)


def _loaded(target: Target, changes: dict[str, Any]) -> Saved:
    """Load what was saved, and report what is damaged."""
    from rugtui.storage.load import load, with_unknown

    saved = load(target.path)
    for text in saved.notes:
        note(text)
    if saved.kind != "file":
        return saved
    return dataclasses.replace(saved, settings=with_unknown(saved.settings, changes))


def _default_output(target: Target, format_name: str) -> Path:
    """Replaces a file's suffix, and appends to a run's name, which may contain a dot."""
    from rugtui.models.weight_files.archive import split_selectors

    is_file = target.kind == "weights"
    name = split_selectors(target.path)[0].stem if is_file else target.path.name
    return Path("-") if format_name in TEXT else Path(f"{name}.{format_name}")


def _event_files(saved: Saved, folder: Path) -> int:
    """Write a folder of event files; returns its size in bytes."""
    if saved.kind == "file":
        raise UsageError(NO_HISTORY.format(str(saved.path)))
    if folder.exists():
        raise UsageError(f"{str(folder)!r} already exists: name a new folder.")
    from rugtui.storage.load import write_event_files

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


def _csv(target: Target) -> bytes:
    """The history; it does not need weights, which may be damaged or were never saved."""
    if target.kind == "weights":
        raise UsageError(NO_HISTORY.format(str(target.path)))
    from rugtui.storage.history_file import NAMES, read_past
    from rugtui.storage.load import load
    from rugtui.storage.snapshot import table_bytes

    try:
        saved = load(target.path)
        past, notes = saved.past, saved.notes
    except (DamagedError, RunError) as error:
        past, damaged = read_past(target.path, NAMES)
        notes = [str(error), *damaged]
        if not past.table.shape[1]:
            raise
    for text in notes:
        note(text)
    return table_bytes(past.columns, past.table)


def _json(saved: Saved) -> bytes:
    """The facts of a snapshot; what is missing, and all of a run, is computed."""
    import numpy as np

    from rugtui.analysis.statistics import statistics
    from rugtui.analysis.verdict import caveat
    from rugtui.api.predictions import is_independent, losses_on_data, losses_with
    from rugtui.cli.predict import NO_ACTIVATION, NO_P
    from rugtui.storage.files import dump, plain
    from rugtui.storage.run_directory import versions
    from rugtui.theory.levels import levels
    from rugtui.vocabulary import OLD, SCHEMA_VERSION, UNITS, with_new_names

    settings = saved.settings
    facts = {name: value for name, value in saved.facts.items() if name not in ("files", "sizes")}
    p = settings.p_on
    if p is None:
        p = Settings().p
        note(NO_P)
    if settings.activation is None:
        note(NO_ACTIVATION)
    elif warning := caveat(settings):
        facts["caveat"] = warning
    measured = facts.get("statistics", {})
    if measured.get("exact") is None:
        generator = np.random.default_rng(settings.seed)
        computed = statistics(saved.weights, p, generator=generator)
        measured = {"step": saved.step, **computed.numbers()}
    if saved.kind != "rug":  # a rug's activation is a ReLU whatever the run's is
        activation = settings.activation or "relu"
        model: Any = {"seed": settings.seed, "k": settings.k, "magnitude": settings.magnitude}
        losses = losses_with(activation, saved.weights, p, **model)
        if saved.kind != "file" and not is_independent(settings):
            losses |= losses_on_data(settings, saved.weights)
        renamed = {old: losses[new] for old, new in OLD["export"].items() if new in losses}
        measured = {**measured, **losses, **renamed}
    theory = dataclasses.asdict(levels(settings.ratio, p, settings.magnitude))
    facts |= {
        "statistics": with_new_names("export", measured),
        "schema_version": SCHEMA_VERSION,
        "kind": saved.kind,
        "step": saved.step,
        "settings": settings.as_dict(),
        "units": UNITS,
        "theory": with_new_names("export", theory),
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
            f"{str(run)!r} has no weights of earlier steps to animate: runs keep some, but "
            "snapshots, files and runs of rugtui 0.1 do not."
        )

    def read(step: int) -> Weights:
        weights = saved.weights if step == saved.step else read_kept(run, step)
        return weights.mapped(lambda part: part.float())

    best = levels(settings.ratio, settings.p_on).loss if comparable(settings) else None
    curve = Curve(history["step"].astype(float), history["smoothed"], best)
    return replay_gif([*earlier, saved.step], read, curve, picture_colours(dark=True))


SCREEN, SCREEN_MOST = "screen.svg", 64 << 20
"""The screen in a snapshot, and its most bytes."""


def _screen(target: Target, changes: dict[str, Any]) -> bytes:
    """The screen saved in a snapshot; otherwise the dashboard that opens the target."""
    from rugtui.storage.files import read_bytes
    from rugtui.storage.snapshot import read_snapshot

    if target.kind == "snapshot" and SCREEN in read_snapshot(target.path).get("files", {}):
        return read_bytes(target.path / SCREEN, SCREEN_MOST)
    from rugtui.cli.open import open_target
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session
    from rugtui.tui.render_svg import render_svg

    note("drawing the dashboard …")
    on_cpu = {**changes, "device": "cpu"}  # a run may be training on the GPU
    source = target.path.name
    own = OwnRun(Settings(), lambda: open_target(target, on_cpu, every=math.inf), source=source)
    return render_svg(Session(own)).encode()


WRITERS: dict[str, Callable[[Saved], bytes]] = {
    "safetensors": _safetensors,
    "npz": _npz,
    "json": _json,
    "png": _png,
    "gif": _gif,
}
